"""`python -m benchmarks gpu`, as far as a CPU can tell: all parts in tiny sizes, the clock, parts that
fail, the page made from the results, and what a CUDA graph asks of a training step."""

import json
import time
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import asdict
from unittest.mock import MagicMock

import pytest
import torch

from benchmarks.gpu import captured, command, document
from benchmarks.gpu.command import PARTS, RESULTS, Part, in_a_process
from benchmarks.gpu.figures import Figure, ratio
from stochphys.data import Windows
from stochphys.device import make_generator
from stochphys.inference import infer_entropy_production
from stochphys.models import (
    CNEEP,
    NEEP,
    AreaNEEP,
    BilinearCNEEP,
    FlowNEEP,
    UnderdampedNEEP,
    neep_objective,
)
from stochphys.simulators import simulate, simulate_jumps
from stochphys.systems import BeadSpring, FlashingRatchet, UnderdampedBeadSpring, bead_camera
from stochphys.training import Ensemble

CPU = torch.device("cpu")


def here(part, device, tiny, limit):
    """A part in this process, which has its imports already."""
    module = __import__(part.module, fromlist=["measure"])
    return [json.loads(json.dumps(asdict(figure))) for figure in module.measure(device, tiny)], None


@pytest.mark.slow
def test_all_parts_run_on_a_cpu_in_tiny_sizes(tmp_path, monkeypatch):
    path, page = tmp_path / "gpu.json", tmp_path / "page.md"
    before = RESULTS.read_bytes() if RESULTS.exists() else None
    results = command.run(PARTS, CPU, minutes=6, path=path, tiny=True, launch=here)
    assert results == json.loads(path.read_text())
    assert all(part["figures"] and not part["failed"] for part in results["parts"])
    checks = {f["name"]: Figure(**f) for part in results["parts"] for f in part["figures"]}
    for name in (
        "failed",
        "largest deviation of its covariances from the exact ones",
        "its last ⟨x²⟩ from that of the loop",
        "largest difference of a loss, captured from eager",
        "FlowNEEP: bf16, channels last, error of ΔS against float64",
    ):
        assert checks[name].met, name
    page.write_text(f"before\n{document.BEGIN}old\n{document.END}\nafter\n")
    document.write(results, page)
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "A dry run on a CPU" in text
    assert all(f"### {part.title}\n" in text for part in PARTS)
    assert before == (RESULTS.read_bytes() if RESULTS.exists() else None)


def test_the_page_says_what_was_recorded():
    recorded = json.loads(RESULTS.read_text()) if RESULTS.exists() else None
    assert recorded is None or not recorded["dry_run"]
    _, rest = document.PAGE.read_text().split(document.BEGIN)
    assert rest.split(document.END)[0] == f"\n{document.section(recorded)}\n"


def test_there_is_time_for_all_parts():
    assert sum(part.seconds for part in PARTS) <= 360


# The clock, and parts that fail


def test_a_part_that_does_not_fit_is_skipped_and_says_why(tmp_path):
    parts = [Part("long", "Long", 100), Part("short", "Short", 1)]
    launch = lambda *_: ([asdict(Figure("speed", 1.0))], None)  # noqa: E731
    results = command.run(
        parts, CPU, minutes=0.5, path=tmp_path / "gpu.json", tiny=True, launch=launch
    )
    long, short = results["parts"]
    assert long["skipped"] == "takes 100 s, and 30 s were left" and not long["figures"]
    assert short["skipped"] is None and len(short["figures"]) == 1
    assert "Not measured: it takes 100 s" in document.section(results)


def measure(device, tiny):
    """A part that yields a figure, and then dies or hangs: this module stands for it in a test."""
    import os

    yield Figure("before", 1.0)
    if os.environ["HOW"] == "raise":
        raise RuntimeError("an illegal memory access was encountered")
    if os.environ["HOW"] == "abort":
        os.abort()
    time.sleep(600)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "first", "said"),
    [
        ("raise", "ended with 1", "illegal memory access"),
        ("abort", "ended with -6", ""),
    ],
)
def test_a_part_that_dies_leaves_its_figures_and_its_last_words(how, first, said, monkeypatch):
    monkeypatch.setenv("HOW", how)
    figures, failed = in_a_process(Part("tests.test_gpu_benchmark", "Dies", 1), CPU, True, 300)
    assert [figure["name"] for figure in figures] == ["before"]
    assert failed.splitlines()[0] == first and said in failed


def test_a_part_that_hangs_is_stopped(monkeypatch):
    monkeypatch.setenv("HOW", "hang")
    part = Part("tests.test_gpu_benchmark", "Hangs", 1)
    assert in_a_process(part, CPU, True, 1.0)[1].startswith("stopped after 1 s")


def test_without_a_gpu_the_command_refuses_and_a_dry_run_keeps_away_from_the_results(
    monkeypatch, capsys
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit):
        command.main([])
    assert "--dry-run" in capsys.readouterr().err
    asked = {}
    monkeypatch.setattr(
        command, "run", lambda parts, device, **how: asked.update(how) or {"parts": []}
    )
    assert command.main(["--dry-run", "--results", str(RESULTS)]) == 0
    assert asked["tiny"] and asked["path"] != RESULTS


# Figures


