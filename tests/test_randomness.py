"""Random numbers come from the generator that is passed, and from nowhere else."""

import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache, partial
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import stochphys
from stochphys.course.studies import (
    doubtful_networks,
    hot_nodes,
    images,
    network_search,
    noisy_labels,
    paper_numbers,
    paper_systems,
    published_network,
    sgd_toys,
    swag,
)
from stochphys.course.studies.digits import RECIPE, digits
from stochphys.course.studies.gradient_split import GradientSplit
from stochphys.course.studies.learned_neuron import infer_neuron
from stochphys.data import Trajectories, Windows
from stochphys.device import as_generator, make_generator
from stochphys.inference import currents, growing, maps, neural, plugin_estimators
from stochphys.inference.entropy import infer_entropy_production
from stochphys.inference.fluctuation import integral_fluctuation_theorem
from stochphys.inference.increments import increments
from stochphys.inference.langevin import (
    infer_centred,
    infer_diffusion,
    infer_drift,
    infer_langevin,
)
from stochphys.inference.neural_posteriors import units_of
from stochphys.inference.posterior import Combination
from stochphys.inference.predict import mean_first_passage_time, predict_paths
from stochphys.inference.regression import BayesianRegression, Samples
from stochphys.inference.thermodynamics import entropy_production_rate, heat_rate
from stochphys.models import flow, force, jump_neep, many, movies, neep
from stochphys.models.bases import Polynomial
from stochphys.models.drift_diffusion import Normal
from stochphys.models.networks import MLP
from stochphys.simulators import jumps
from stochphys.simulators.integrate import simulate
from stochphys.simulators.linear import Linear
from stochphys.systems import engine, motor
from stochphys.systems.beads import BeadSpring, bead_camera
from stochphys.systems.engine_inference import infer_engine
from stochphys.systems.fields import DoubleHump, StirredDoubleWell, drawn_from
from stochphys.systems.hidden import HiddenChain
from stochphys.systems.oscillator import VanDerPol
from stochphys.systems.search import clocks, laws, walkers
from stochphys.training import Resetting, fit, labels

BEADS = BeadSpring()
P = torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.6, 0.3], [0.4, 0.2, 0.4]], dtype=torch.float64)
CHAIN = jumps.JumpChain(P)
HIDDEN = HiddenChain(CHAIN, torch.arange(3))
TRAP = Linear(-torch.ones(1, 1), torch.ones(1, 1))
SEARCH = laws.Search(1.0)
quick: dict[str, Any] = dict(steps=3, progress=False, device="cpu")


@pytest.mark.parametrize("seed", [3, np.int64(3), -3])
def test_an_integer_is_the_seed_of_a_fresh_generator(seed):
    assert torch.equal(as_generator(seed).get_state(), make_generator(int(seed)).get_state())


@pytest.mark.parametrize("source", [as_generator, make_generator])
def test_seeds_that_torch_cannot_hold_are_refused_in_words(source):
    for seed in (-(2**63), 2**64 - 1, np.uint64(2**64 - 1), np.int8(-3)):
        assert torch.equal(source(seed).get_state(), make_generator(int(seed)).get_state())
    for seed in (2**64, -(2**63) - 1, 10**30):
        with pytest.raises(ValueError, match=rf"must be .*an integer.* 2\*\*64 - 1, got {seed}"):
            source(seed)


def test_the_lowest_bits_of_a_seed_decide_as_is_said():
    assert "lowest 32 bits" in make_generator.__doc__
    one, same, other = (torch.rand(3, generator=make_generator(s)) for s in (5, 5 + 2**32, 6))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_a_generator_stays_itself():
    generator = make_generator(0)
    assert as_generator(generator) is generator


@pytest.mark.parametrize("what", [None, True, 1.0, "0", np.random.default_rng(0)])
def test_what_is_no_source_of_randomness_is_refused_in_words(what):
    for make in (as_generator, make_generator):
        with pytest.raises(TypeError, match=r"must be a torch\.Generator or an integer, its seed"):
            make(what)


