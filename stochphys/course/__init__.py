"""The course: what notebooks need and a script does not."""

from .page import setup, sizes
