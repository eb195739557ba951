"""What notebook 43 writes out by hand: the exact repair of the loss fails for the reasons that are given,
the parts of the gradient grow as it says, and its comparison is the study of the package. That its split
of the gradient is the package's, it asserts itself."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.nn.utils import parameters_to_vector as flat
from torch.optim import SGD

from stochphys.course.studies.digits import RECIPE, digits, paired_gain, study_digits
from stochphys.course.studies.fair_baselines import fair_baselines
from stochphys.course.studies.gradient_split import gradient_split
from stochphys.device import make_generator
from stochphys.training import (
    Monitor,
    Resetting,
    accuracy,
    classify,
    fit,
    flip,
    symmetric_noise,
)
from tests.lesson import inline

gradients = pytest.importorskip("stochphys.course.figures.gradients")
learning = pytest.importorskip("stochphys.course.figures.learning")

SEEDS, STEPS = range(200, 202), 1200


@pytest.mark.slow
def test_what_ruins_the_exact_repair_is_minibatch_noise_at_first_and_frozen_labels_at_last() -> (
    None
):
    """Labels drawn anew at each step have no quenched part. At lr 0.2 they are no better, from the
    first pass on; at lr 0.02, where less of ξ stays, they are. Means over 6 networks."""
    lesson = inline("43_latent_gradient_bias", "solved", one_hot=one_hot, a=4 / 9)
    law, generator = symmetric_noise(0.4, 10), make_generator(5)

    def afresh(logits: Tensor, true: Tensor) -> Tensor:
        return lesson.solved(logits, flip(true, law, generator=generator))

    def follow(loss: object, noise_rate: float, lr: float, steps: int) -> Tensor:
        study = digits(range(6), noise_rate)
        watch = Monitor(100, test=lambda networks: accuracy(networks, study.test))
        fit(
            study.networks,
            classify(loss),
            study.train,
            steps=steps,
            callbacks=[watch],
            generator=1,
            **RECIPE | dict(lr=lr, validate_every=100),
        )
        return watch.values["test"].mean(1)

    plain = follow(None, 0.4, 0.2, 500)
    frozen, anew = follow(lesson.solved, 0.4, 0.2, 500), follow(afresh, 0.0, 0.2, 500)
    assert max(frozen.max(), anew.max()) < 0.75 < 0.8 < plain[1:].max()
    assert max(frozen[0], anew[0]) < plain[0]
    frozen, anew = follow(lesson.solved, 0.4, 0.02, 2000), follow(afresh, 0.0, 0.02, 2000)
    assert anew[-5:].mean() > 0.85 > 0.8 > frozen[-5:].mean()


@pytest.mark.slow
def test_pull_and_frozen_noise_grow_from_the_start_weights_on() -> None:
    """The page begins at step 0: there is hardly a pull there, and it is the longest part from step 200 on.
    From step 300 to 800 accuracy is higher, and right and wrong examples oppose each other more, than
    at the end."""
    law = symmetric_noise(0.4, 10)
    scope = dict(torch=torch, flat=flat, SGD=SGD, Monitor=Monitor, fit=fit, accuracy=accuracy)
    scope |= dict(classify=classify, digits=digits, gradient_split=gradient_split, law=law)
    scope |= dict(gradients=gradients, generator=make_generator(3), noise_rate=0.4)
    scope |= dict(size=SimpleNamespace(networks=6, steps=2000))
    steps, values = inline("43_latent_gradient_bias", "follow", **scope).follow()
    assert steps[0] == 0 and len(steps) == len(values["look"]) == 21
    (drift, pull, q, cosine, _), test = values["look"].mean(-1).T, values["test"].mean(1)
    assert pull[0] < 0.15 and (pull[3:] > drift[3:]).all() and pull[-1] > 5 * pull[0]
    assert (q.diff()[1:].sum(0) > 0) and q[-1] > 3 * q[0]
    soon, late = slice(3, 9), slice(-5, None)
    assert test[soon].mean() > test[late].mean() + 0.03
    assert cosine[soon].mean() < min(cosine[0], cosine[late].mean()) - 0.05


@pytest.mark.slow
def test_the_comparison_on_the_page_is_the_study_of_the_package() -> None:
    """To the last bit: batches and coins are of one generator, as on the page."""
    g = make_generator(7)
    scope = dict(torch=torch, SGD=SGD, Monitor=Monitor, Resetting=Resetting, fit=fit)
    scope |= dict(accuracy=accuracy, classify=classify, digits=digits, generator=g, seeds=SEEDS)
    kept, last = inline("43_latent_gradient_bias", "compare", **scope).compare(STEPS, (0, 0.1))
    g.manual_seed(7)
    found = study_digits(SEEDS, 0.6, (0, 0.1), generator=g, coins=g, steps=STEPS)
    assert torch.equal(kept, found.kept.T) and torch.equal(last, found.last.T)
    assert not torch.equal(last[0], last[1])


def test_the_stored_baselines_are_paired_and_say_what_the_page_says() -> None:
    """24 seeds each; at the better learning rate resets gain less, and a robust loss gains more."""
    for noise_rate in (0.4, 0.6):
        methods = fair_baselines(noise_rate)
        runs = [run for pair in methods.values() for run in pair if run is not None]
        assert {len(run) for run in runs} == {24}
        stopped, resets = methods["early stopping"]
        slow_stopped, slow_resets = methods["lr 0.05"]
        rate, slow = paired_gain(resets, stopped), paired_gain(slow_resets, slow_stopped)
        assert slow.gain - slow.half > 0 and slow.gain + slow.half < rate.gain
        assert paired_gain(methods["GCE"][0], resets).gain > 0


def test_the_figure_of_the_baselines_shows_each_method_once_or_twice() -> None:
    panels = pytest.importorskip("matplotlib.figure").Figure().subplots(1, 2)
    found = {"a": ([1.0, 2.0], [2.0, 4.0]), "b": ([2.0, 3.5], None)}
    learning.with_and_without(panels, {0.4: found, 0.6: found})
    for ax in panels:
        without, with_resets = (bar.lines[0].get_xdata() for bar in ax.containers)
        assert without.tolist() == [1.25] and with_resets.tolist() == [1.5]
