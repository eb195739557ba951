"""Resetting does what it says to weights, memory and statistics, and to nothing else."""

import warnings
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from stochphys.course.studies.digits import digits
from stochphys.device import make_generator
from stochphys.models import MLP
from stochphys.training import (
    SWA,
    Callback,
    Ensemble,
    Monitor,
    Resetting,
    accuracy,
    classify,
    fit,
    load_checkpoint,
)
from tests.at_step import At, Stop
from tests.chance import K

MOMENTUM = partial(torch.optim.SGD, momentum=0.5)


def data(seed: int, n: int = 200) -> TensorDataset:
    """A line in noise so large that the held-out objective goes up and down."""
    g = make_generator(seed)
    x = torch.randn(n, 3, generator=g)
    return TensorDataset(x, x.sum(-1, keepdim=True) + torch.randn(n, 1, generator=g))


def squared_error(model, batch):
    x, y = batch
    return (model(x) - y).square().mean((-2, -1))


def network(seed: int = 0) -> MLP:
    return MLP((3, 8, 1), generator=make_generator(seed))


def train(model, *callbacks, steps=200, **options):
    options = dict(optimizer=torch.optim.SGD, ema=0, keep="lowest", validate_every=5) | options
    options = dict(validation=data(2), batch_size=8, lr=0.05, device="cpu") | options
    generator = make_generator(3)
    return fit(
        model,
        squared_error,
        data(1),
        steps=steps,
        generator=generator,
        callbacks=callbacks,
        progress=False,
        **options,
    )


def resetting(p_reset, **options) -> Resetting:
    return Resetting(p_reset, generator=make_generator(4), **dict(patience=20) | options)


def copy(model) -> dict[str, torch.Tensor]:
    return {name: t.clone() for name, t in model.state_dict().items()}


class Record(Callback):
    """The weights after each step, behind the resets if it stands behind them in the list."""

    def __init__(self) -> None:
        self.states: list[dict[str, torch.Tensor]] = []
        self.rates: list[float] = []
        self.memory: list[torch.Tensor] = []

    def after_step(self, run) -> None:
        self.states.append(copy(run.model))
        self.rates.append(run.optimizer.param_groups[0]["lr"])
        for state in list(run.optimizer.state.values())[:1]:
            if state.get("momentum_buffer") is not None:
                self.memory.append(state["momentum_buffer"].clone())


def equal(a, b) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_without_resets_nothing_changes():
    plain, same = network(), network()
    a, b = train(plain), train(same, resetting(0.0))
    assert a.validation == b.validation and equal(plain.state_dict(), same.state_dict())


def test_certain_resets_are_early_stopping():
    """From where patience ends, nothing moves any more: what is kept is the lowest until then."""
    free, reset = network(), resetting(1.0)
    record = Record()
    history = train(free, reset, record)
    begun = int(reset.begun)
    assert begun - int(reset.best_step) == 20
    assert [step for step, _ in reset.resets] == list(range(begun + 1, 201))
    assert all(
        equal(state, record.states[int(reset.best_step) - 1]) for state in record.states[begun:]
    )
    assert history.best_step == int(reset.best_step)
    assert equal(free.state_dict(), record.states[history.best_step - 1])


def test_waiting_times_are_geometric():
    """800 coins of 0.2 for each of 8 members: the number of resets is binomial, to K s.e.; the
    mean wait is 5 steps."""
    ensemble = Ensemble([network(i) for i in range(8)])
    reset = resetting(torch.full((8,), 0.2), patience=None, to=copy(ensemble))
    train(ensemble, reset, steps=800)
    who = torch.stack([mask for _, mask in reset.resets])
    assert abs(who.sum() - 1280) < K * (6400 * 0.2 * 0.8) ** 0.5
    steps = torch.tensor([step for step, _ in reset.resets])
    waits = torch.cat([steps[mask].diff().double() for mask in who.T])
    assert abs(waits.mean() - 5) < K * (20 / len(waits)) ** 0.5
    assert abs((waits == 1).double().mean() - 0.2) < K * (0.16 / len(waits)) ** 0.5