def test_only_what_draws_asks_for_a_generator():
    assert infer_langevin(paths(TRAP)).drift.mean(torch.zeros(1, 1)).isfinite().all()
    with pytest.raises(TypeError, match="its seed, got None"):
        infer_langevin(paths(TRAP), drift=growing.LaplaceNetwork())


# What the functions below are given, the same at each call.


@cache
def paths(system=BEADS, n=20, n_steps=40):
    return simulate(system, n, n_steps, 0.01, generator=0)


@cache
def jump_paths():
    return jumps.simulate_jumps(CHAIN, 20, 40, generator=0)


@cache
def film():
    return bead_camera(BEADS, cell=(6, 6)).film(paths()).recorded()


@cache
def langevin():
    return infer_langevin(
        simulate(TRAP, 20, 400, 0.01, generator=0), drift=BayesianRegression(Polynomial(1))
    )


@cache
def oscillator():
    data = simulate(VanDerPol(), 20, 400, 0.01, generator=0, start=torch.zeros(2))
    return Trajectories(data.position, data.dt)


def turning(generator):
    network = neural.BootstrapEnsemble(**few)
    return infer_langevin(paths(TRAP), drift=network, period=10.0, generator=generator)


@cache
def inferred_engine():
    return infer_engine(simulate(engine.CarnotEngine(5.0), 40, 500, 0.01, generator=0), 5.0)


@cache
def samples():
    x = torch.randn(200, 2, generator=make_generator(0), dtype=torch.float64)
    return Samples(x, x[:, :1], torch.ones_like(x[:, :1]))


def growth():
    units = units_of(samples(), Normal())
    return growing.Growth(growing.LaplaceNetwork(**few), samples(), samples(), Normal(), units)


def a_line():
    none = growth().network(torch.zeros(0, 2), *torch.zeros(2, 0))
    return growth().trained(none, growth().used(line=True))


@cache
def pixels():
    return torch.randint(256, (12, 3, 8, 8), generator=make_generator(0)).byte()


@cache
def one_of_digits():
    data = digits([0], 0.3)
    parts = (data.train, data.validation)
    return tuple(labels.Labelled(d.x[d.rows[0]], d.y[0], 10) for d in parts)


def squared_error(model, batch):
    return (model(batch[0]) - batch[1]).square().mean((-2, -1))


