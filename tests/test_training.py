"""The one loop: it learns what is known, keeps the best, resumes, and refuses what makes no sense."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate

from stochphys.device import make_generator
from stochphys.models import MLP
from stochphys.training import Callback, Ensemble, fit, load_checkpoint, save_checkpoint
from stochphys.training.run import SCHEDULES
from tests.at_step import At, Stop

TRUE = torch.tensor([[2.0], [-1.0], [0.5]])


def regression(n=4000, noise=0.1, seed=0):
    g = make_generator(seed)
    x = torch.randn(n, 3, generator=g)
    return TensorDataset(x, x @ TRUE + noise * torch.randn(n, 1, generator=g))


def squared_error(model, batch):
    x, y = batch
    return (model(x) - y).square().mean((-2, -1))


def linear(seed=0):
    return MLP((3, 1), generator=make_generator(seed))


def quick(model, data, *, objective=squared_error, seed=1, **options):
    defaults = dict(steps=60, batch_size=64, lr=0.05, validate_every=10, progress=False)
    defaults |= dict(device="cpu")
    return fit(model, objective, data, generator=make_generator(seed), **defaults | options)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def test_fit_reaches_the_least_squares_solution(device):
    data, model = regression(), linear()
    options = dict(schedule="cosine", validation=regression(seed=5), device=device)
    quick(model, data, steps=600, **options)
    assert next(model.parameters()).device.type == "cpu"
    x, y = data.tensors
    exact = torch.linalg.lstsq(torch.cat((x, torch.ones(len(x), 1)), 1), y).solution.flatten()
    # Spread of the averaged iterate around it: about 0.1/√(64 · 150) per weight; 5 of those.
    assert (weights(model) - exact).abs().max() < 0.005


@pytest.mark.parametrize("schedule", ["constant", "cosine", "onecycle", "restarts"])
def test_schedules_shape_the_learning_rate(schedule):
    seen = []

    class Watch(Callback):
        def after_step(self, run):
            seen.append(run.optimizer.param_groups[0]["lr"])

    quick(linear(), regression(), schedule=schedule, callbacks=[Watch()], lr=0.1, steps=100)
    half = seen[49]
    expected = {
        "constant": 0.1,
        "cosine": 0.05,
        "onecycle": 0.1 * (1 + math.cos(math.pi * 2 / 7)) / 2,
        "restarts": 0.05,
    }
    assert half == pytest.approx(expected[schedule], rel=1e-6)


def test_without_averaging_fit_is_the_plain_loop():
    data = regression()
    fitted, plain = linear(), linear()
    quick(fitted, data, ema=0, optimizer=torch.optim.SGD)
    g = make_generator(1)
    draw = make_generator(int(torch.randint(2**62, (), generator=g)))
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.05)
    for _ in range(60):
        loss = squared_error(plain, data[torch.randint(len(data), (64,), generator=draw)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(weights(fitted), weights(plain))


def blown_up(which):
    @torch.no_grad()
    def blow(run):
        for parameter in run.model.parameters():
            parameter[which] += 100.0

    return blow


def test_the_best_held_out_weights_are_kept():
    """Weights are blown up half-way: those of before must come back."""
    model = linear()
    blow = At(40, blown_up(...))
    history = quick(model, regression(), validation=regression(seed=5), callbacks=[blow])
    assert history.best_step == 30
    assert history.validation[2] == min(history.validation)
    held_out = regression(seed=5).tensors
    assert squared_error(model, held_out).item() == pytest.approx(history.validation[2], rel=1e-5)


def test_an_explosion_on_a_few_held_out_examples_is_worse():
    """Of one piece of n alone it is X/n of the mean and of its standard error: no reason to keep it."""
    model, (x, _) = linear(), regression(seed=5).tensors
    x[40:, 0] = 0.0  # one example in a hundred, all in one piece, feels the first weight

    @torch.no_grad()
    def blow(run):
        run.model[0].weight[0, 0] += 1000.0

    held_out = TensorDataset(x, x @ TRUE)
    history = quick(model, regression(), validation=held_out, callbacks=[At(40, blow)])
    assert history.best_step == 30


def test_early_stopping_keeps_the_lowest_objective():
    """Where all is noise, the newest of equals is not the lowest."""
    for keep, lowest in (("lowest", True), ("newest", False)):
        model = linear()
        history = quick(
            model, regression(), validation=regression(seed=5), keep=keep, steps=600, lr=0.2
        )
        best = history.step[history.validation.index(min(history.validation))]
        assert (history.best_step == best) == lowest
        held_out = squared_error(model, regression(seed=5).tensors).item()
        kept = history.validation[history.step.index(history.best_step)]
        assert held_out == pytest.approx(kept, rel=1e-5)


def test_training_is_training_whatever_was_before():
    """A model that was left in evaluation mode learns running statistics all the same."""
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 1)).eval()
    quick(model, regression(), ema=0)
    assert int(model[1].num_batches_tracked) == 60 and not model.training


def test_each_held_out_example_counts_alike():
    """30 of them in 20 pieces: half of the pieces hold two."""
    model, held_out = linear(), regression(n=30, seed=5)
    history = quick(model, regression(), validation=held_out, ema=0, steps=10)
    assert history.validation[-1] == pytest.approx(squared_error(model, held_out.tensors).item())


def test_members_do_not_drop_out_when_they_are_judged():
    body = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    ensemble, x = Ensemble([body, body]), torch.ones(2, 5, 3)
    assert not torch.equal(ensemble(x), ensemble(x))
    ensemble.eval()
    assert torch.equal(ensemble(x), ensemble(x))
    assert not ensemble.member(0).training


def test_each_member_keeps_its_own_best():
    model, blow = Ensemble([linear(0), linear(1)]), At(40, blown_up(1))
    history = quick(model, regression(), validation=regression(seed=5), callbacks=[blow])
    assert history.best_step[1] == 30 and history.best_step[0] > 40


def test_ensemble_is_its_members_side_by_side():
    members = [MLP((3, 8, 1), generator=make_generator(s)) for s in range(4)]
    ensemble = Ensemble(members)
    x = torch.randn(4, 10, 3, generator=make_generator(9))
    expected = torch.stack([m(x[i]) for i, m in enumerate(members)])
    torch.testing.assert_close(ensemble(x), expected)
    torch.testing.assert_close(ensemble.on_shared(x[0])[2], members[2](x[0]))
    torch.testing.assert_close(ensemble.member(3)(x[3]), members[3](x[3]))
    with pytest.raises(ValueError, match="4 members"):
        ensemble(x[:3])


def test_ensemble_gradient_is_that_of_each_member_alone():
    members = [MLP((3, 8, 1), generator=make_generator(s)) for s in range(3)]
    ensemble = Ensemble(members)
    x = torch.randn(3, 10, 3, generator=make_generator(9))
    ensemble(x).square().mean((-2, -1)).sum().backward()
    for i, m in enumerate(members):
        m(x[i]).square().mean().backward()
        for stacked, own in zip(ensemble.parameters(), m.parameters(), strict=True):
            torch.testing.assert_close(stacked.grad[i], own.grad)


@pytest.mark.parametrize("step", [5, 35])
def test_interrupting_keeps_the_best_so_far(step):
    model = linear()
    before = weights(model).clone()
    history = quick(model, regression(), validation=regression(seed=5), callbacks=[Stop(step)])
    assert history.interrupted == f"at step {step} of 60"
    assert f"interrupted at step {step} of 60" in repr(history)
    assert not torch.equal(weights(model), before)
    assert history.step == list(range(10, step, 10))


def dropout():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))


def ensemble():
    return Ensemble([MLP((3, 8, 1), generator=make_generator(s)) for s in range(3)])


@pytest.mark.parametrize("make", [linear, ensemble, dropout])
def test_a_resumed_run_is_bit_for_bit_the_uninterrupted_one(tmp_path, make):
    options = dict(validation=regression(seed=5), schedule="cosine")
    whole, parts = make(), make()
    history = quick(whole, regression(), **options)
    path = tmp_path / "run.pt"
    quick(parts, regression(), checkpoint=path, callbacks=[Stop(37)], **options)
    parts = make()
    resumed = quick(parts, regression(), checkpoint=path, **options)
    assert torch.equal(weights(whole), weights(parts))
    assert resumed.validation == history.validation and resumed.best_step == history.best_step


def test_a_finished_checkpoint_is_loaded_without_training(tmp_path, monkeypatch):
    path, first, second = tmp_path / "run.pt", linear(), linear(7)
    quick(first, regression(), checkpoint=path)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    quick(second, regression(), checkpoint="~/run.pt", callbacks=[Stop(1)])
    assert torch.equal(weights(first), weights(second))


def test_checkpoints_of_others_and_broken_ones_are_refused_and_left_alone(tmp_path):
    path = tmp_path / "run.pt"
    quick(linear(), regression(), checkpoint=path)
    good = path.read_bytes()
    for model, options, message in (
        (MLP((3, 8, 1), generator=make_generator(0)), {}, "another run"),
        (linear(), dict(lr=0.1), "lr: 0.05 there, 0.1 here"),
        (linear(), dict(seed=5), "seed: .* there, .* here"),
        (linear(), dict(optimizer=torch.optim.SGD), r"optimizer: AdamW\(.*\) there, SGD\(\) here"),
    ):
        with pytest.raises(ValueError, match=message):
            quick(model, regression(), checkpoint=path, **options)
        assert path.read_bytes() == good
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(ValueError, match="not a complete checkpoint"):
        quick(linear(), regression(), checkpoint=path)
    assert path.read_bytes() == good[: len(good) // 2]
    save_checkpoint(path, {"something": 1})
    with pytest.raises(ValueError, match="no checkpoint of fit"):
        quick(linear(), regression(), checkpoint=path)


@pytest.mark.parametrize("stop", [(), (Stop(35),)])
def test_a_checkpoint_is_of_one_optimizer(tmp_path, stop):
    """Finished or not: momentum is the memory of a run as its step is."""
    path, momentum = tmp_path / "run.pt", partial(torch.optim.SGD, momentum=0.5)
    quick(linear(), regression(), checkpoint=path, optimizer=momentum, callbacks=stop)
    for other in (torch.optim.SGD, partial(torch.optim.SGD, momentum=0.9), torch.optim.Adam):
        with pytest.raises(ValueError, match=r"optimizer: SGD\(momentum=0.5\) there"):
            quick(linear(), regression(), checkpoint=path, optimizer=other)
    history = quick(linear(), regression(), checkpoint=path, optimizer=momentum)
    assert history.step[-1] == 60


def test_a_sweep_over_numbers_of_numpy_has_checkpoints_that_can_be_read(tmp_path):
    for i, lr in enumerate(np.logspace(-3, -1, 2)):
        options = dict(lr=lr, steps=np.int64(40), ema=np.float32(0.9), checkpoint=tmp_path / f"{i}")
        whole, parts = linear(), linear()
        quick(whole, regression(), **options | dict(checkpoint=None))
        quick(parts, regression(), **options, callbacks=[Stop(25)])
        quick(parts, regression(), **options)
        assert torch.equal(weights(whole), weights(parts))


def test_a_checkpoint_that_cannot_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    model = linear()
    before = {name: w.clone() for name, w in model.state_dict().items()}
    for path in (tmp_path / "file" / "run.pt", tmp_path / "folder"):
        with pytest.raises(ValueError, match="checkpoint=.* cannot be written"):
            quick(model, regression(), checkpoint=path)
    assert all(torch.equal(w, before[name]) for name, w in model.state_dict().items())


def test_an_objective_that_is_not_finite_stops_and_keeps_the_good(tmp_path):
    poison = At(35, lambda run: next(run.model.parameters()).data.fill_(math.nan))
    path, model = tmp_path / "run.pt", linear()
    options = dict(validation=regression(seed=5), checkpoint=path, callbacks=[poison])
    with pytest.raises(FloatingPointError, match=r"training objective is nan at step 40.*lr") as e:
        quick(model, regression(), **options)
    assert torch.isfinite(weights(model)).all()
    assert load_checkpoint(path)["run"]["step"] == 30
    assert e.value.history.step == [10, 20, 30] and e.value.history.best_step == 30


def test_an_overfitted_network_is_told_from_steps_that_are_too_large():
    """The objective of NEEP is e^(−ΔS) on average: new data overflow where the network is sure."""

    def objective(model, batch):
        return squared_error(model, batch) + (0.0 if model.training else math.inf)

    model = linear()
    before = weights(model).clone()
    with pytest.raises(FloatingPointError, match=r"held-out objective is inf.*overfits.*step 0"):
        quick(model, regression(), objective=objective, validation=regression(seed=5))
    assert torch.equal(weights(model), before)


def test_a_start_is_kept_until_held_out_data_show_something_better():
    """One member starts from the solution, and its steps are noise; the other has all to learn."""
    members = Ensemble([linear(), linear(1)])
    with torch.no_grad():
        weight, bias = members.parameters()
        weight[0], bias[0] = TRUE.T, 0
    before = members.state_dict()["0/weight"][0].clone()
    history = quick(
        members,
        regression(),
        objective=lambda model, batch: ((model(batch[0]) - batch[1]) ** 2).mean((1, 2)),
        validation=regression(seed=5),
        validate_first=0,
    )
    assert history.best_step[0] == 0 < 40 < history.best_step[1] and history.step[0] == 10
    assert torch.equal(members.state_dict()["0/weight"][0], before)


def test_a_member_that_explodes_keeps_its_best_weights_and_the_others_go_on():
    """The second of three is poisoned at step 35; only a run in which all are is at its end."""

    def poison(members: slice) -> At:
        return At(35, lambda run: next(run.model.parameters()).data[members].fill_(math.nan))

    members = Ensemble([linear(seed) for seed in range(3)])
    history = quick(
        members,
        regression(),
        objective=lambda model, batch: ((model(batch[0]) - batch[1]) ** 2).mean((1, 2)),
        validation=regression(seed=5),
        callbacks=[poison(slice(1, 2))],
    )
    assert history.best_step == [60, 30, 60]
    assert torch.isfinite(weights(members)).all()


def test_early_looks_double_until_the_regular_ones_and_a_callback_may_end_the_run():
    class Enough(Callback):
        def after_validation(self, run):
            run.enough = run.step == 40

    options = dict(validate_first=3, validate_every=20, validation=regression(seed=5))
    assert quick(linear(), regression(), **options).step == [3, 6, 12, 20, 40, 60]
    ended = quick(linear(), regression(), **options, callbacks=[Enough()])
    assert ended.step == [3, 6, 12, 20, 40]


def test_an_objective_without_a_minimum_is_told():
    def objective(model, batch):
        return squared_error(model, batch) - math.inf

    with pytest.raises(FloatingPointError, match="training objective is -inf.*no minimum"):
        quick(linear(), regression(), objective=objective)


def test_bfloat16_reaches_the_same_answer():
    """It has 8 bits: a weight may be wrong by half of 2⁻⁷ of its size, beside the spread of the
    averaged iterate (0.005, see above)."""

    def mixed(model, batch):
        with torch.autocast("cpu", torch.bfloat16):
            return squared_error(model, batch)

    models = linear(), linear()
    for model, objective in zip(models, (squared_error, mixed), strict=True):
        quick(model, regression(), objective=objective, steps=600, schedule="cosine")
    exact, found = map(weights, models)
    assert not torch.equal(exact, found)
    assert ((found - exact).abs() < exact.abs() / 2**8 + 0.005).all()


@pytest.mark.parametrize(
    ("kind", "inside"),  # from inside, torch compiles no module of its own, as that of linear is
    [(linear, False)] + [(lambda: Ensemble([linear(), linear(1)]), inside) for inside in (0, 1)],
)
def test_a_compiled_model_learns_the_same(kind, inside):
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    plain, model = kind(), kind()
    quick(plain, regression())
    if inside:
        model.compile(backend=backend)
        quick(model, regression())
    else:
        quick(torch.compile(model, backend=backend), regression())
    assert graphs
    torch.testing.assert_close(weights(model), weights(plain))


def test_compiled_or_not_a_run_has_one_checkpoint(tmp_path):
    """Begun on one machine as it is, ended on another where compiling pays."""
    compiled = partial(torch.compile, backend="eager")
    for begin, end in ((compiled, nn.Module.eval), (nn.Module.eval, compiled)):
        whole, parts, path = linear(), linear(), tmp_path / begin.__class__.__name__
        quick(whole, regression())
        quick(begin(parts), regression(), checkpoint=path, callbacks=[Stop(35)])
        quick(end(parts), regression(), checkpoint=path)
        torch.testing.assert_close(weights(whole), weights(parts))


class Mapped(Dataset):
    """One example at a time, as most data sets of images."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return torch.ones(3) * [0.0, 1.0][index % 2], torch.ones(1)


