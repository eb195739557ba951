"""A figure with controls: live where a kernel runs, a picture everywhere else.

The picture sits in an image widget that the controls refresh, so nothing flickers; beside the
widget, the stored output holds the default picture, which is what a reader on GitHub sees.
"""

import inspect
import io
import traceback
from base64 import b64encode
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets
import matplotlib.pyplot as plt
from IPython import get_ipython
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox


def png(figure: Figure) -> bytes:
    """The figure as a PNG file of its own fixed size."""
    buffer = io.BytesIO()
    # `savefig` would lay the figure out and draw it twice.
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def explore(
    draw: Callable[..., Figure], *, alt: str, play: str | None = None, **controls: Any
) -> "Explorer":
    """Show the figure that `draw` makes, with a control for each named argument.

    Args:
        draw: `draw(**values)` returns a matplotlib figure, in less than 0.1 s (showing it takes
            as long again). The values at the start are the defaults in its signature. Axes keep
            their places, so give them fixed limits.
        alt: the figure in words, for readers who do not see it.
        play: name of a slider that gets a play button, which turns it into a movie.
        controls: for each argument of `draw` what it can be, as in `ipywidgets.interact`:
            `(min, max, step)` for a slider, a list or a dict for a menu, or a widget.

    Returns:
        The `Explorer`, already on the page. `controls[name].value = …` moves a control from code.

    Raises:
        ValueError: no `alt`; a control that cannot be made, or cannot take the default; `play`
            does not name a slider.
        TypeError: `draw` returned something else than a figure.

    Example:
        `explore(phase_portrait, alt="Arrows circle …", T_h=(1, 20, 1))`
    """
    explorer = Explorer(draw, alt, play, controls)
    if get_ipython() is not None:
        explorer.show()
    return explorer


class Explorer:
    """What `explore` puts on the page.

    Attributes:
        controls: the widget of each argument, by name.
        image: the image widget; `image.value` is the PNG on the screen.
        message: where an error of `draw` is shown to the learner.
        player: the play button, if there is one; `player.interval` is in milliseconds.
        box: all of them together.
    """

    def __init__(self, draw: Callable[..., Figure], alt: str, play: str | None, controls: dict):
        if not alt.strip():
            raise ValueError("alt must say in words what the figure shows, got an empty string")
        self.draw, self.alt = draw, alt
        self._places: list[Bbox] = []
        defaults = {p.name: p.default for p in inspect.signature(draw).parameters.values()}
        self.controls = {
            name: _control(name, choice, defaults.get(name, inspect.Parameter.empty))
            for name, choice in controls.items()
        }
        layout = widgets.Layout(max_width="100%", align_self="flex-start")
        self.image = widgets.Image(value=self._picture(), format="png", layout=layout)
        self.message = widgets.HTML(layout=widgets.Layout(display="none"))
        rows = list(self.controls.values())
        self.player: widgets.Play | None = None
        if play is not None:
            slider = self.controls.get(play)
            if not isinstance(slider, (widgets.IntSlider, widgets.FloatSlider)):
                raise ValueError(f"play={play!r} must name a slider, one of {list(controls)}")
            self.player = _play_button(slider)
            rows.insert(rows.index(slider), self.player)
        self.box = widgets.VBox([*rows, self.message, self.image])
        self.box.add_class("widget-interact").add_class("stochphys-explore")
        for control in self.controls.values():
            control.observe(self._refresh, "value")

    @property
    def values(self) -> dict[str, Any]:
        """What `draw` is called with."""
        return {name: control.value for name, control in self.controls.items()}

    def _picture(self) -> bytes:
        already_open = set(plt.get_fignums())
        try:
            figure = self.draw(**self.values)
            if not isinstance(figure, Figure):
                raise TypeError(
                    f"draw must return a matplotlib figure, got {type(figure).__name__}; end it "
                    "with `return figure`"
                )
            # Places of axes are found once: layout is a third of the time, and nothing should jump.
            if len(self._places) == len(figure.axes):
                figure.set_layout_engine("none")
                for ax, place in zip(figure.axes, self._places, strict=True):
                    ax.set_position(place)
            picture = png(figure)
            self._places = [ax.get_position(original=True) for ax in figure.axes]
            return picture
        finally:  # a figure left open would be shown a second time below the cell
            for number in set(plt.get_fignums()) - already_open:
                plt.close(number)

    def _refresh(self, change: Any) -> None:
        self.message.layout.display = "none"
        try:
            self.image.value = self._picture()
        except Exception as error:
            lines = traceback.format_list(traceback.extract_tb(error.__traceback__)[2:])  # of draw
            text = escape("".join(lines + traceback.format_exception_only(error)))
            self.message.value = f'<pre style="color:#B00020; line-height:1.3">{text}</pre>'
            self.message.layout.display = None
            kernel = getattr(get_ipython(), "kernel", None)
            if kernel is None or kernel.get_parent("shell")["header"]["msg_type"] != "comm_msg":
                raise  # to whom runs a cell; a hand that moved a control sees the message

    def show(self, still: bytes | None = None) -> None:
        """Put it on the page: one output with the live widget, the picture and the words.

        `still` is a PNG in place of the picture, for readers without a kernel.
        """
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        page = {
            "application/vnd.jupyter.widget-view+json": view,
            "image/png": b64encode(still or self.image.value).decode(),
            "text/plain": self.alt,
        }
        display(page, raw=True)

    def _ipython_display_(self) -> None:
        """Nothing: a cell that ends with `explore(…)` has shown it already."""


def _control(name: str, choice: Any, default: Any) -> widgets.Widget:
    """The widget for one argument of `draw`, set to the default of that argument."""
    if isinstance(choice, widgets.Widget):
        return choice
    control = widgets.interactive.widget_from_abbrev(choice, default)
    if control is None:
        raise ValueError(
            f"{name}={choice!r} is not a control; give (min, max, step), a list, a dict or a widget"
        )
    if default is not inspect.Parameter.empty and control.value != default:
        raise ValueError(f"the default {name}={default!r} of draw is not among {choice!r}")
    control.description = name
    control.style.description_width = "initial"
    if hasattr(control, "continuous_update"):
        control.continuous_update = False  # else pictures queue up behind a dragged slider
    return control


def _play_button(slider: widgets.Widget) -> widgets.Play:
    """A button that moves the slider one step every 0.4 s, and follows it when it is moved."""
    low, step = slider.min, slider.step
    button = widgets.Play(min=0, max=round((slider.max - low) / step), interval=400)
    transform = (lambda value: round((value - low) / step)), (lambda steps: low + steps * step)
    widgets.link((slider, "value"), (button, "value"), transform=transform)
    return button
