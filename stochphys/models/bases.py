r"""Features of a state: what a linear model multiplies with its weights.

A basis is any function from states `(…, dim)` to features `(…, n_features)`. The ones here place
themselves on data first, `basis.fitted(x)`, so that their features are of order one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from .. import require
from ..brief import Brief

Features = Callable[[Tensor], Tensor]  # (…, dim) -> (…, n_features)


Monomial = tuple[int, ...]  # numbers of the coordinates that are multiplied


def monomials(dim: int, degree: int) -> list[Monomial]:
    """All of one degree."""
    return list(combinations_with_replacement(range(dim), degree))


def products(z: Tensor, of: list[Monomial]) -> Tensor:
    """Of coordinates `z (…, dim)`, `(…, n)`."""
    columns = z.unbind(-1)
    return torch.stack([reduce(torch.mul, [columns[i] for i in c]) for c in of], dim=-1)


@dataclass(frozen=True)
class Polynomial:
    """All monomials up to a total `degree`, of coordinates shifted and scaled to the data.

    Raises `ValueError` for a negative degree.
    """

    degree: int = 3

    def __post_init__(self) -> None:
        require.integer(0, self, "degree")

    def fitted(self, x: Tensor) -> Features:
        mean, std = x.mean(0), x.std(0)
        powers = [c for k in range(1, self.degree + 1) for c in monomials(x.shape[-1], k)]

        def features(x: Tensor) -> Tensor:
            one = torch.ones_like(x[..., :1])
            if not powers:
                return one
            return torch.cat((one, products((x - mean.to(x)) / std.to(x), powers)), dim=-1)

        return features


FREE = (
    100.0  # factor of the straight line: even a prior of one width for all weights leaves it free
)


@dataclass(frozen=True)
class RBF:
    r"""1, x, and `n` radial bumps along each coordinate, two distances of centres wide.

    The bumps cover the range of the data; beyond it the straight line is left, on which the prior
    says nothing. A sum over coordinates: it holds forces that add up over them, and no products.

    Raises `ValueError` for fewer than two bumps.
    """

    n: int = 24

    def __post_init__(self) -> None:
        require.integer(2, self, "n")

    def fitted(self, x: Tensor) -> "Bumps":
        low, high = x.min(0).values, x.max(0).values
        return Bumps(self.n, low, (high - low) / (self.n - 1), x.mean(0), x.std(0))


@dataclass(frozen=True, eq=False)
class Bumps(Brief):
    """An `RBF` that has found its place: the first of `n` bumps is at `low`, the next a `step` on."""

    n: int
    low: Tensor
    step: Tensor
    mean: Tensor
    std: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        z = (x - self.low.to(x)) / self.step.to(x)
        away = z[..., None] - torch.arange(self.n).to(x)
        bumps = torch.exp(-((away / 2) ** 2) / 2).flatten(-2)
        line = FREE * (x - self.mean.to(x)) / self.std.to(x)
        return torch.cat((FREE * torch.ones_like(x[..., :1]), line, bumps), dim=-1)

    @property
    def groups(self) -> Tensor:
        """Of each feature: 0 for the straight line, which no prior holds, i for bumps along coordinate i.
        Where there is one coordinate, one prior will do for all, see `FREE`."""
        dim = len(self.low)
        line = torch.full((1 + dim,), 0 if dim > 1 else 1)
        return torch.cat((line, torch.arange(1, dim + 1).repeat_interleave(self.n)))


CUBIC, SQUARE = 6, 12  # coordinates at most for products of degree 3, and of degree 2
NEAR = 0.55  # width of bumps in all coordinates in std, times dim^(1/4)
SHOWN = 4096  # states at most of which places are taken


@dataclass(frozen=True)
class Families:
    """Families of functions from a straight line to narrow bumps, for evidence to choose from, and bumps in
    all coordinates for the rest, which is in none of them, see `Candidates`.

    Attributes:
        wide, narrow: bumps along each coordinate.
        places: bumps in all coordinates, about states that were seen; of one coordinate, the narrow ones.
    """

    wide: int = 16
    narrow: int = 40
    places: int = 150

    def fitted(self, x: Tensor) -> "Candidates":
        mean, std, low, dim = x.mean(0), x.std(0), x.min(0).values, x.shape[-1]
        reach = x.max(0).values - low

        def unit(x: Tensor) -> Tensor:
            return (x - mean.to(x)) / std.to(x)

        def bumps(i: int, n: int, width: float) -> Features:
            centres = low[i] + reach[i] * torch.arange(n, dtype=low.dtype) / (n - 1)
            scale = (n - 1) / (width * reach[i]) / 2**0.5

            def features(x: Tensor) -> Tensor:
                away = (x[..., i] * scale.to(x))[..., None] - (centres * scale).to(x)
                return torch.exp(-away * away)

            return features

        def around(places: Tensor, width: float) -> Features:
            # −|z − p|²/2w² is linear in z, |z|² and 1: one product of matrices for all places p.
            one = torch.ones_like(places[:, :1])
            parts = (2 * places, -one, -places.square().sum(1, keepdim=True))
            linear = torch.cat(parts, dim=1).T / (2 * width**2)

            def features(x: Tensor) -> Tensor:
                z = unit(x)
                square = z.square().sum(-1, keepdim=True)
                return torch.exp(torch.cat((z, square, torch.ones_like(square)), -1) @ linear.to(x))

            return features

        def terms(of: list[Monomial]) -> Features:
            return lambda x: products(unit(x), of)

        line = lambda x: torch.cat((torch.ones_like(x[..., :1]), unit(x)), dim=-1)  # noqa: E731
        parts: dict[str, list[Features]] = {"line": [line]}
        for kind, n in (("wide", self.wide), ("narrow", self.narrow)):
            parts[kind] = [bumps(i, n, 2.0) for i in range(dim)]
        degrees = [k for k, most in ((2, SQUARE), (3, CUBIC)) if dim <= most]
        for kind, mixed in (("powers", False), ("products", True)):
            each = [[c for c in monomials(dim, k) if (len(set(c)) > 1) == mixed] for k in degrees]
            parts[kind] = [terms(of) for of in each if of]
        places = spread_out(unit(x[:: 1 + len(x) // SHOWN]), self.places)
        if dim > 1:
            parts["rest"] = [around(places, NEAR * dim**0.25)]
        else:
            parts["rest"] = parts.pop("narrow")
        families = {
            "a straight line": ("line",),
            f"polynomials of degree {max(degrees, default=1)}": ("line", "powers", "products"),
            "wide bumps": ("line", "wide"),
            "narrow bumps": ("line", "narrow"),
            "wide bumps and products": ("line", "wide", "products"),
        }
        if dim == 1:
            del families["narrow bumps"]
        numbers = iter(range(1000))
        groups = {kind: tuple(next(numbers) for _ in of) for kind, of in parts.items()}
        held = {name: sum((groups[kind] for kind in of), ()) for name, of in families.items()}
        different = {of: name for name, of in reversed(held.items())}
        return Candidates(
            tuple(part for of in parts.values() for part in of),
            {name: of for of, name in reversed(different.items())},
            groups["rest"][0],
            x[:1],
        )


def spread_out(x: Tensor, n: int) -> Tensor:
    """n of the states `x (…, dim)`, each as far as can be from those before; the first is central."""
    square = x.square().sum(1)

    def apart(place: Tensor) -> Tensor:
        return torch.addmv(square + place @ place, x, place, alpha=-2)

    chosen = [x[apart(x.mean(0)).argmin()]]
    far = apart(chosen[0])
    while len(chosen) < min(n, len(x)):
        chosen.append(x[far.argmax()])
        far = torch.minimum(far, apart(chosen[-1]))
    return torch.stack(chosen)


@dataclass(frozen=True, eq=False)
class Candidates(Brief):
    """`Families` that have found their place: parts side by side, of which each family holds some.

    Attributes:
        parts: functions of states; the first is a straight line.
        families: by name, numbers of the parts that each holds.
        rest: number of the part for what is in no family.
        groups: of each feature: the number of its part.
    """

    parts: tuple[Features, ...]
    families: dict[str, tuple[int, ...]]
    rest: int
    at: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return torch.cat([part(x) for part in self.parts], dim=-1)

    @property
    def groups(self) -> Tensor:
        sizes = torch.tensor([part(self.at).shape[-1] for part in self.parts])
        return torch.arange(len(sizes)).repeat_interleave(sizes)

    def only(self, families: dict[str, tuple[int, ...]]) -> "Candidates":
        """With these families alone, the parts that they need, and the rest."""
        kept = sorted({self.rest}.union(*families.values()))
        held = {name: tuple(kept.index(i) for i in of) for name, of in families.items()}
        return Candidates(tuple(self.parts[i] for i in kept), held, kept.index(self.rest), self.at)
