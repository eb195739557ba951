"""`result.compare(system)` for every system: right, or refused with the reason."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from math import isnan

import pytest
import torch

from stochphys import simulators, systems
from stochphys.data import Jumps, Trajectories
from stochphys.device import make_generator
from stochphys.inference import infer_langevin
from stochphys.inference.currents import Affine, CurrentEstimate
from stochphys.inference.predict import PassageTime
from stochphys.inference.results import EntropyProduction
from stochphys.inference.thermodynamics import EntropyRate
from stochphys.movie import Movie
from stochphys.simulators import (
    Exact,
    JumpChain,
    Linear,
    Overdamped,
    System,
    simulate,
    simulate_jumps,
)
from stochphys.systems import (
    BeadSpring,
    CarnotEngine,
    ChannelNoiseNeuron,
    DoubleHump,
    ElasticNetwork,
    FlashingRatchet,
    HiddenChain,
    HodgkinHuxley,
    InhomogeneousDiffusion,
    NonlinearForce,
    OddJumpProcess,
    OddRing,
    StirredDoubleWell,
    ThermalMotor,
    UnderdampedBeadSpring,
    UnderdampedThermalMotor,
    VanDerPol,
    bead_camera,
)
from stochphys.training import Ensemble

RATES = torch.tensor([[0.0, 2.0, 1.0], [0.5, 0.0, 3.0], [4.0, 1.0, 0.0]], dtype=torch.float64)
RATCHET = FlashingRatchet()

# The types are checked by mypy: each of these satisfies the protocol.
KNOWN: tuple[Exact, ...] = (
    BeadSpring(),
    DoubleHump(),
    ElasticNetwork(2, hot=(1,)),
    HiddenChain(RATCHET, RATCHET.sites),
    InhomogeneousDiffusion(),
    JumpChain(RATES / RATES.sum(1, keepdim=True)),
    Linear(torch.tensor([[-1.0, 2.0], [-2.0, -1.0]]), torch.eye(2)),
    NonlinearForce(),
    OddJumpProcess(RATES, torch.arange(3)),
    OddRing(n_sites=3),
    RATCHET,
    StirredDoubleWell(),
    UnderdampedBeadSpring(),
)
REFUSED: tuple[tuple[Exact, str], ...] = (
    (CarnotEngine(1.0), "not stationary"),
    (ChannelNoiseNeuron(), "voltage has no noise"),
    (HodgkinHuxley(), "voltage has no noise"),
    (InhomogeneousDiffusion(3), "solved for dim=2"),
    (NonlinearForce(3), "solved for dim=2"),
    (Linear(-torch.eye(2), torch.diag(torch.tensor([1.0, 0.0]))), "D is singular"),
    (ThermalMotor(), "kinetic energy carries"),
    (UnderdampedThermalMotor(), "no closed form"),
    (VanDerPol(), "not tied to the noise by any temperature"),
)
BASES = {"Exact", "Overdamped", "Stirred", "System", "Underdamped"}  # that users derive from


def data_of(system: Exact) -> Trajectories | Jumps:
    """What `simulate` makes of this system when left to itself."""
    generator = make_generator(0)
    if isinstance(system, HiddenChain):
        return system.observe(simulate_jumps(system.chain, 20, 60, generator=generator))
    if isinstance(system, JumpChain):
        return simulate_jumps(system, 20, 60, generator=generator)
    assert isinstance(system, System)
    start = None if hasattr(system, "sample_stationary") else 0.1
    return simulate(system, 20, 60, 1e-3, generator=generator, start=start)


def result_of(
    data: Trajectories | Jumps | Movie, entropy: torch.Tensor, frames: int = 2
) -> EntropyProduction:
    """What an ensemble would give that found this entropy."""
    time = data.dt * (frames - 1)
    rate = entropy.double().mean().item() / time
    return EntropyProduction(
        rate=rate,
        std=0.1,
        member_rates=torch.tensor([rate]),
        bound=rate,
        in_sample=rate,
        entropy=entropy,
        history=None,  # type: ignore[arg-type]
        model=Ensemble([torch.nn.Linear(1, 1)]),
        held_out=data,
        frames=frames,
    )


def current_of(data: Trajectories) -> CurrentEstimate:
    nothing = torch.zeros(1 + data.dim, data.dim)
    return CurrentEstimate(
        rate=1.0, std=0.1, in_sample=1.0, coefficients=nothing, basis=Affine(), trajectories=data
    )


def name(value: object) -> str:
    return value if isinstance(value, str) else type(value).__name__


def test_every_system_of_the_package_is_here():
    every = {
        n
        for n, kind in {**vars(simulators), **vars(systems)}.items()
        if inspect.isclass(kind)
        and (issubclass(kind, System) or hasattr(kind, "entropy_production"))
    }
    here = {name(system) for system in (*KNOWN, *(system for system, _ in REFUSED))}
    assert every - BASES == here


@pytest.mark.parametrize("system", KNOWN, ids=name)
def test_a_perfect_result_is_called_perfect(system: Exact):
    """Right by default for what `simulate` makes by default, whatever kind the system is of."""
    data = data_of(system)
    exact = system.entropy_production(data)
    assert exact.shape == (20, 60) and torch.isfinite(exact).all()
    found, double = (result_of(data, factor * exact).compare(system) for factor in (1, 2))
    if isinstance(system, DoubleHump):  # in equilibrium there is nothing to divide by
        assert found.exact_rate == 0 and isnan(found.ratio) and isnan(found.r_squared)
        return
    assert found.ratio == pytest.approx(1, rel=1e-6)
    assert found.r_squared == found.slope == pytest.approx(1, abs=1e-4)
    assert (double.ratio, double.slope) == pytest.approx((2, 2), rel=1e-4)
    assert double.r_squared == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("system", "reason"), REFUSED, ids=name)
def test_what_is_not_defined_or_not_known_is_refused_with_the_reason(system: Exact, reason: str):
    data = data_of(system)
    assert isinstance(data, Trajectories)
    for result in (
        result_of(data, torch.ones(20, 60)),
        current_of(data),
    ):
        for scheme in (None, "exact", "heun"):
            with pytest.raises(ValueError, match=reason):
                result.compare(system, scheme)


@pytest.mark.parametrize("system", KNOWN, ids=name)
def test_windows_of_more_frames_lie_end_to_end(system: Exact):
    """For a process without memory the entropy of a window is that of its steps; symbols remember."""
    data = data_of(system)
    steps, windows = system.entropy_production(data), system.entropy_production(data, frames=4)
    assert windows.shape == (20, 20)
    if isinstance(system, HiddenChain):
        words = data.x.unfold(1, 4, 3)
        torch.testing.assert_close(windows, system.log_ratio(words))
    else:
        torch.testing.assert_close(windows, steps.unflatten(1, (20, 3)).sum(2))
    for frames in (1, 62, 2.5, 3.0):
        with pytest.raises(ValueError, match=f"frames={frames} must lie between 2 and the 61"):
            system.entropy_production(data, frames=frames)  # type: ignore[arg-type]


def test_films_are_compared_with_what_was_filmed_and_recurrent_networks_window_by_window():
    chain = BeadSpring()
    paths = simulate(chain, 10, 40, 0.01, generator=make_generator(0))
    movie = bead_camera(chain).film(paths)
    exact = chain.entropy_production(paths, frames=3)
    found = result_of(movie, exact, frames=3).compare(chain)
    assert (found.ratio, found.r_squared) == pytest.approx((1, 1), abs=1e-4)
    hidden = HiddenChain(RATCHET, RATCHET.sites)
    symbols = data_of(hidden)
    words = hidden.entropy_production(symbols, frames=5)
    found = result_of(symbols, words, frames=5).compare(hidden)
    assert (found.ratio, found.r_squared) == pytest.approx((1, 1), abs=1e-6)


def test_the_default_scheme_is_that_of_simulate_and_a_wrong_one_is_refused():
    for system, scheme in ((BeadSpring(), "exact"), (StirredDoubleWell(), "euler")):
        data, named = (
            simulate(system, 5, 20, 0.05, generator=make_generator(0), scheme=made)
            for made in (None, scheme)
        )
        assert torch.equal(data.x, named.x)
        default = system.entropy_production(data)
        assert torch.equal(default, system.entropy_production(data, scheme))
        assert not torch.equal(default, system.entropy_production(data, "midpoint"))
        with pytest.raises(ValueError, match="midpoint, got 'heun'; .* knows the entropy"):
            system.entropy_production(data, "heun")


def test_data_that_are_not_of_the_system_are_refused():
    chain, paths, jumps = BeadSpring(), data_of(BeadSpring()), data_of(RATCHET)
    with pytest.raises(TypeError, match="Trajectories of a BeadSpring, got Jumps"):
        chain.entropy_production(jumps)
    with pytest.raises(TypeError, match="Jumps between states, got Trajectories"):
        RATCHET.entropy_production(paths)
    with pytest.raises(ValueError, match="dim=2, BeadSpring has 3"):
        BeadSpring(n_beads=3).entropy_production(paths)
    with pytest.raises(ValueError, match="6 states, the chain has 3"):
        HiddenChain(RATCHET, RATCHET.sites).entropy_production(jumps)
    with pytest.raises(ValueError, match="scheme must be one of None, exact, got 'euler'"):
        RATCHET.entropy_production(jumps, "euler")


def test_a_system_of_ones_own_says_what_it_lacks():
    @dataclass(frozen=True)
    class Mine(Overdamped):
        dim = 2

        def drift(self, x: torch.Tensor, t: float) -> torch.Tensor:
            return -x

        def noise_amplitude(self, x: torch.Tensor, t: float) -> float:
            return 1.0

    class Knows(Mine):
        def step_entropy(self, trajectories: Trajectories, scheme: str) -> torch.Tensor:
            return trajectories.x.diff(dim=1).sum(-1)

    data = data_of(BeadSpring())
    assert isinstance(data, Trajectories)
    result = result_of(data, data.x.diff(dim=1).sum(-1))
    with pytest.raises(TypeError, match=r"Mine does not say .* define step_entropy"):
        result.compare(Mine())
    assert result.compare(Knows()).ratio == pytest.approx(1, rel=1e-6)


def answer(value: object) -> Callable[..., object]:
    return lambda data, scheme=None, *, frames=2: value


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (None, r"Any cannot be compared with: .* entropy_production\(data, scheme, \*, frames\)"),
        (3.0, "Any cannot be compared with"),
        (lambda data: data, "Any cannot be compared with"),
        (answer(1.0), r"Any.entropy_production must give a tensor \(20, 60\), got float"),
        (answer([[1.0] * 60] * 20), "got list"),
        (answer(torch.ones(20, 60).numpy()), "got ndarray"),
        (answer(torch.ones(20, 61)), r"got \(20, 61\)"),
    ],
)
def test_what_is_no_exact_system_is_told_what_one_is(method: object, message: str):
    class Any:
        pass

    data, system = data_of(BeadSpring()), Any()
    assert isinstance(data, Trajectories)
    if method is not None:
        system.entropy_production = method  # type: ignore[attr-defined]
    for result in (result_of(data, torch.ones(20, 60)), current_of(data)):
        with pytest.raises(TypeError, match=message):
            result.compare(system)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="the class BeadSpring cannot be compared with"):
            result.compare(BeadSpring)  # type: ignore[arg-type]


def test_predictions_and_fields_are_compared_with_systems_that_have_them():
    draws = torch.linspace(0, 1, 11)
    rate, passage = (kind.of(0.5, draws, 0.9) for kind in (EntropyRate, PassageTime))
    for system in (object(), BeadSpring, OddRing):
        with pytest.raises(TypeError, match=r"with a method entropy_production_rate\(\)"):
            rate.compare(system)
    for system in (object(), DoubleHump, BeadSpring()):
        with pytest.raises(TypeError, match=r"method mean_first_passage_time\(start, target\)"):
            passage.compare(system)
    data = data_of(BeadSpring())
    assert isinstance(data, Trajectories)
    fields = infer_langevin(data)
    for system in (object(), RATCHET, BeadSpring):
        with pytest.raises(TypeError, match="system must be a System"):
            fields.compare(system)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="BeadSpring has states of dim=3, .* of 2"):
        fields.compare(BeadSpring(n_beads=3))
