"""What notebook 43 writes out by hand is what the package does: the split of the gradient."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy, one_hot

from stochphys.inference.gradient_split import gradient_split
from stochphys.training import Labelled, digits, symmetric_noise
from tests.lesson import inline

PARTS = ("drift", "pull", "quenched")


def test_the_inline_split_is_that_of_the_package() -> None:
    lesson = inline(
        "43_latent_gradient_bias",
        "split",
        torch=torch,
        cross_entropy=cross_entropy,
        one_hot=one_hot,
    )
    for noise_rate in (0.2, 0.6):
        study = digits([3], noise_rate)
        train, network = study.train, study.networks.member(0)
        x, given, true = train.x[train.rows[0]], train.y[0], train.true[0]
        data = Labelled(x, given, 10, true)
        package = gradient_split(network, data, symmetric_noise(noise_rate, 10))
        written = lesson.split(network, x, given, true, noise_rate)
        for part, mine in zip(PARTS, written, strict=True):
            torch.testing.assert_close(mine, getattr(package, part), rtol=1e-4, atol=1e-6)
            assert mine.norm() > 0.01
        wrong = lesson.split(network, x, given, true, noise_rate + 0.01)
        assert not torch.allclose(wrong[0], package.drift, rtol=1e-4, atol=1e-6)