def test_a_target_is_met_or_not_and_no_number_meets_none():
    assert Figure("a", 1.4, most=1.5).met and not Figure("a", 1.6, most=1.5).met
    assert Figure("a", 1.6, least=1.5).met and Figure("a", 1.6).met is None
    assert not Figure("a", float("nan"), most=1.5).met
    assert document.line(asdict(Figure("a", 2.0, "s", most=1.5))) == ("a", "2 s", "≤ 1.5: MISSED")
    found = ratio("a", {"slow": [2.0, 4.0, 9.0], "fast": [1.0, 2.0, 3.0]}, "slow", "fast")
    assert found.value == 2.0


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.2345, "1.23"), (0.0, "0"), (123456.7, "123,000"), (12.0, "12"), (1e-5, "1e-05")],
)
def test_numbers_have_three_digits(value, text):
    assert document.number(value) == text


# What only a GPU runs, by stand-ins


def test_a_captured_step_starts_where_the_eager_one_does(monkeypatch):
    """Warm-up moves weights, average and the optimiser's memory: all of it must go back in place."""
    data = simulate(BeadSpring(), 20, 50, 0.01, generator=0)
    network = NEEP(2, width=8, generator=0).standardise(data)
    eager, graphed = (captured.Training(network, Windows(data), 16, CPU) for _ in range(2))
    order = []
    for name in ("Stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, MagicMock())
    monkeypatch.setattr(torch.cuda, "stream", lambda _: order.append("side") or nullcontext())
    monkeypatch.setattr(torch.cuda, "graph", lambda _: order.append("capture") or nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: MagicMock(replay=graphed.step))
    graphed.device = torch.device("cuda")
    replay = captured.capture(graphed)
    assert order == ["side", "capture"]
    memory = [t for state in graphed.optimizer.state.values() for t in state.values()]
    graphed.device = CPU
    addresses = [t.data_ptr() for t in (*graphed.model.parameters(), *memory)]
    assert torch.equal(eager.losses(eager.step, 5), graphed.losses(replay, 5))
    memory = [t for state in graphed.optimizer.state.values() for t in state.values()]
    assert addresses == [t.data_ptr() for t in (*graphed.model.parameters(), *memory)]


@pytest.mark.parametrize("kind", [NEEP, AreaNEEP, UnderdampedNEEP, CNEEP, BilinearCNEEP, FlowNEEP])
def test_a_batch_is_drawn_and_learned_from_without_a_look_from_the_host(kind):
    """The device "meta" stands for a GPU: its tensors meet no others, and have no values to look at."""
    filmed = kind in (CNEEP, BilinearCNEEP, FlowNEEP)
    beads = BeadSpring(n_beads=2 if filmed else 4)
    data = simulate(beads, 12, 20, 0.05, generator=0)
    data = bead_camera(beads).film(data) if filmed else data
    model = kind(data.shape if filmed else data.dim, generator=0)
    windows = Windows(data).bootstrap(2, generator=0).to("meta")
    if filmed:
        vars(windows.trajectories.reel.camera)["_moves"] = [False, True]  # asked once
    ensemble = Ensemble([model, model]).to("meta")
    index = torch.randint(len(windows), (2, 64), device="meta")
    loss = neep_objective(ensemble, windows[index])
    loss.sum().backward()
    gradients = [p.grad for p in ensemble.parameters() if p.grad is not None]
    assert loss.is_meta and gradients and all(gradient.is_meta for gradient in gradients)
    with pytest.raises(RuntimeError, match="device|meta"):
        Ensemble([model, model])(windows[index])  # whose weights lie on the CPU
    with pytest.raises(RuntimeError, match="meta"):
        loss.sum().item()


def test_a_film_takes_its_camera_along():
    """Else it would be sent to the device for every batch."""
    film = bead_camera(BeadSpring()).film(simulate(BeadSpring(), 5, 20, 0.05, generator=0))
    camera = film.to("meta").reel.camera
    assert camera.centre.is_meta and camera.motion.is_meta


@pytest.mark.cuda
@pytest.mark.parametrize("kind", ["beads", "many beads", "underdamped", "film", "jumps"])
def test_paths_that_lie_on_a_gpu_are_inferred_from_there(kind):
    generator = make_generator(0, "cuda")
    if kind == "jumps":
        data = simulate_jumps(FlashingRatchet(), 50, 200, generator=generator)
    elif kind == "underdamped":
        system = UnderdampedBeadSpring()
        data = simulate(system, 50, 200, 0.05, generator=generator)
    else:
        beads = BeadSpring(n_beads=6 if kind == "many beads" else 2)
        data = simulate(beads, 50, 200, 0.05, generator=generator)
        data = bead_camera(beads).film(data) if kind == "film" else data
    options = dict(members=2, steps=20, batch_size=64, device="cuda", progress=False)
    result = infer_entropy_production(data, generator=generator, **options)
    assert result.entropy.is_cuda and next(result.model.parameters()).is_cuda
    assert result.entropy.isfinite().all() and torch.tensor(result.rate).isfinite()


@pytest.mark.cuda
def test_a_training_step_is_captured_and_its_losses_stay():
    data = simulate(BeadSpring(), 50, 200, 0.01, generator=make_generator(0, "cuda"))
    network, device = NEEP(2, width=16, generator=0).standardise(data), torch.device("cuda")
    eager, graphed = (
        captured.Training(deepcopy(network), Windows(data), 256, device) for _ in range(2)
    )
    replay = captured.capture(graphed)
    found = eager.losses(eager.step, 20), graphed.losses(replay, 20)
    torch.testing.assert_close(*found, rtol=0, atol=1e-4)
    assert len(found[0].unique()) == 20
