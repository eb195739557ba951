"""A movie plays in both directions, its colours keep their meaning, and paper shows a filmstrip."""

import io
from base64 import b64decode
from types import SimpleNamespace

import pytest

pytest.importorskip("ipywidgets")
matplotlib = pytest.importorskip("matplotlib")

import matplotlib.pyplot as plt
import numpy as np
import torch

from stochphys.course.figures.movies import overfitting, published_runs
from stochphys.movie import Movie
from stochphys.widgets import movies
from stochphys.widgets.movies import Panel, filmstrip, play_movie

pytestmark = pytest.mark.usefixtures("course_style")
N = 12


@pytest.fixture
def film() -> torch.Tensor:
    """A bright row that falls; its pixels say which frame it is."""
    return torch.arange(1.0, N + 1)[:, None, None] * torch.rand(
        4, 8, generator=torch.Generator().manual_seed(0)
    )


@pytest.fixture
def field() -> torch.Tensor:
    """Entropy of each cell in each of the N − 1 steps."""
    return torch.randn(N - 1, 2, 4, generator=torch.Generator().manual_seed(1))


def shown(figure: plt.Figure, panel: int) -> np.ndarray:
    """What a panel of a figure holds now, in data units."""
    return np.asarray(figure.axes[panel].images[0].get_array())


def test_the_movie_plays_forwards_and_backwards(film):
    player = play_movie({"movie": film}, alt="A row falls.")
    for frame in (0, 3, N - 1):
        np.testing.assert_array_equal(shown(player.draw(frame, False), 0), film[frame])
        np.testing.assert_array_equal(shown(player.draw(frame, True), 0), film[N - 1 - frame])


def test_a_movie_played_backwards_produces_minus_its_entropy(film, field):
    """The step that begins at frame t ends a movie that runs backwards with the opposite sign."""
    panels = {"movie": film, "H": Panel(field, signed=True), "mean": Panel(field[0], signed=True)}
    player = play_movie(panels, alt="A row falls.")
    steps = N - 1  # one less than frames
    figure = player.draw(2, True)
    np.testing.assert_array_equal(shown(figure, 0), film[steps - 1 - 2])
    np.testing.assert_array_equal(shown(figure, 1), -field[steps - 1 - 2])
    np.testing.assert_array_equal(shown(figure, 2), -field[0])
    np.testing.assert_array_equal(shown(player.draw(7, False), 2), field[0])  # it stands still


def test_a_colour_means_the_same_in_every_frame_and_white_is_zero(film, field):
    player = play_movie({"movie": film, "H": Panel(field, signed=True)}, alt="A row falls.")
    limits = {
        tuple((ax.images[0].norm.vmin, ax.images[0].norm.vmax) for ax in figure.axes[:2])
        for figure in (player.draw(0, False), player.draw(9, True))
    }
    ((of_movie, of_field),) = limits
    assert of_movie == (film.min().item(), film.max().item())
    assert of_field == pytest.approx((-field.abs().max().item(), field.abs().max().item()))
    image = Panel(field, signed=True, limit=0.5).draw(plt.subplots()[1], 0)
    assert (image.norm.vmin, image.norm(0.0), image.norm.vmax) == (-0.5, 0.5, 0.5)


def test_a_map_of_coarse_cells_is_as_large_as_its_movie(film, field):
    figure = play_movie({"movie": film, "H": Panel(field, cell=2)}, alt="A row falls.").draw(
        0, False
    )
    assert figure.axes[0].images[0].get_extent() == figure.axes[1].images[0].get_extent()