class Single:
    """The same without a base class, and one that gives an example whatever it is asked."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return torch.ones(3) * float(index), torch.ones(1)


class Constant(Single):
    def __getitem__(self, index):
        return torch.ones(3), torch.ones(1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (DataLoader(regression(20)), "DataLoader raises .*for a DataLoader its dataset"),
        (regression(20).tensors, r"tuple raises .*For tensors give TensorDataset\(x, y\)"),
        (iter([]), r"data must have a length and data\[index\], got list_iterator"),
        (Mapped(), "for a tensor of indices .*; Mapped raises .*stack once"),
        (Single(), "for a tensor of indices .*; Single raises .*stack once"),
        (Constant(), "of indices .*; Constant gives .float32 3, float32 1.*stack once"),
        (np.ones((20, 3)), "ndarray gives float64 [67]4?×3.*For tensors"),
        ({"x": torch.ones(20, 3)}, "dict raises KeyError"),
        ("words", "str raises TypeError"),
        (range(20), "range raises TypeError"),
        (regression(0), "data is empty"),
    ],
)
def test_what_gives_no_batches_is_refused_in_words(data, message):
    for where in ({}, dict(validation=data)):
        with pytest.raises((TypeError, ValueError), match=message.replace("data", "[a-z]*")):
            quick(linear(), regression() if where else data, **where)


@dataclass
class Pair:
    x: torch.Tensor
    y: torch.Tensor


SHAPES = {
    "dict": (lambda x, y: dict(y=y, x=x, unit="px"), lambda b: (b["x"], b["y"])),
    "nested": (lambda x, y: ((x, None), [y]), lambda b: (b[0][0], b[1][0])),
    "dataclass": (Pair, lambda b: (b.x, b.y)),
    "with a constant": (lambda x, y: (x, y, torch.ones(2)), lambda b: b[:2]),
}


@pytest.mark.parametrize("base", [Dataset, object])
@pytest.mark.parametrize("shape", list(SHAPES))
def test_batches_may_have_any_shape(shape, base):
    """And nothing depends on it."""
    (pack, unpack), examples = SHAPES[shape], regression()

    class Shaped(base):
        def __len__(self):
            return len(examples)

        def __getitem__(self, index):
            return pack(*examples[index])

    model, plain = linear(), linear()
    quick(
        model,
        Shaped(),
        objective=lambda model, batch: squared_error(model, unpack(batch)),
        validation=Shaped(),
    )
    quick(plain, examples, validation=examples)
    assert torch.equal(weights(model), weights(plain))


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (lambda model, batch: 1.0, r"tensor of one number, \(\), got 1.0"),
        (lambda model, batch: squared_error(model, batch).item(), r"one number, \(\), got [\d.]*"),
        (lambda model, batch: (model(batch[0]) - batch[1])[:, 0], r"got float32 64; take the mean"),
        (lambda model, batch: squared_error(model, batch).detach(), "has no gradient"),
    ],
)
def test_an_objective_that_gives_no_number_to_descend_is_refused_in_words(objective, message):
    model = linear()
    before = weights(model).clone()
    with pytest.raises((TypeError, ValueError), match=message):
        quick(model, regression(), objective=objective)
    assert torch.equal(weights(model), before)


def test_an_ensemble_wants_a_number_for_each_member():
    def summed(model, batch):
        return squared_error(model, batch).sum()

    with pytest.raises(
        TypeError, match=r"one number per member, \(2,\), got [\d.]+; take the mean"
    ):
        quick(Ensemble([linear(), linear(1)]), regression(), objective=summed)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (TensorDataset(*(t.double() for t in regression().tensors)), "float64 64×3, float64 64×1"),
        (TensorDataset(torch.ones(9, 3, dtype=torch.uint8), torch.ones(9, 1)), "uint8 64×3"),
        (TensorDataset(torch.ones(9, 5), torch.ones(9, 1)), "float32 64×5"),
    ],
)
def test_data_that_do_not_fit_the_weights_are_told_beside_them(data, what):
    with pytest.raises(TypeError, match=f"the batch .{what}.* with weights of float32 on cpu"):
        quick(linear(), data)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Identity(), r"got Identity\(…\) with no weights"),
        (linear().requires_grad_(False), "with 2 weights, all frozen"),
        (torch.sin, "got sin with no weights"),
    ],
)
def test_a_model_that_cannot_learn_is_refused_in_words(model, message):
    with pytest.raises(ValueError, match=message):
        quick(model, regression())


def test_the_remedy_for_one_example_at_a_time_works():
    quick(linear(), TensorDataset(*default_collate([Mapped()[i] for i in range(10)])))


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_learning_rate_that_a_callback_changes_stays_changed(schedule):
    seen = []

    class Plateau(Callback):
        def before_training(self, run):
            self.rule = ReduceLROnPlateau(run.optimizer, factor=0.1, patience=0)

        def after_step(self, run):
            seen.append(run.optimizer.param_groups[0]["lr"])

        def after_validation(self, run):
            self.rule.step(1.0 if run.step < 30 else 2.0)  # worse at step 20, and at 30 again

    plateau = Plateau()
    quick(linear(), regression(), schedule=schedule, callbacks=[plateau], lr=0.1, steps=40)
    after = [SCHEDULES[schedule](step / 40) for step in (20, 30, 40)]
    expected = [0.1 * after[0], 0.01 * after[1], 0.001 * after[2]]
    assert [seen[19], seen[29], seen[39]] == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_learning_rate_that_has_been_zero_comes_back(schedule):
    """Set by hand, as a warm restart is."""
    seen = []

    class Restart(Callback):
        def after_step(self, run):
            (group,) = run.optimizer.param_groups
            group["lr"] = {20: 0.0, 50: 0.01}.get(run.step, group["lr"])
            seen.append(group["lr"])

    quick(linear(), regression(), schedule=schedule, callbacks=[Restart()], steps=100)
    shape = [SCHEDULES[schedule](step / 100) / SCHEDULES[schedule](0.5) for step in range(50, 100)]
    assert seen[19:49] == [0.0] * 30
    assert seen[49:99] == pytest.approx([0.01 * part for part in shape])


def test_a_schedule_of_torch_does_in_a_callback_what_it_does_alone():
    """It passes through 0 at step 20 and rises again until step 40."""
    seen, alone = [], []
    other = torch.optim.SGD(linear().parameters(), lr=0.1)
    rule = CosineAnnealingLR(other, 20)
    for _ in range(60):
        other.step()
        rule.step()
        alone.append(other.param_groups[0]["lr"])

    class Cosine(Callback):
        def before_training(self, run):
            self.rule = CosineAnnealingLR(run.optimizer, 20)

        def after_step(self, run):
            self.rule.step()
            seen.append(run.optimizer.param_groups[0]["lr"])

    quick(linear(), regression(), callbacks=[Cosine()], lr=0.1)
    assert seen == pytest.approx(alone) and seen[39] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(steps=0), "steps"),
        (dict(batch_size=0), "batch_size"),
        (dict(steps="many"), "steps must be a positive integer, got 'many'"),
        (dict(batch_size=2.5), "batch_size must be a positive integer, got 2.5"),
        (dict(validate_every=math.inf), "validate_every must be a positive integer, got inf"),
        (dict(lr=0.0), "lr"),
        (dict(lr=math.inf), "lr must be positive, got inf"),
        (dict(lr=None), "lr must be positive, got None"),
        (dict(ema=1.0), "ema"),
        (dict(schedule="linear"), "schedule"),
        (dict(keep="best"), "keep must be one of newest, lowest"),
        (dict(validation=regression(n=0)), "validation is empty"),
        (dict(validate_every=0), "validate_every"),
    ],
)
def test_bad_arguments_are_named_before_any_work(options, message):
    model = linear()
    before = weights(model).clone()
    with pytest.raises(ValueError, match=message):
        quick(model, regression(), **options)
    assert torch.equal(weights(model), before)


def test_a_device_that_is_not_there_is_named():
    missing = "cuda" if not torch.cuda.is_available() else "mps"
    with pytest.raises(ValueError, match=f"device='{missing}' is not on this machine"):
        fit(
            linear(),
            squared_error,
            regression(),
            steps=1,
            generator=make_generator(0),
            device=missing,
        )


@pytest.mark.cuda
def test_dropout_on_cuda_follows_from_the_seed(tmp_path):
    """And torch's own source of that device goes on as if nothing had been drawn; a run goes on
    from a checkpoint."""

    def make():
        model = nn.Sequential(linear(), nn.Dropout(0.5))
        model.load_state_dict({"0.0.weight": TRUE.T, "0.0.bias": torch.zeros(1)})
        return model

    whole, parts, path = make(), make(), tmp_path / "run.pt"
    torch.cuda.manual_seed(1)
    before = torch.cuda.get_rng_state()
    quick(whole, regression(), device="cuda")
    assert torch.equal(torch.cuda.get_rng_state(), before)
    torch.cuda.manual_seed(2)
    quick(parts, regression(), device="cuda", checkpoint=path, callbacks=[Stop(30)])
    parts = make()
    quick(parts, regression(), device="cuda", checkpoint=path)
    torch.testing.assert_close(weights(whole), weights(parts))
