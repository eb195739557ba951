"""What a user looks at: one look at data, one style, figures with controls, movies that play."""

from . import style
from .explore import explore
from .look import Look, look
from .movies import Panel, filmstrip, play_movie
from .style import use_style