def test_a_sharp_clock_is_periodic():
    reset = resetting(0.1, sharp=True)
    train(network(), reset)
    steps = torch.tensor([step for step, _ in reset.resets])
    assert steps[0] == reset.begun + 10 and (steps.diff() == 10).all()
    never = resetting(0.0, sharp=True)
    train(network(), never)
    assert not never.resets


def test_members_are_reset_one_by_one():
    ensemble = Ensemble([network(i) for i in range(3)])
    start, record = copy(ensemble), Record()
    reset = resetting(torch.tensor([0.0, 0.3, 1.0]), patience=None, to=start)
    train(ensemble, reset, record, steps=50)
    hits = dict(reset.resets)
    for step, state in enumerate(record.states, 1):
        back = torch.stack([(state[n] == start[n]).flatten(1).all(-1) for n in state]).all(0)
        assert torch.equal(back, hits[step])
    assert not any(mask[0] for mask in hits.values())


def test_a_member_is_reset_as_a_single_network_is():
    """Two members that start alike on one data set, with a sharp clock, against a single network."""
    one, record = network(), Record()
    train(one, resetting(0.05, sharp=True, patience=None, to=copy(one)), record, steps=40)
    two, both = Ensemble([network(), network()]), Record()
    draw = make_generator(int(torch.randint(2**62, (), generator=make_generator(3))))
    batches = iter([data(1)[torch.randint(200, (8,), generator=draw)] for _ in range(40)])

    class Scripted:
        def __len__(self):
            return 200

        def __getitem__(self, index):
            return tuple(t.expand(2, *t.shape) for t in next(batches))

    reset = resetting(torch.tensor([0.05, 0.0]), sharp=True, patience=None, to=copy(two))
    options = dict(batch_size=8, lr=0.05, ema=0, optimizer=torch.optim.SGD, device="cpu")
    fit(
        two,
        squared_error,
        Scripted(),
        steps=40,
        generator=make_generator(9),
        callbacks=[reset, both],
        progress=False,
        **options,
    )
    for single, pair in zip(record.states, both.states, strict=True):
        for name, t in single.items():
            torch.testing.assert_close(pair[name.replace(".", "/")][0], t)


def test_momentum_goes_back_and_is_a_copy():
    """Half a step after a reset the memory must be that of the checkpoint; a shared buffer would
    hold what has happened since."""
    record, reset = Record(), resetting(0.05, sharp=True, adaptive=False)
    train(network(), reset, record, optimizer=MOMENTUM)
    first = next(iter(name for name in reset.checkpoint if name.endswith("momentum_buffer")))
    best = int(reset.best_step)
    torch.testing.assert_close(reset.checkpoint[first], record.memory[best - 1], rtol=0, atol=0)
    for step, _ in reset.resets:
        assert torch.equal(record.memory[step - 1], record.memory[best - 1])
    assert not torch.equal(record.memory[-2], record.memory[best - 1])


def test_adam_begins_anew_with_its_count_of_steps():
    """Adam's first step is lr in each weight; with moments gone but steps counted on it is more."""
    record, model = Record(), network()
    start = copy(model)
    reset = resetting(0.05, sharp=True, patience=None, to=start)
    train(model, reset, record, optimizer=torch.optim.Adam, steps=60)
    for step in (20, 40):
        moved = torch.cat([(record.states[step][n] - start[n]).flatten() for n in start])
        moved = moved[moved.abs() > 1e-6]  # units that are off have no gradient
        torch.testing.assert_close(moved.abs(), torch.full_like(moved, 0.05), rtol=1e-3, atol=0)


def test_a_given_checkpoint_comes_without_memory():
    record, model = Record(), network()
    reset = resetting(0.05, sharp=True, patience=None, to=copy(model))
    train(model, reset, record, optimizer=MOMENTUM, steps=60)
    assert [step for step, _ in reset.resets] == [20, 40, 60]
    assert all((record.memory[step - 1] == 0).all() for step in (20, 40, 60))
    assert record.memory[30].abs().sum() > 0