def by_fit(generator):
    """A network with dropout, from start weights that are torch's own."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    x = samples().x.float()
    history = fit(model, squared_error, TensorDataset(x, x[:, :1]), generator=generator, **quick)
    return model, history.training


def by_resets(generator):
    model, data = MLP((64, 10), generator=0), one_of_digits()[0]
    resets = Resetting(0.5, to=model.state_dict(), generator=generator)
    options = quick | dict(steps=20, optimizer=torch.optim.SGD, callbacks=[resets])
    fit(model, labels.classify(), data, generator=0, **options)
    return [torch.tensor(step) for step, _ in resets.resets]


def by_walk(generator):
    train, validation = one_of_digits()
    return network_search.record_walks(
        MLP((64, 10), generator=0),
        (0.0, 0.5),
        train=train,
        validation=validation,
        walkers=2,
        excursions=3,
        generator=generator,
        longest=70,
    )


def walks():
    losses = torch.rand(3, 2, 4, generator=make_generator(0))
    ages = torch.arange(1, 13)
    free = torch.rand(12, 30, generator=make_generator(1))
    return network_search.Walks((0.0, 0.5), torch.tensor([1, 2, 3]), losses, ages, free)


def by_nodes(generator):
    readings = torch.rand(2, 5, 4, generator=make_generator(0), dtype=torch.float64)
    rate = readings.mean((0, 1))
    found = maps.PlaceEntropy(rate, rate / 10, readings, 0.0)
    scores = hot_nodes.score_nodes(found, rate.flip(0), generator=generator, draws=50)
    return torch.tensor(scores["all"].slope_interval)


def by_plane(generator):
    figures = pytest.importorskip("stochphys.course.figures.gradients")
    parts = torch.randn(8, 6, generator=make_generator(0))
    split, ax = GradientSplit(*parts), Figure().subplots()
    examples = torch.randn(50, 6, generator=make_generator(1))
    figures.gradient_plane(ax, split, examples, batch_size=4, generator=generator)
    return torch.as_tensor(np.asarray(ax.collections[0].get_offsets()))


def seen(posterior, generator, dim=2):
    return posterior.sample(4, generator=generator)(torch.zeros(1, dim, dtype=torch.float64))


def by_method(method, generator):
    posterior, x = method.fit(samples(), generator=generator), samples().x[:3]
    return posterior.mean(x), posterior.std(x)


def stationary(system, generator):
    return system.sample_stationary(5, generator=generator)


def posterior_of(method):
    return method.fit(samples(), generator=0)


def by_training(generator):
    model = doubtful_networks.BayesianMLP((2, 4, 1), generator=0)
    data = TensorDataset(samples().x.float(), samples().y.float())
    neural.BootstrapEnsemble(steps=3).train(model, squared_error, data, generator)
    return model


def by_published(generator):
    data = samples()
    one = Samples(data.x[:, :1], data.y[:, :1], data.weight[:, :1])
    method = published_network.PublishedNetwork(dt=0.1, draws=3, **few)
    return method.fit(one, generator=generator).mean(one.x)


@cache
def case_and_film(name, paths=1, frames=300):
    case = paper_systems.CASES[name]
    return case, case.film(paths, make_generator(0), frames)


def by_case(name, method, generator, **film):
    case, seen = case_and_film(name, **film)
    return case.learn(seen, method, generator).drift.mean(case.states(seen)[:5])


@cache
def an_engine():
    case, seen = case_and_film("engine", paths=5, frames=5000)
    return case.learn(seen, "right basis", make_generator(0))


def a_neuron(generator):
    seen = case_and_film("neuron", paths=5)[1]
    return infer_neuron(seen, drift=neural.BootstrapEnsemble(**few), generator=generator)


def by_neuron(generator):
    found = a_neuron(0)
    return found.draw(3, generator=generator).drift(torch.zeros(3, 4), 0.0)


def of_time(generator):
    method = paper_systems.OfTime(neural.BootstrapEnsemble(**few))
    return method.fit(samples(), Normal(), generator=generator).mean(samples().x[:5])


def bayesian_mean():
    plain = neural.BootstrapEnsemble(mean=Polynomial(1)).with_mean(
        doubtful_networks.BayesianMLP((2, 3, 1), generator=0), samples()
    )
    return doubtful_networks.BayesianMean(plain)


def published_mlp(generator):
    return published_network.PublishedMLP([2, 3, 3, 1], torch.nn.ELU, -5.0, generator=generator)


def noisy_camera():
    return replace(bead_camera(BEADS, cell=(6, 6)), noise=0.1)


few = dict(steps=4, width=4)
REVERSAL = torch.tensor([0, 2, 1])
DRAWS: dict[str, Callable[[Any], Any]] = {
    "Paths.split": lambda g: paths().split(generator=g),
    "Windows.bootstrap": lambda g: Windows(paths()).bootstrap(2, generator=g).draws,
    "Movie.shuffled": lambda g: Windows(film().shuffled(generator=g))[torch.arange(3)],
    "gradient_plane": by_plane,
    "short_time_tur": lambda g: currents.short_time_tur(paths(), generator=g),
    "knn_plugin": lambda g: plugin_estimators.knn_plugin(paths(), generator=g, n_pairs=50),
    "ConstantDiffusion.sample": lambda g: seen(langevin().diffusion, g, 1),
    "DiffusionField.sample": lambda g: seen(inferred_engine().diffusion, g, 3),
    "LinearPosterior.sample": lambda g: seen(langevin().drift, g, 1),
    "Combination.sample": lambda g: seen(Combination(langevin().drift, langevin().drift), g, 1),
    "LinearisedPosterior.sample": lambda g: seen(posterior_of(growing.LaplaceNetwork(**few)), g),
    "MemberPosterior.sample": lambda g: seen(posterior_of(neural.BootstrapEnsemble(**few)), g),
    "infer_diffusion": lambda g: infer_diffusion(
        increments(paths()), None, neural.BootstrapEnsemble(**few), g
    ).mean(torch.zeros(1, 2)),
    "infer_drift": lambda g: infer_drift(
        langevin().increments, langevin().diffusion, growing.LaplaceNetwork(**few), g
    ).mean(torch.zeros(1, 1)),
    "infer_centred": lambda g: infer_centred(
        increments(oscillator(), underdamped=True, rule="centred"),
        BayesianRegression(Polynomial(1)),
        neural.BootstrapEnsemble(**few),
        g,
    )[2].mean(torch.zeros(1, 2)),
    "on_circle": lambda g: seen(turning(g).drift, 0, 1),
    "OnCircle.sample": lambda g: seen(turning(0).drift, g, 1),
    "infer_langevin": lambda g: infer_langevin(
        paths(), drift=neural.BootstrapEnsemble(**few), generator=g
    ).drift.mean(torch.zeros(1, 2)),
    "Langevin.draw": lambda g: simulate(
        langevin().draw(3, generator=g), 3, 4, 0.01, generator=0, start=torch.zeros(3, 1)
    ),
    "InferredEngine.coefficients": lambda g: inferred_engine().coefficients(
        torch.linspace(0, 4, 5), 3, generator=g
    ),
    "InferredEngine.efficiency": lambda g: inferred_engine().efficiency(20, generator=g),
    "InferredEngine.cycles": lambda g: inferred_engine().cycles(20, generator=g).heat,
    "infer_entropy_production": lambda g: (
        infer_entropy_production(paths(), generator=g, width=4, members=2, **quick).rate
    ),
    "integral_fluctuation_theorem": lambda g: integral_fluctuation_theorem(
        paths().x[:, :, 0], generator=g, resamples=50
    ),
    "score_nodes": by_nodes,
    "record_walks": by_walk,
    "study": lambda g: (
        noisy_labels.study(
            digits([0], 0.3), patience=5, generator=g, **RECIPE | dict(steps=10, validate_every=5)
        ).lowest
    ),
    "Walks.predict": lambda g: walks().predict(0.2, (0.5,), generator=g),
    "random_units": lambda g: growing.random_units(samples().x, 4, g),
    "Growth.networks": lambda g: [at.weights for at in growth().networks(as_generator(g))],
    "Growth.larger": lambda g: [
        [*network.parameters()] for network, _ in growth().larger(a_line(), g)
    ],
    "Growth.tangent": lambda g: growth().tangent(a_line(), g).root,
    "Network.mlp": lambda g: neural.BootstrapEnsemble(**few).mlp(samples(), g),
    "Network.train": by_training,
    "Body.fit of LaplaceNetwork": partial(by_method, growing.LaplaceNetwork(**few)),
    "Body.fit of BootstrapEnsemble": partial(by_method, neural.BootstrapEnsemble(**few)),
    "Body.fit of VariationalNetwork": partial(
        by_method, doubtful_networks.VariationalNetwork(draws=3, **few)
    ),
    "Body.fit of DropoutNetwork": partial(
        by_method, doubtful_networks.DropoutNetwork(draws=3, p=0.5, **few)
    ),
    "Body.fit of SWAGNetwork": partial(
        by_method, swag.SWAGNetwork(rank=2, visits=3, every=1, draws=3, **few)
    ),
    "Body.fit of PublishedNetwork": by_published,
    "mean_first_passage_time": lambda g: mean_first_passage_time(
        langevin(), 0.0, 0.5, generator=g, draws=20
    ),
    "predict_paths": lambda g: predict_paths(langevin(), 3, 10, 0.01, generator=g, start=0.0),
    "entropy_production_rate": lambda g: entropy_production_rate(
        langevin(), paths(TRAP), generator=g, draws=10
    ),
    "heat_rate": lambda g: heat_rate(langevin(), paths(TRAP), 1.0, generator=g, draws=10),
    "BayesianLinear": lambda g: doubtful_networks.BayesianLinear(2, 3, generator=g),
    "BayesianLinear.draw": lambda g: doubtful_networks.BayesianLinear(2, 3, generator=0).draw(
        2, generator=g
    ),
    "BayesianMLP": lambda g: doubtful_networks.BayesianMLP((2, 3, 1), generator=g),
    "BayesianMLP.draw": lambda g: doubtful_networks.BayesianMLP((2, 3, 1), generator=0).draw(
        2, generator=g
    ),
    "BayesianMean.draw": lambda g: bayesian_mean().draw(2, generator=g)[0].weight,
    "drawn_around": lambda g: swag.drawn_around(torch.eye(3), 2, 4, generator=g),
    "GaussianLinear": lambda g: published_network.GaussianLinear(2, 3, -5.0, generator=g),
    "PublishedMLP": lambda g: published_mlp(generator=g),
    "PublishedMLP.draw": lambda g: published_mlp(generator=0).draw(2, generator=g),
    "DropoutMLP": lambda g: doubtful_networks.DropoutMLP((2, 3, 1), 0.5, generator=g),
    "DropoutMLP.draw": lambda g: doubtful_networks.DropoutMLP((2, 8, 1), 0.5, generator=0).draw(
        4, generator=g
    ),
    "CNN": lambda g: images.CNN(pixels(), 4, generator=g),
    "VCNN": lambda g: images.VCNN(pixels(), 4, generator=g),
    "ResNet": lambda g: images.ResNet(18, pixels(), 4, generator=g),
    "JumpNEEP": lambda g: jump_neep.JumpNEEP(3, width=4, generator=g),
    "RNEEP": lambda g: jump_neep.RNEEP(3, width=4, generator=g),
    "OddJumpNEEP": lambda g: jump_neep.OddJumpNEEP(REVERSAL, width=4, generator=g),
    "AreaNEEP": lambda g: many.AreaNEEP(4, width=4, generator=g),
    "ForceNEEP": lambda g: force.ForceNEEP(2, width=4, generator=g),
    "CNEEP": lambda g: movies.CNEEP((8, 8), width=4, generator=g),
    "BilinearCNEEP": lambda g: movies.BilinearCNEEP((8, 8), width=4, generator=g),
    "FlowNEEP": lambda g: flow.FlowNEEP((8, 8), width=4, generator=g),
    "NEEP": lambda g: neep.NEEP(2, width=4, generator=g),
    "UnderdampedNEEP": lambda g: neep.UnderdampedNEEP(2, width=4, generator=g),
    "MLP": lambda g: MLP((2, 3, 1), generator=g),
    "Camera": lambda g: noisy_camera()(paths().x[0], generator=g),
    "Camera.film": lambda g: Windows(noisy_camera().film(paths(), generator=g))[torch.arange(3)],
    "DoubleHump.sample_stationary": partial(stationary, DoubleHump()),
    "drawn_from": lambda g: drawn_from(np.ones(3), np.arange(3.0), 3, g),
    "CarnotEngine.sample_stationary": partial(stationary, engine.CarnotEngine(5.0)),
    "StirredDoubleWell.sample_stationary": partial(stationary, StirredDoubleWell()),
    "Linear.sample_stationary": partial(stationary, BEADS),
    "JumpChain.sample_stationary": partial(stationary, CHAIN),
    "ThermalMotor.sample_stationary": partial(stationary, motor.ThermalMotor()),
    "UnderdampedThermalMotor.sample_stationary": partial(
        stationary, motor.UnderdampedThermalMotor()
    ),
    "Case.film": lambda g: paper_systems.CASES["force_2"].film(2, g, 20).x,
    "Case.fresh": lambda g: paper_systems.CASES["force_2"].fresh(g).x,
    "Case.learn": lambda g: by_case("oscillator", "network", g),
    "OfTime.fit": of_time,
    "beyond": lambda g: paper_systems.beyond(samples().x, 2, as_generator(g)),
    "curves": lambda g: paper_systems.curves(an_engine(), as_generator(g)),
    "cycles": lambda g: paper_numbers.cycles(an_engine(), 50.0, 3, as_generator(g)),
    "engine_of": lambda g: paper_numbers.engine_of(
        an_engine(), torch.arange(3.0).double(), 3, as_generator(g)
    ),
    "infer_neuron": lambda g: a_neuron(g).drift.mean(torch.zeros(1, 4).double()),
    "InferredNeuron.draw": by_neuron,
    "HiddenChain.estimate_window_bound": lambda g: HIDDEN.estimate_window_bound(
        4, n_words=50, generator=g
    ),
    "HiddenChain.estimate_limit": lambda g: HIDDEN.estimate_limit(
        frames=10, n_words=50, generator=g
    ),
    "simulate": lambda g: simulate(BEADS, 3, 5, 0.01, generator=g),
    "simulate_jumps": lambda g: jumps.simulate_jumps(CHAIN, 3, 9, generator=g),
    "Poisson.sample": lambda g: clocks.Poisson(1.0).sample(3, generator=g),
    "Lomax.sample": lambda g: clocks.Lomax(3.0, 1.0).sample(3, generator=g),
    "uniform": lambda g: clocks.uniform(3, g),
    "simulate_search": lambda g: walkers.simulate_search(
        SEARCH, clocks.Poisson(1.0), 9, 0.01, generator=g, longest=1.0
    ),
    "simulate_paths": lambda g: walkers.simulate_paths(
        SEARCH, clocks.Poisson(1.0), 3, 9, 0.01, generator=g
    ),
    "LinearRegression.draw": lambda g: sgd_toys.LinearRegression.draw(5, 2, noise=1.0, generator=g),
    "MatrixSensing.draw": lambda g: sgd_toys.MatrixSensing.draw(
        torch.eye(2)[None], 3, noise=1.0, generator=g
    ),
    "low_rank": lambda g: sgd_toys.low_rank(2, 3, 1, generator=g),
    "fit": by_fit,
    "flip": lambda g: labels.flip(torch.arange(3).repeat(9), P, generator=g),
    "Resetting": by_resets,
}

# These take a generator from those above, or have no use for one.
NO_DRAWS = {
    "as_generator",
    "drawn_from",
    "spawn",
    "BayesianRegression.fit",
    "Sharp.sample",
    "Film",
    "default_network",
    "embedding",
    "initial_states",
    "initialise",
    "Case.infer",  # `infer_langevin`
}


def takers():
    """Names of all public functions, methods and constructors that take a generator."""
    for info in pkgutil.walk_packages(stochphys.__path__, "stochphys."):
        for name, thing in vars(import_module(info.name)).items():
            if getattr(thing, "__module__", "") != info.name or getattr(thing, "_is_protocol", 0):
                continue
            own = vars(thing).items() if inspect.isclass(thing) else [("__call__", thing)]
            for part, function in own:
                function = getattr(function, "__func__", function)  # of a class method
                if not inspect.isfunction(function) or hasattr(function, "__isabstractmethod__"):
                    continue
                full = name if part in ("__init__", "__call__") else f"{name}.{part}"
                if "generator" in inspect.signature(function).parameters and "_" not in {
                    part[0] for part in full.split(".")
                }:
                    yield full


def test_all_that_draws_is_tested_here():
    pytest.importorskip("ipywidgets")  # the modules of the figures are looked through
    assert set(takers()) == {name.split()[0] for name in DRAWS} | NO_DRAWS


def numbers(result):
    """All numbers in a result, whatever it is made of."""
    if isinstance(result, nn.Module):
        result = result.state_dict()
    if is_dataclass(result):
        result = [getattr(result, field.name) for field in fields(result)]
    if isinstance(result, Mapping):
        result = list(result.values())
    if isinstance(result, list | tuple):
        return [tensor for part in result for tensor in numbers(part)]
    return [torch.as_tensor(result)] if isinstance(result, Tensor | np.ndarray | float) else []


@pytest.mark.parametrize("name", DRAWS)
def test_the_generator_alone_decides(name):
    """Whatever was drawn before from torch's own source, and nothing is drawn from it; a seed is as
    good as its generator, and another one gives other numbers."""
    results = []
    with torch.random.fork_rng():
        for luck, generator in enumerate((7, make_generator(7), 8)):
            torch.manual_seed(luck)
            before = torch.get_rng_state()
            results.append(numbers(DRAWS[name](generator)))
            assert torch.equal(torch.get_rng_state(), before)
    one, same, other = results
    torch.testing.assert_close(one, same, rtol=0, atol=0, equal_nan=True)
    assert any(a.shape != b.shape or not torch.equal(a, b) for a, b in zip(one, other, strict=True))
