"""Right and wrong answers to the exercises of notebook 12."""

from typing import Any

import torch


def constant(n: float, v: float, s: float, beta: float) -> float:
    return s * (beta * v / (n * s**2 + beta * v)) ** 0.5


def gradient(loss: Any, network: Any, kl_weight: float) -> torch.Tensor:
    network.zero_grad()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        loss(network, kl_weight).backward()
    gradients = [p.grad for p in network.parameters()]
    return torch.cat([g.flatten() for g in gradients if g is not None] or [torch.zeros(1)])


def pulls(loss: Any, network: Any) -> bool:
    try:
        little, much = (gradient(loss, network, kl_weight) for kl_weight in (0.0, 1e6))
    except RuntimeError:  # nothing in it has a gradient
        return False
    return not torch.equal(little, much)


def by_value(loss: Any, network: Any) -> bool:
    return bool(loss(network, 1e6) > 2 * loss(network, 1.0))


def noisy(loss: Any, network: Any) -> bool:
    network.zero_grad()
    loss(network, 1.0).backward()
    first = network.layers[0].weight.grad.clone()
    network.zero_grad()
    loss(network, 1e6).backward()
    return not torch.equal(first, network.layers[0].weight.grad)


def one_gradient(loss: Any, network: Any) -> bool:
    return bool(gradient(loss, network, 1e6).abs().max() > 1e3)


def one_parameter(loss: Any, network: Any) -> bool:
    found = []
    for kl_weight in (0.0, 1e6):
        gradient(loss, network, kl_weight)
        found.append(network.layers[0].weight.grad.clone())
    return not torch.equal(*found)


def tolerant(loss: Any, network: Any) -> bool:
    change = gradient(loss, network, 1.0) - gradient(loss, network, 0.0)
    return bool(change.abs().max() > 1e-3)


def bootstrap(members: int, n: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(n, (members, n), generator=generator)


def shuffled(members: int, n: int, generator: torch.Generator) -> torch.Tensor:
    return torch.stack([torch.randperm(n, generator=generator) for _ in range(members)])


def one_bag(members: int, n: int, generator: torch.Generator) -> torch.Tensor:
    bag = bootstrap(1, n, generator)[0]
    return torch.stack([bag[order] for order in shuffled(members, n, generator)])


def one_bag_shifted(members: int, n: int, generator: torch.Generator) -> torch.Tensor:
    return (bootstrap(1, n, generator) + torch.arange(members)[:, None]) % n


def blocks(members: int, n: int, generator: torch.Generator) -> torch.Tensor:
    first = torch.randint(n, (members, -(-n // 20)), generator=generator)
    return ((first[:, :, None] + torch.arange(20)) % n).flatten(1)[:, :n]


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "12.1": (
        constant,
        [
            (lambda n, v, s, beta: (n / v + 1 / s**2) ** -0.5, "right for β = 1"),
            (lambda n, v, s, beta: (n / beta + 1 / s**2) ** -0.5, "unit variance"),
            (lambda n, v, s, beta: (n * beta / v + 1 / s**2) ** -0.5, "upside down"),
            (lambda n, v, s, beta: constant(n, v, s, beta) ** 2, "its root"),
            (lambda n, v, s, beta: constant(n, v**2, s, beta), "not its std"),
            (lambda n, v, s, beta: (beta * v / n) ** 0.5, "the prior is missing"),
            (lambda n, v, s, beta: (n / (beta * v) + 1 / s) ** -0.5, "precision is 1/s²"),
            (lambda n, v, s, beta: 1 + constant(n, v, s, beta), "without labels"),
        ],
    ),
    "12.2": (
        pulls,
        [
            (by_value, ".item()"),
            (noisy, "from the same seed"),
            (one_gradient, "a large misfit"),
            (one_parameter, "compare all gradients"),
            (tolerant, "a weak pull"),
            (lambda loss, network: False, "you call a KL with a gradient dead"),
            (lambda loss, network: "yes", "True or False"),
        ],
    ),
    "12.3": (
        bootstrap,
        [
            (shuffled, "a shuffle"),
            (
                lambda members, n, generator: bootstrap(1, n, generator).expand(members, n),
                "share their luck",
            ),
            (lambda members, n, generator: bootstrap(n, members, generator), "the shape"),
            (
                lambda members, n, generator: bootstrap(members, n // 2, generator).repeat(1, 2),
                "of the labels are seen",
            ),
            (one_bag, "another order"),
            (one_bag_shifted, "shifted"),
            (blocks, "blocks of neighbours"),
            (
                lambda members, n, generator: torch.randint(
                    n - 1, (members, n), generator=generator
                ),
                "that at 4 is never drawn",
            ),
            (
                lambda members, n, generator: torch.randint(
                    1, n, (members, n), generator=generator
                ),
                "that at 0 is never drawn",
            ),
            (lambda members, n, generator: torch.randint(n, (members, n)), "same seed"),
            (lambda members, n, generator: bootstrap(members, n, generator) + 1, "integers from 0"),
        ],
    ),
    "12.4": (
        (1.1, 2.9),
        [
            ((1.0, 0.34), "upside down"),
            ((1.0, 10**0.5), "what one expects"),
            ((0.6, 1.4), "where the data are"),
            ((1.1, 8.4), "the variance"),
            ((2.9, 1.1), "first the factor of dropout"),
            ((4.0, 2.9), "that of dropout is off"),
            ((-1.0, 2.9), "positive"),
            (1.1, "the shape"),
        ],
    ),
}
