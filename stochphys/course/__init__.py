"""The course: what notebooks need and a script does not."""

from ..device import make_generator
from .page import averages, setup, sizes, stored
