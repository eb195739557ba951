"""Figures say what they should, and controls redraw them everywhere that notebooks are read."""

import subprocess
import sys
from base64 import b64decode
from types import SimpleNamespace

import pytest

ipywidgets = pytest.importorskip("ipywidgets")
matplotlib = pytest.importorskip("matplotlib")

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.core.formatters import DisplayFormatter
from matplotlib.quiver import Quiver

from stochphys import widgets
from stochphys.course.figures import plots as figures
from stochphys.course.figures.langevin import held_by_method
from stochphys.inference.fluctuation import DetailedFluctuationTheorem
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, StirredDoubleWell
from stochphys.training import History
from stochphys.widgets import style
from stochphys.widgets.explore import png

pytestmark = pytest.mark.usefixtures("course_style")
explore_module = sys.modules["stochphys.widgets.explore"]


@pytest.fixture(scope="module")
def chain():
    return BeadSpring(T_c=1.0, T_h=10.0)


@pytest.fixture(scope="module")
def data(chain):
    generator = torch.Generator().manual_seed(0)
    return simulate(chain, 50, 200, 0.01, generator=generator)


def labels(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


# Style


@pytest.mark.slow
def test_importing_figures_changes_no_setting_of_matplotlib():
    code = (
        "import matplotlib; before = dict(matplotlib.rcParams); import stochphys.course.figures;"
        "assert before == dict(matplotlib.rcParams)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_colour_has_one_meaning():
    colours = [style.EXACT, style.DATA, style.LEARNED, style.HOT, style.COLD, *style.OTHERS]
    assert len(set(colours)) == len(colours)
    assert style.EXACT_LINE["linestyle"] == "--" and style.EXACT_LINE["color"] == style.EXACT


# What the recurring figures show


def test_slope_and_r_squared_are_those_of_the_least_squares_line():
    x = torch.linspace(-1, 2, 1000).reshape(10, 100)
    assert figures.r_squared_and_slope(x, 0.5 * x + 3) == pytest.approx((1.0, 0.5))
    y = x + torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    r_squared, slope = figures.r_squared_and_slope(x, y)
    assert slope == pytest.approx(np.polyfit(x.flatten(), y.flatten(), 1)[0])
    assert r_squared == pytest.approx(np.corrcoef(x.flatten(), y.flatten())[0, 1] ** 2)


def test_r_squared_refuses_two_lengths():
    with pytest.raises(ValueError, match="one shape, got 3 and 2 values"):
        figures.r_squared_and_slope(torch.zeros(3), torch.zeros(2))


def test_scatter_draws_a_part_but_judges_all(ax):
    exact = torch.randn(100, 99, generator=torch.Generator().manual_seed(0))
    figures.scatter_against_exact(ax, exact, 0.5 * exact)
    assert 1000 < len(ax.collections[0].get_offsets()) <= 2000
    assert ax.texts[0].get_text() == "$R^2$ = 1.000\nslope = 0.500"
    assert ax.lines[0].get_linestyle() == "--"


def test_currents_run_along_the_ellipses_of_equal_density(ax, chain):
    # In a stationary linear process div(ν p) = 0 makes ν · C⁻¹x = 0.
    figures.phase_plane(ax, system=chain)
    (arrows,) = (a for a in ax.collections if isinstance(a, Quiver))
    velocity = np.stack([arrows.U, arrows.V], axis=1)
    C = chain.stationary_covariance().numpy()
    gradient = arrows.get_offsets() @ np.linalg.inv(C)
    scale = np.linalg.norm(velocity, axis=1) * np.linalg.norm(gradient, axis=1)
    assert scale.min() > 0.01
    np.testing.assert_allclose((velocity * gradient).sum(1) / scale, 0, atol=1e-9)


def test_no_current_runs_in_equilibrium(ax):
    figures.phase_plane(ax, system=BeadSpring(T_c=2.0, T_h=2.0))
    (arrows,) = (a for a in ax.collections if isinstance(a, Quiver))
    assert np.hypot(arrows.U, arrows.V).max() < 1e-12


def test_the_ellipse_of_one_std_is_where_the_density_fell_by_root_e(ax, chain, data):
    figures.phase_plane(ax, data, system=chain)
    ellipse = ax.lines[0].get_xydata()
    C = chain.stationary_covariance().numpy()
    np.testing.assert_allclose((ellipse @ np.linalg.inv(C) * ellipse).sum(1), 1)
    assert len(ax.collections[0].get_offsets()) <= 4000


def test_cumulative_entropy_ends_at_the_sum_of_the_steps(ax):
    figures.cumulative_entropy(ax, torch.tensor([1.0, -2.0, 4.0]), [1.0, 1.0, 1.0], dt=0.5)
    learned, exact = ax.lines
    np.testing.assert_allclose(exact.get_xydata(), [[0, 0], [0.5, 1], [1, -1], [1.5, 3]])
    assert learned.get_ydata()[-1] == 3


def test_the_hatched_part_of_the_histogram_is_the_probability_below_zero(ax):
    entropy = 1 + torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    figures.entropy_histogram(ax, entropy)
    everything, below = (patch.get_data() for patch in ax.patches)
    width = np.diff(below.edges)
    share = (entropy < 0).double().mean().item()
    assert (everything.values * width).sum() == pytest.approx(1, abs=0.0011)  # 0.1 % cut off
    assert (below.values * width).sum() == pytest.approx(share, abs=0.0006)
    assert labels(ax)[0] == rf"$P(\Delta S < 0)$ = {share:.2g}"


def test_the_kept_weights_are_starred(ax):
    history = History([50, 100, 150], [3.0, 2.0, 1.0], [3.0, 2.0, 2.5], best_step=100)
    figures.learning_curve(ax, history)
    assert ax.lines[-1].get_xydata().tolist() == [[100, 2.0]]
    assert labels(ax) == ["training", "held out", "kept: step 100"]


def test_each_member_of_an_ensemble_has_its_line_and_its_star(ax):
    history = History([50, 100], [[3.0, 3.1], [2.0, 2.1]], [[3.0, 3.1], [2.5, 3.2]], [100, 50])
    figures.learning_curve(ax, history)
    stars = [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "*"]
    assert stars == [[[100, 2.5]], [[50, 3.1]]]
    assert labels(ax) == ["training", "held out", "kept, one per member"]


def test_without_held_out_data_only_training_is_drawn(ax):
    figures.learning_curve(ax, History([50, 100], [3.0, 2.0], [0.0, 0.0], best_step=100))
    assert labels(ax) == ["training"]


def test_a_learned_curve_has_a_band_of_two_std_and_the_exact_one_is_dashed(ax):
    x = torch.linspace(-1, 1, 7)[:, None]
    figures.learned_curve(ax, x, x**2, 0.1 + 0 * x, exact=x**3, ylim=(-2, 2))
    learned, exact = ax.lines
    np.testing.assert_allclose(learned.get_ydata(), x.ravel() ** 2)
    np.testing.assert_allclose(exact.get_ydata(), x.ravel() ** 3)
    assert (learned.get_color(), exact.get_linestyle()) == (style.LEARNED, "--")
    edges = ax.collections[0].get_paths()[0].vertices
    assert edges[:, 1].max() == pytest.approx(1.2) and edges[:, 1].min() == pytest.approx(-0.2)
    assert ax.get_ylim() == (-2, 2)
    assert labels(ax) == ["learned", "± 2 std", "exact"]


def test_a_learned_curve_leaves_out_what_is_none(ax):
    figures.learned_curve(ax, torch.linspace(-1, 1, 7), exact=torch.zeros(7))
    assert len(ax.lines) == 1 and not ax.collections


TEST = DetailedFluctuationTheorem(
    torch.arange(3.0), torch.arange(3.0), torch.ones(3), 1.01, 0.02, ""
)
DRAWN = {
    "paths": lambda ax, data, chain: figures.paths(ax, data),
    "phase_plane": lambda ax, data, chain: figures.phase_plane(ax, data, system=chain),
    "scatter_against_exact": lambda ax, data, chain: figures.scatter_against_exact(
        ax, data.x[..., 0], data.x[..., 1]
    ),
    "cumulative_entropy": lambda ax, data, chain: figures.cumulative_entropy(
        ax, data.x[0, :, 0], data.x[0, :, 1], dt=data.dt
    ),
    "entropy_histogram": lambda ax, data, chain: figures.entropy_histogram(ax, data.x),
    "fluctuation_line": lambda ax, data, chain: figures.fluctuation_line(ax, TEST),
    "learning_curve": lambda ax, data, chain: figures.learning_curve(
        ax, History([1, 2], [2.0, 1.0], [2.0, 1.5], best_step=2)
    ),
    "stirred_plane": lambda ax, data, chain: figures.stirred_plane(ax, StirredDoubleWell(), data),
    "sweep": lambda ax, data, chain: figures.sweep(ax, [1, 2], [1, 2], [1, 1], xlabel="$T_h$"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_every_figure_labels_its_axes_and_is_the_same_each_time(name, data, chain):
    pictures = set()
    for _ in range(2):
        figure, ax = plt.subplots()
        DRAWN[name](ax, data, chain)
        assert ax.get_xlabel() and ax.get_ylabel() and labels(ax)
        pictures.add(png(figure))
    assert len(pictures) == 1


def test_the_current_of_a_stirred_potential_runs_along_its_levels_and_stops_without_stirring(
    ax, data
):
    for alpha in (0.0, 1.5):
        ax.clear()
        figures.stirred_plane(ax, StirredDoubleWell(alpha=alpha), data)
        arrows = next(item for item in ax.collections if isinstance(item, Quiver))
        tails = torch.as_tensor(arrows.get_offsets())
        way = torch.as_tensor(np.stack((arrows.U, arrows.V), axis=-1))
        work = (StirredDoubleWell().gradient(tails) * way).sum(-1)
        assert work.abs().max() < 1e-9
        assert (way.abs().max() > 0.05) == (alpha > 0)


def test_estimates_are_listed_from_the_top_with_networks_in_green(ax):
    figures.estimates(ax, {"a": (0.5, 0.1), "net": (1.0, 0.02)}, learned=["net"])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "net"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    points = [line for line in ax.lines if line.get_marker() in ("o", "s")]
    assert [line.get_color() for line in points] == [style.DATA, style.LEARNED]
    assert labels(ax) == ["exact"]


def test_methods_are_compared_where_data_are_and_beyond():
    bodies = [dict(activation=a, line=b) for b in (False, True) for a in ("tanh", "elu")]
    found = dict(inside=(0.9, 0.1), outside=(0.2, 0.1))
    averages = [(dict(method=name, **body), found) for name in "ab" for body in bodies]
    averages.append((dict(method="c", **bodies[0]), found))  # of one kind: left out
    figure, panels = plt.subplots(1, 2)
    held_by_method(panels, averages)
    assert [ax.get_title() for ax in panels] == ["a", "b"]
    names = [text.get_text() for text in panels[0].get_xticklabels()]
    assert names == ["tanh", "elu", "tanh, line", "elu, line"]
    assert labels(panels[0]) == ["95 %", "inside", "outside"]


def test_two_coordinates_in_one_panel_share_an_axis_label(ax, data):
    figures.paths(ax, data, coordinate=0)
    assert ax.get_ylabel() == "$x_{1}$ (length units)"
    figures.paths(ax, data, coordinate=1)
    assert ax.get_ylabel() == "$x_i$ (length units)"


def test_a_bead_is_drawn_where_it_is_in_the_colour_of_its_bath(ax):
    figures.bead_chain(ax, [1.0, -2.0, 0.5], temperatures=[1.0, 5.5, 10.0])
    (beads,) = [c for c in ax.collections if len(c.get_offsets()) == 3]
    np.testing.assert_allclose(beads.get_offsets(), [[11, 0], [18, 0], [30.5, 0]])
    cold, between, hot = beads.get_facecolors()
    np.testing.assert_allclose(cold, matplotlib.colors.to_rgba(style.COLD))
    np.testing.assert_allclose(hot, matplotlib.colors.to_rgba(style.HOT))
    np.testing.assert_allclose(between, (cold + hot) / 2, atol=0.01)
    springs = [line.get_xdata()[[0, -1]].tolist() for line in ax.get_lines()]
    assert springs == [[0, 11], [11, 18], [18, 30.5], [30.5, 40]]


def test_beads_of_one_temperature_have_one_colour(ax):
    figures.bead_chain(ax, torch.zeros(2), temperatures=(3.0, 3.0))
    (beads,) = [c for c in ax.collections if len(c.get_offsets()) == 2]
    assert len(np.unique(beads.get_facecolors(), axis=0)) == 1


# Controls


def draw(a=2.0, mode="up"):
    figure, ax = plt.subplots(figsize=(3, 2))
    if a == 13:
        raise ValueError("thirteen <is> bad luck")
    ax.plot([0, 1], [0, a if mode == "up" else -a])
    ax.set(ylim=(-20, 20))
    return figure


@pytest.fixture
def page(monkeypatch):
    """Everything that `explore` puts on the page, as if a kernel were running."""
    shown = []
    monkeypatch.setattr(explore_module, "get_ipython", lambda: SimpleNamespace())
    monkeypatch.setattr(explore_module, "display", lambda bundle, raw: shown.append(bundle))
    return shown


def test_explore_shows_one_output_with_widget_picture_and_words(page):
    ui = widgets.explore(draw, alt="A line that rises.", a=(1, 20, 1))
    (bundle,) = page
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view == {"version_major": 2, "version_minor": 0, "model_id": ui.box.model_id}
    assert b64decode(bundle["image/png"]) == ui.image.value
    assert bundle["text/plain"] == "A line that rises."
    assert DisplayFormatter().format(ui) == ({}, {}) and len(page) == 1  # as the end of a cell


def test_a_control_redraws_the_picture():
    ui = widgets.explore(draw, alt="A line.", a=(1, 20, 1), mode=["up", "down"])
    assert ui.values == {"a": 2, "mode": "up"}
    first = bytes(ui.image.value)
    assert first.startswith(b"\x89PNG")
    ui.controls["a"].value = 9
    second = bytes(ui.image.value)
    ui.controls["mode"].value = "down"
    assert len({first, second, bytes(ui.image.value)}) == 3
    ui.controls["a"].value, ui.controls["mode"].value = 2, "up"
    assert ui.image.value == first


def test_controls_are_found_by_their_classes():
    ui = widgets.explore(draw, alt="A line.", a=(1, 20, 1))
    assert {"widget-interact", "stochphys-explore"} <= set(ui.box._dom_classes)


def test_a_widget_of_ones_own_keeps_its_value():
    slider = ipywidgets.FloatLogSlider(value=10.0, base=10, min=0, max=2)
    ui = widgets.explore(draw, alt="A line.", a=slider)
    assert ui.controls["a"] is slider and ui.values == {"a": 10.0}


def test_axes_keep_their_places_while_labels_change():
    seen = []

    def draw_labels(digits=1):
        figure, ax = plt.subplots(figsize=(3, 2))
        ax.set(ylim=(0, 10**digits), ylabel="y")
        seen.append(ax)
        return figure

    ui = widgets.explore(draw_labels, alt="An axis.", digits=(1, 6, 1))
    ui.controls["digits"].value = 6
    np.testing.assert_allclose(*(ax.get_position().bounds for ax in seen))


def test_a_field_and_its_colour_bar_look_the_same_when_they_come_back():
    def draw_field(scale=1.0):
        figure, ax = plt.subplots(figsize=(3, 2))
        image = ax.imshow(scale * np.array([[-1.0, 2.0], [0.5, 3.0]]), cmap=style.SIGNED)
        figure.colorbar(image)
        return figure

    ui = widgets.explore(draw_field, alt="A field.", scale=(0.5, 2.0, 0.5))
    first = bytes(ui.image.value)
    ui.controls["scale"].value = 2.0
    assert ui.image.value != first
    ui.controls["scale"].value = 1.0
    assert ui.image.value == first


def test_an_error_of_draw_is_on_the_page_and_goes_away():
    ui = widgets.explore(draw, alt="A line.", a=(1, 20, 1))
    before = ui.image.value
    with pytest.raises(ValueError, match="thirteen"):
        ui.controls["a"].value = 13
    assert "ValueError: thirteen &lt;is&gt; bad luck" in ui.message.value
    assert "in draw" in ui.message.value and "in _picture" not in ui.message.value
    assert ui.message.layout.display is None and ui.image.value == before
    ui.controls["a"].value = 12
    assert ui.message.layout.display == "none" and ui.image.value != before


def test_an_error_is_not_printed_again_when_a_hand_moved_the_control(page, monkeypatch):
    ui = widgets.explore(draw, alt="A line.", a=(1, 20, 1))
    parent = {"header": {"msg_type": "comm_msg"}}
    kernel = SimpleNamespace(get_parent=lambda channel: parent)
    monkeypatch.setattr(explore_module, "get_ipython", lambda: SimpleNamespace(kernel=kernel))
    ui.controls["a"].value = 13
    assert "thirteen" in ui.message.value


def test_no_figure_stays_open():
    mine = plt.figure()
    ui = widgets.explore(draw, alt="A line.", a=(1, 20, 1))
    ui.controls["a"].value = 3
    with pytest.raises(ValueError, match="thirteen"):
        ui.controls["a"].value = 13
    assert plt.get_fignums() == [mine.number]


def test_a_play_button_moves_its_slider_and_follows_it():
    ui = widgets.explore(draw, alt="A movie.", play="a", mode=["up"], a=(1.0, 3.0, 0.25))
    (button,) = (w for w in ui.box.children if isinstance(w, ipywidgets.Play))
    assert (button.value, button.max) == (4, 8)
    before = ui.image.value
    button.value = 5
    assert ui.values["a"] == 2.25 and ui.image.value != before
    ui.controls["a"].value = 3.0
    assert button.value == 8


def test_explore_refuses_what_it_cannot_show():
    with pytest.raises(ValueError, match="alt must say in words"):
        widgets.explore(draw, alt=" ", a=(1, 20, 1))
    with pytest.raises(ValueError, match="default a=2.0 of draw is not among"):
        widgets.explore(draw, alt="A line.", a=(5, 20, 1))
    with pytest.raises(ValueError, match="a=None is not a control"):
        widgets.explore(draw, alt="A line.", a=None)
    with pytest.raises(ValueError, match=r"play='mode' must name a slider"):
        widgets.explore(draw, alt="A line.", play="mode", mode=["up", "down"])
    with pytest.raises(TypeError, match="must return a matplotlib figure, got NoneType"):
        widgets.explore(lambda a=1: None, alt="Nothing.", a=(1, 3, 1))