def test_running_statistics_go_back():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    start, record = copy(model), Record()
    reset = resetting(0.05, sharp=True, patience=None, to=model.state_dict())  # no copy is needed
    train(model, reset, record, steps=40)
    assert equal(record.states[19], start) and int(start["1.num_batches_tracked"]) == 0
    assert int(record.states[18]["1.num_batches_tracked"]) == 19
    assert not torch.equal(record.states[18]["1.running_var"], start["1.running_var"])


def test_only_the_named_layers_go_back_with_their_statistics():
    """Those of the normalisation stay behind with it."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    start, record = copy(model), Record()
    reset = resetting(0.1, sharp=True, patience=None, to=start, layers=("2",))
    train(model, reset, record, steps=10)
    back = {name for name, t in record.states[-1].items() if torch.equal(t, start[name])}
    assert back == {"2.weight", "2.bias"}


def test_half_way_is_half_way():
    a, b = Record(), Record()
    model = network()
    start = copy(model)
    reset = resetting(0.1, sharp=True, patience=None, to=start, strength=0.5)
    train(model, a, reset, b, steps=10)
    for name in start:
        middle = (a.states[-1][name] + start[name]) / 2
        torch.testing.assert_close(b.states[-1][name], middle)


def test_an_adaptive_checkpoint_follows_the_lowest_objective():
    """Adaptive: the lowest of the whole run. Fixed: the lowest until resets began."""
    for adaptive in (True, False):
        record, reset = Record(), resetting(0.1, adaptive=adaptive)
        history = train(network(), reset, record, steps=400)
        values = torch.tensor(history.validation)
        steps = torch.tensor(history.step)
        seen = steps <= (400 if adaptive else reset.begun)
        best = int(steps[seen][values[seen].argmin()])
        assert int(reset.best_step) == best
        weights = {name: t for name, t in reset.checkpoint.items() if "buffer" not in name}
        assert equal(weights, record.states[best - 1])
        later = [step for step, _ in reset.resets if step > best]
        assert later and all(equal(record.states[step - 1], weights) for step in later)


def test_the_learning_rate_goes_on():
    """Held-out labels of the opposite sign: the more is learned, the worse, so that resets begin."""
    record, reset = Record(), resetting(0.1, sharp=True)
    x, y = data(2).tensors
    train(network(), reset, record, schedule="cosine", validation=TensorDataset(x, -y))
    falling = torch.tensor(record.rates).diff()
    assert reset.resets and (falling <= 0).all() and record.rates[-1] < 1e-4


@pytest.mark.filterwarnings("ignore:resets never began")  # the second is short
def test_a_second_run_starts_anew():
    reset = resetting(0.1)
    train(network(), reset)
    train(network(5), reset, steps=30)
    assert not reset.resets and not reset.started


def test_averaged_weights_are_the_checkpoint():
    """With a moving average it is the average that is validated, and the model returns to it."""
    record, reset = Record(), resetting(0.1, sharp=True, adaptive=False)

    class Average(Callback):
        states: list = []

        def after_validation(self, run):
            self.states.append(copy(run.average))

    average = Average()
    history = train(network(), reset, record, average, ema=0.9)
    best = history.step.index(int(reset.best_step))
    assert all(equal(record.states[step - 1], average.states[best]) for step, _ in reset.resets)


def test_an_interrupted_run_goes_on_as_if_it_had_never_stopped(tmp_path):
    def measures():
        return Monitor(20, size=lambda m: m[0].weight.norm()), SWA(50)

    whole, halved = network(), network()
    options = dict(optimizer=MOMENTUM, schedule="cosine")
    first = (resetting(0.2), *measures())
    a = train(whole, *first, **options)
    train(halved, resetting(0.2), *measures(), Stop(110), checkpoint=tmp_path / "run.pt", **options)
    assert load_checkpoint(tmp_path / "run.pt")["run"]["step"] == 105
    second = (resetting(0.2), *measures())
    b = train(halved, *second, checkpoint=tmp_path / "run.pt", **options)
    assert a.validation == b.validation and equal(whole.state_dict(), halved.state_dict())
    assert [step for step, _ in first[0].resets] == [step for step, _ in second[0].resets]
    assert torch.equal(first[1].values["size"], second[1].values["size"])
    assert equal(first[2].model.state_dict(), second[2].model.state_dict())


def test_a_monitor_ends_with_the_last_iterate():
    record, monitor = Record(), Monitor(30, weight=lambda m: m[0].weight.norm())
    train(network(), record, monitor, steps=100)
    assert monitor.steps == [5, 35, 65, 95, 100]
    early = Monitor(1000)
    train(network(), At(70, lambda run: setattr(run, "enough", True)), early, steps=100)
    assert early.steps == [5, 70]
    expected = torch.stack([record.states[step - 1]["0.weight"].norm() for step in monitor.steps])
    torch.testing.assert_close(monitor.values["weight"], expected)


def test_a_monitor_does_not_touch_what_it_measures():
    """Running statistics stay those of the batches of the training; a second run begins anew."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    x, record = data(1).tensors[0], Record()
    monitor = Monitor(5, mean=lambda m: m(x).mean())
    for _ in range(2):
        train(model, record, monitor, steps=20)
        assert monitor.steps == [5, 10, 15, 20]
    assert int(record.states[19]["1.num_batches_tracked"]) == 20