def test_readers_without_a_kernel_see_the_filmstrip(film, monkeypatch):
    page: list[dict] = []
    monkeypatch.setattr(movies, "get_ipython", lambda: SimpleNamespace())
    monkeypatch.setitem(
        movies.Explorer.show.__globals__, "display", lambda bundle, raw: page.append(bundle)
    )
    player = play_movie({"A": film, "B": film.flip(0)}, alt="A row falls and rises.", dt=0.05)
    (bundle,) = page
    stored = plt.imread(io.BytesIO(b64decode(bundle["image/png"])))
    live = plt.imread(io.BytesIO(player.image.value))
    strip = filmstrip({"A": film, "B": film.flip(0)}, dt=0.05)
    assert stored.shape[1] == live.shape[1] == 840  # both as wide as the page
    assert stored.shape[:2] == tuple(np.round(strip.get_size_inches()[::-1] * 100).astype(int))
    assert bundle["text/plain"] == "A row falls and rises."


def test_the_filmstrip_shows_each_movie_from_its_first_to_its_last_frame(film, field):
    panels = {"movie": film, "H": Panel(field, signed=True), "mean": Panel(field.mean(0))}
    figure = filmstrip(panels, dt=0.1, n=4)
    drawn = [ax for ax in figure.axes if ax.images]
    assert len(drawn) == 4 + 4 + 1  # what stands still is shown once
    np.testing.assert_array_equal(drawn[0].images[0].get_array(), film[0])
    assert [ax.get_title() for ax in drawn if ax.get_title().startswith("$t$")] == [
        "$t$ = 0",
        "$t$ = 0.3",
        "$t$ = 0.7",
        "$t$ = 1",
    ]


def test_a_movie_of_many_paths_shows_the_first_with_its_own_clock(film):
    movie = Movie.of(torch.stack((film, film.flip(0))), 0.25)
    player = play_movie({"movie": movie}, alt="A row falls.")
    figure = player.draw(4, False)
    np.testing.assert_array_equal(shown(figure, 0), film[4])
    assert figure.get_suptitle() == "$t$ = 1"


def test_play_and_scrub_redraw_one_figure_and_leave_none_open(film):
    player = play_movie({"movie": film}, alt="A row falls.")
    before = player.image.value
    player.player.value = 5  # the play button moves the slider
    assert player.controls["frame"].value == 5 and player.image.value != before
    player.controls["frame"].value = 0
    assert player.image.value == before
    assert player.draw(1, False) is player.draw(2, True) and not plt.get_fignums()


@pytest.mark.parametrize(
    ("panels", "options", "what"),
    [
        ({"movie": torch.zeros(2, 5, 4, 8)}, {}, "take one movie of several"),
        ({"movie": torch.full((5, 4, 8), torch.nan)}, {}, "finite"),
        ({"movie": torch.zeros(1, 4, 8)}, {}, "at least two frames"),
        ({"map": torch.zeros(4, 8)}, {}, "at least two frames"),
        ({}, {}, "at least two frames"),
        ({"movie": torch.zeros(5, 4, 8)}, {"alt": " "}, "alt"),
    ],
)
def test_what_is_no_movie_is_refused(panels, options, what):
    with pytest.raises(ValueError, match=what):
        play_movie(panels, **{"alt": "Nothing moves.", **options})


def test_a_line_marks_where_the_held_out_loss_was_best():
    times = np.array([5.0, 10.0, 20.0, 40.0])
    readings = np.array(
        [[0.3, 0.2, 0.2, 0.4], [0.9, 0.7, 0.8, 0.7], [1.5, 0.4, 1.0, 0.6], [3, -1, 1, 0.3]]
    )
    figure, (left, right) = plt.subplots(1, 2)
    overfitting(left, times, readings)
    *curves, mark = left.lines
    for curve, reading in zip(curves, readings.T, strict=True):
        np.testing.assert_array_equal(curve.get_xydata(), np.stack((times, reading), axis=1))
    assert set(mark.get_xdata()) == {10.0}
    assert [t.get_text() for t in left.get_legend().texts][1::2] == [
        "1 − loss, held out",
        "R², held out",
    ]
    published_runs(right)
    best, last = (line.get_ydata() for line in right.lines)
    assert (best > 0.9).all() and last[0] < 0.4  # at 500 frames a movie
    plt.close(figure)
