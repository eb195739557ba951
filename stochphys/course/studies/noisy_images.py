"""A network on images with wrong labels: what one run of a method ends at, and what it does on the way.

`tools/run_studies.py` asks for many such runs; page 44 reads what they found.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import torch
from torch import nn

from ... import require
from ...training import Monitor, Resetting, accuracy, classify, fit
from ...training.labels import class_noise
from ..page import stored
from .datasets import FASHION_LOOKALIKES, Images, images
from .digits import PATIENCE
from .digits import RECIPE as DIGITS
from .image_files import CIFAR10_LOOKALIKES
from .images import CNN, VCNN, ResNet
from .losses import ELR, gce, sce
from .memorisation import FRACTIONS, memorised
from .noisy_labels import noisy_labels

# As for digits, at a learning rate at which the network learns wrong labels by heart within the run; chosen
# on seeds 0 and 1.
RECIPE = DIGITS | dict(steps=3000, batch_size=32, schedule="cosine", validate_every=50)
# What a method changes in the recipe; each loss has the constants of its paper.
METHODS: dict[str, dict[str, Any]] = {
    "SGD": {},
    "lower rate": dict(lr=0.05),
    "short run": dict(steps=600),
    "EMA": dict(ema=0.995, schedule="constant"),
    "GCE": dict(objective=classify(gce())),
    "SCE": dict(objective=classify(sce())),
    "ELR": {},
    "Adam": dict(optimizer=torch.optim.Adam, lr=1e-3),
}
NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "CNN": CNN,
    "VCNN": VCNN,
    "ResNet-18": partial(ResNet, 18),
    "ResNet-34": partial(ResNet, 34),
}
LOOKALIKES = {
    "Fashion-MNIST": FASHION_LOOKALIKES,
    "CIFAR-10": CIFAR10_LOOKALIKES,
    "ciFAIR-10": CIFAR10_LOOKALIKES,
}


def on_images(
    noise_rate: float,
    p_reset: float,
    *,
    seed: int,
    method: str = "SGD",
    network: str = "CNN",
    name: str = "Fashion-MNIST",
    sizes: tuple[int, int] = (6000, 1000),
    lookalikes: bool = False,
    layers: Sequence[str] | None = None,
    **changed: Any,
) -> dict[str, Any]:
    """Train one network by a `method` on `sizes[0]` images with wrong labels, resets by `sizes[1]` others.

    A seed stands for the images, their wrong labels, the start weights, the batches and the coins: two
    runs of a seed differ in nothing but what is asked for. 0 for `p_reset` is early stopping.

    Args:
        lookalikes: labels are wrong as people would be wrong, by the `LOOKALIKES` of the data set.
        layers: of a network, `"features"` or `"classifier"`, if not all goes back.
        changed: what else of the `RECIPE` is to be another.

    Returns, in per cent, `kept`, the test accuracy at the lowest held-out loss, and `last`, that after the
    last step; the `best_step`; the number of `resets`, and the step at which they had `begun`, 0 if they
    never did; on the way, after each of `steps`, the accuracy on 2000 test images and what became of the
    labels, `FRACTIONS` (without wrong labels only the last of them).
    """
    require.one_of(METHODS, method=method)
    require.one_of(NETWORKS, network=network)
    if lookalikes:
        require.one_of(LOOKALIKES, name=name, hint="others have no lookalikes here")
    data = _all(name)
    noise: Any = class_noise(noise_rate, LOOKALIKES[name]) if lookalikes else noise_rate
    kind, n_classes = NETWORKS[network], int(data.train[1].max()) + 1
    drawn = noisy_labels(
        *data.train,
        [seed],
        noise,
        sizes=sizes,
        network=lambda generator: kind(data.train[0], n_classes, generator=generator),
        test=data.test,
    )
    train, validation, test = (d.group(0) for d in (drawn.train, drawn.validation, drawn.test))
    model, how = drawn.networks.member(0), RECIPE | METHODS[method] | changed
    objective = how.pop("objective", classify())
    if method == "ELR":  # it remembers: one for each run
        objective = ELR(sizes[0], n_classes)
    rule = Resetting(p_reset, patience=PATIENCE, generator=20_000 + seed, layers=layers)
    few = replace(test, x=test.x[:2000], y=test.y[:2000], true=None, rows=None)
    watch = Monitor(
        how["steps"] // 10,
        test=partial(accuracy, data=few),
        labels=partial(memorised, data=train),
    )
    end = Monitor(how["steps"], test=partial(accuracy, data=test))
    history = fit(
        model,
        objective,
        train,
        validation=validation,
        callbacks=[rule, watch, end],
        generator=10_000 + seed,
        **how,
    )
    if history.interrupted:  # `fit` keeps what there is; half of a run is no result
        raise KeyboardInterrupt(history.interrupted)
    labels = dict(zip(FRACTIONS, watch.values["labels"].T.tolist(), strict=True))
    return dict(
        kept=round(100 * accuracy(model, test).item(), 2),
        last=round(100 * end.values["test"][-1].item(), 2),
        best_step=history.best_step,
        begun=int(rule.begun),
        resets=len(rule.resets),
        steps=watch.steps,
        test=[round(100 * v, 1) for v in watch.values["test"].tolist()],
        labels={k: [round(v, 3) for v in of] for k, of in labels.items() if of[0] == of[0]},
    )


@cache
def _all(name: str) -> Images:
    """Read once in a process."""
    found = images(name, 10**6, 10**6)
    if found.name != name:
        raise FileNotFoundError(
            f"this study needs all of {name}; let STOCHPHYS_DATA name its folder"
        )
    return found


def accuracies(study: str, **setting: Any) -> dict[str, list[float]]:
    """Of the runs that a study has stored with just this setting, seed by seed: `kept` and `last`, in per
    cent."""
    rows = [row for row in stored(study) if row["setting"] == setting and "result" in row]
    rows.sort(key=lambda row: row["seed"])
    return {name: [row["result"][name] for row in rows] for name in ("kept", "last")}