def test_swa_refuses_to_start_after_the_end():
    with pytest.raises(ValueError, match=r"start must lie in \[0, 20\), got 20"):
        train(network(), SWA(20), steps=20)


def test_swa_is_the_mean_of_the_weights():
    record, swa = Record(), SWA(60)
    train(network(), record, swa, steps=100)
    mean = torch.stack([state["0.weight"] for state in record.states[60:]]).mean(0)
    torch.testing.assert_close(swa.model[0].weight.detach(), mean)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(p_reset=1.5), "p_reset must lie in"),
        (dict(p_reset=float("nan")), "p_reset must lie in"),
        (dict(p_reset=0.1, patience=None), "one checkpoint to go back to, got .*=None and to=None"),
        (dict(p_reset=0.1, to={}), "one checkpoint to go back to, got patience=20 and to=dict"),
        (dict(p_reset=0.1, strength=0.0), "strength must lie in"),
        (dict(p_reset=0.1, layers="0"), "layers must be a tuple"),
        (dict(p_reset=0.1, layers=()), "layers must be a tuple"),
        (dict(p_reset=0.1, layers=[]), "layers must be a tuple"),
        (dict(p_reset=0.1, patience=2.5), "patience must be a positive integer, got 2.5"),
        (dict(p_reset=0.1, patience=0), "patience must be a positive integer, got 0"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        resetting(**options)


def test_before_training_it_says_where_it_belongs():
    resets = Resetting(0.1, patience=10, generator=0)
    for ask in (lambda: resets.resets, lambda: resets.started, lambda: resets.after_step(None)):
        with pytest.raises(AttributeError, match="before training; give it to fit"):
            ask()


@pytest.mark.parametrize(
    ("reset", "options", "message"),
    [
        (dict(p_reset=torch.tensor([0.1, 0.2])), {}, "one number will do"),
        (dict(p_reset=0.1, layers=("head",)), {}, "layers holds 'head'; the model has 0, 2"),
        (dict(p_reset=0.1), dict(validation=None), "patience needs held-out data"),
        (dict(p_reset=0.1, patience=4), {}, "at least 5, got 4; validate_every is 5"),
        (dict(p_reset=0.1, patience=None, to={"a": torch.ones(1)}), {}, "no state_dict"),
    ],
)
def test_fit_refuses_before_the_first_step(reset, options, message):
    model = network()
    before = copy(model)
    with pytest.raises(ValueError, match=message):
        train(model, resetting(**reset), **options)
    assert equal(before, model.state_dict())


def test_resets_that_never_begin_are_told():
    """Of members that have a chance of them; who stops a run knows how far it was."""
    with pytest.warns(
        UserWarning, match="never began: patience is 90 .* last fell at step"
    ) as seen:
        history = train(network(), resetting(0.1, patience=90), steps=100)
    assert f"fell at step {history.best_step} of 100" in str(seen[0].message)
    members, some = Ensemble([network(i) for i in range(3)]), torch.tensor([0.0, 0.1, 0.1])
    with pytest.warns(UserWarning, match="never began for 2 of 3 members"):
        train(members, resetting(some, patience=90), steps=100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(network(), resetting(0.0, patience=90), steps=100)
        train(network(), resetting(0.1, patience=90), Stop(35), steps=100)


def test_resets_that_begin_at_the_last_step_come_too_late():
    x, y = data(2).tensors
    with pytest.warns(UserWarning, match="never began: patience is 20 .* step 5 of 25"):
        train(network(), resetting(1.0), steps=25, validation=TensorDataset(x, -y))


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.Adafactor])
def test_members_share_the_steps_of_adam(kind):
    with pytest.raises(ValueError, match=f"share their count of steps in {kind.__name__}"):
        train(Ensemble([network()]), resetting(0.1), optimizer=kind)


