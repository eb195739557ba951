"""What a user looks at: one style, figures with controls, movies that play."""

from . import style
from .explore import explore
from .movies import Panel, filmstrip, play_movie
from .style import use_style