def test_weights_that_are_not_the_optimisers_leave_checkpoints_whole(tmp_path):
    def last_layer(weights, lr):
        return torch.optim.SGD(list(weights)[2:], lr, momentum=0.5)

    reset = resetting(0.2)
    train(network(), reset, optimizer=last_layer, checkpoint=tmp_path / "run.pt")
    assert reset.resets and load_checkpoint(tmp_path / "run.pt")["run"]["step"] == 200


def test_adam_goes_on_as_if_it_had_never_stopped(tmp_path):
    def run(*more, **options):
        model, reset = network(), resetting(0.1)
        train(model, reset, *more, optimizer=torch.optim.Adam, lr=0.01, **options)
        return model.state_dict(), [step for step, _ in reset.resets]

    whole, steps = run()
    run(Stop(110), checkpoint=tmp_path / "run.pt")
    halved, again = run(checkpoint=tmp_path / "run.pt")
    assert steps == again and steps[-1] > 110 and equal(whole, halved)


@pytest.mark.cuda
def test_adam_that_counts_on_the_cpu_goes_on_on_cuda(tmp_path):
    options = dict(optimizer=torch.optim.Adam, lr=0.01, device="cuda")
    for stop in ((Stop(110),), ()):
        reset = resetting(0.2)
        train(network(), reset, *stop, checkpoint=tmp_path / "run.pt", **options)
    assert reset.resets[-1][0] > 110


@pytest.mark.cuda
def test_a_run_on_cuda_resets_monitors_and_resumes(tmp_path):
    def callbacks():
        study.networks.load_state_dict(start)
        return resetting(0.2), Monitor(20, test=lambda m: accuracy(m, study.test)), SWA(50)

    study = digits((0, 1), 0.4)
    start = copy(study.networks)
    options = dict(steps=200, batch_size=8, lr=0.1, ema=0, optimizer=MOMENTUM, validate_every=5)
    options |= dict(validation=study.validation, keep="lowest", device="cuda", progress=False)
    path = tmp_path / "run.pt"
    for stop in ((Stop(110),), ()):
        watching = callbacks()
        history = fit(
            study.networks,
            classify(),
            study.train,
            generator=make_generator(3),
            callbacks=(*watching, *stop),
            checkpoint=path,
            **options,
        )
    assert history.step[-1] == 200 and watching[0].resets[-1][0] > 110
    assert watching[1].values["test"].shape == (len(watching[1].steps), 2)
    assert (accuracy(study.networks, study.test) > 0.5).all()
