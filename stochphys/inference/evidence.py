r"""Weights of a linear model, their prior, and how probable the data are under it, in closed form.

For weights $w \sim N(0, 1/\alpha)$, features Φ and labels y of inverse variance W the posterior is
normal with

$$\text{covariance}^{-1} = \alpha + \Phi^\top W \Phi, \qquad
  \text{mean} = \text{covariance}\;\Phi^\top W y,$$

and α maximises the evidence, the probability of the data with the weights integrated out. Here are
one component and its Gram matrix; how that is made from samples lives in `regression`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

import torch
from torch import Tensor

from ..brief import Brief

PRECISIONS = torch.logspace(-8, 8, 129, dtype=torch.float64)  # of the prior, times that of the data
UPDATES, SETTLED = 60, 0.01  # of precisions, at most; nats gained by one, at which they end
EAGER = 1.5  # so far beyond MacKay's fixed point, which moves too little: a fifth fewer updates
UNLIKELY = 0.1  # times the greatest share of the probability: what has less is left out
REST = (3, 9, 27, 72)  # weights that data would determine of what is in no family, by its size
AND_REST = " and bumps in all coordinates"


def believed(gram: Tensor, groups: Tensor, precision: Tensor) -> tuple[Tensor, float]:
    r"""Root R `(n_features, n_features)` of the covariance of the weights, $w \sim N(RR^\top \Phi^\top Wy, RR^\top)$,
    under a prior of known precision `(n_groups,)`, 0 for none, infinite for features that are left out;
    `groups (n_features,)`. And how many of the weights the data determine, MacKay's γ."""
    alpha = precision[groups]
    free, held = (alpha == 0).nonzero()[:, 0], ((alpha > 0) & (alpha < inf)).nonzero()[:, 0]
    S, across, root_of_free = without(gram, free, held)
    # Triangular, so that a seed draws the same functions everywhere.
    R = inverse(cholesky(S + alpha[held].diag())).T
    root = torch.zeros_like(gram)
    root[held[:, None], held], root[free[:, None], held] = R, -across @ R
    root[free[:, None], free] = root_of_free
    return root, len(free) + len(held) - (alpha[held] * R.square().sum(1)).sum().item()


def without(gram: Tensor, free: Tensor, held: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What is left of it for the features `held` when the weights of those that are `free` of a prior are
    integrated out, by which these depend on them, and the symmetric root of the covariance of the free ones
    alone. Of free features that cannot be told apart the smallest weights are taken."""
    values, vectors = torch.linalg.eigh(gram[free[:, None], free])
    seen = values > 1e-12 * values.amax(0, keepdim=True) if len(free) else values > 0
    inverse_root = torch.where(seen, values, inf) ** -0.5
    root = vectors * inverse_root @ vectors.T
    across = root @ root @ gram[free[:, None], held]
    return gram[held[:, None], held] - gram[held[:, None], free] @ across, across, root


def most_probable(
    gram: Tensor, moment: Tensor, groups: Tensor, families: Iterable[Tensor]
) -> Iterator[tuple[Tensor, float]]:
    r"""Of each family, a mask of features, the precisions `(n_groups,)` of greatest evidence for a prior
    $w_k \sim N(0, 1/\alpha_{g(k)})$, and that evidence in nats, less what it is with group 0 alone:

    $$\ln p(y|\alpha) = \tfrac12 \Big(\sum_k \ln\alpha_{g(k)} - \ln\det(\alpha + S)
       + b^\top(\alpha + S)^{-1} b\Big) + \text{const},$$

    from `gram` $\Phi^\top W\Phi$, `moment` $\Phi^\top Wy$ and the group of each feature. No prior holds
    group 0, say a straight line: S and b are what is left of the two when its weights are integrated
    out.

    A coordinate on which a component does not depend gets bumps with a prior that keeps them at zero,
    instead of the one that the others need (automatic relevance determination). The best common
    precision is found on a grid; from there those of several groups go to MacKay's fixed point,

    $$\alpha_g \leftarrow \gamma_g \Big/ \sum_{k \in g} w_k^2, \qquad
      \gamma_g = n_g - \alpha_g \sum_{k \in g} \Sigma_{kk} .$$

    γ of the n weights of a group are determined by the data: Σ is their covariance, 1/α each if
    the data say nothing.

    Source: MacKay, Neural Computation 4, 415 (1992), §5; with one weight in each group: Tipping,
    JMLR 1, 211 (2001).
    """
    free, held = (groups == 0).nonzero()[:, 0], (groups > 0).nonzero()[:, 0]
    S, across, _ = without(gram, free, held)
    b = moment[held] - across.T @ moment[free]
    for mask in families:
        k, evidence = mask[held].nonzero()[:, 0], 0.0
        precision = torch.full((int(groups.max()) + 1,), inf, dtype=gram.dtype)
        precision[0] = 0
        if len(k):
            kinds, group = groups[held[k]].unique(return_inverse=True)
            precision[kinds], evidence = greatest_evidence(S[k[:, None], k], b[k], group)
        yield precision, evidence


def greatest_evidence(S: Tensor, b: Tensor, group: Tensor) -> tuple[Tensor, float]:
    """α of each group, infinite where nothing needs it, and the evidence; see `most_probable`."""
    n, scale = torch.bincount(group).to(S), S.diagonal().mean()
    if not scale > 0:  # the free ones say it all, as of a coordinate of two values
        return torch.full_like(n, inf), 0.0
    low, *_, high = PRECISIONS * scale
    alpha, last = best_common(S, b) + torch.zeros_like(n), -inf

    def per_group(values: Tensor) -> Tensor:
        return torch.zeros_like(n).index_add(0, group, values)

    for update in range(UPDATES + 1):
        L = cholesky(S + alpha[group].diag())
        w = torch.cholesky_solve(b[:, None], L)[:, 0]
        log_det = 2 * L.diagonal().log().sum()
        evidence = ((n * alpha.log()).sum() - log_det + b @ w).item() / 2
        if len(n) < 2 or abs(evidence - last) < SETTLED or update == UPDATES:
            break
        last, variance = evidence, inverse(L).square().sum(0)  # of each weight
        determined = (n - alpha * per_group(variance)).clamp(min=1e-9)  # γ
        wanted = (determined / per_group(w.square())).nan_to_num(nan=high).clamp(low, high)
        alpha = (alpha * (wanted / alpha) ** EAGER).clamp(low, high)
    return torch.where(alpha < high, alpha, inf), evidence


def cholesky(S: Tensor) -> Tensor:
    """L with LLᵀ = S; of a matrix that rounding has made indefinite, the nearest that is not."""
    L, failed = torch.linalg.cholesky_ex(S)
    if failed:
        values, vectors = torch.linalg.eigh(S)
        least = values[-1] * 1e-12 - values[0].clamp(max=0)
        L = torch.linalg.cholesky(vectors * (values + 2 * least) @ vectors.T)
    return L


def inverse(L: Tensor) -> Tensor:
    """Of a lower triangular matrix."""
    return torch.linalg.solve_triangular(L, torch.eye(len(L)).to(L), upper=False)


def best_common(S: Tensor, b: Tensor) -> Tensor:
    """One α for all, of those on a grid the one with the greatest evidence."""
    alpha, evidence, _ = common(S, b)
    return alpha[evidence.argmax()]


def common(S: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One α for all: those on a grid, the evidence of each, and how many weights the data then determine."""
    values, vectors = torch.linalg.eigh(S)
    values, rotated = values.clamp(min=0), vectors.T @ b
    alpha = PRECISIONS.to(S) * values.mean()
    totals = values + alpha[:, None]  # (n_alpha, n_features)
    evidence = ((alpha[:, None] / totals).log() + rotated.square() / totals).sum(1) / 2
    return alpha, evidence, (values / totals).sum(1)


def with_rest(
    gram: Tensor, moment: Tensor, groups: Tensor, precision: Tensor, rest: int
) -> Iterator[tuple[Tensor, float]]:
    r"""Precisions `(n_groups,)` under which a family of this `precision` is not quite all: there is a group
    `rest`, too, so large that data determine none of its weights, 3, 9, 27 or 72. And the evidence of each,
    less that of the first.

    A greatest evidence is zero for a rest that cannot be told from none. That is no reason for an error bar
    without it: what the data allow is weighed, over sizes each thrice as large as the last.
    """
    yield precision, 0.0
    root, _ = believed(gram, groups, precision)
    new, old = (groups == rest).nonzero()[:, 0], (precision[groups] < inf).nonzero()[:, 0]
    root = root[old[:, None], old]
    across = gram[new[:, None], old] @ root
    S = gram[new[:, None], new] - across @ across.T
    b = moment[new] - across @ (root.T @ moment[old])
    alpha, evidence, determined = common(S, b)
    for size in REST:
        if size < 0.7 * len(new):
            i, larger = int((determined - size).abs().argmin()), precision.clone()
            larger[rest] = alpha[i]
            yield larger, evidence[i].item()


@dataclass(frozen=True, eq=False)
class Prior(Brief):
    """What is known of a component before its data are: families of functions, some of them with a rest
    that is in none, each with a share of the probability and precisions of its weights. All are chosen by
    the data.

    Attributes:
        names: of the families, the most probable first, with `AND_REST` if there is one.
        shares: of the probability `(n,)`.
        precisions: by group of features `(n, n_groups)`; infinite for those that are left out.
        ahead: nats by which the first family is ahead of the next; infinite if there is none.
    """

    names: tuple[str, ...]
    shares: Tensor
    precisions: Tensor
    ahead: float

    @classmethod
    def of(
        cls,
        gram: Tensor,
        moment: Tensor,
        groups: Tensor,
        families: dict[str, Tensor],
        rest: int | None = None,
    ) -> "Prior":
        """From families by name, each a mask of features: weighed by how probable they make the data, with
        a nat off for each precision that was fitted (Akaike). `rest`: the group of what is in none."""
        names, scores, precisions, all_in = [], [], [], {}
        found = most_probable(gram, moment, groups, families.values())
        for (name, mask), (precision, evidence) in zip(families.items(), found, strict=True):
            each = [(precision, 0.0)]
            if rest is not None:
                each = [*with_rest(gram, moment, groups, precision, rest)]
            score = torch.tensor([more for _, more in each]) + evidence - len(groups[mask].unique())
            names += [name] + [name + AND_REST] * (len(each) - 1)
            scores.append(score)
            precisions += [one for one, _ in each]
            all_in[name] = score.logsumexp(0).item()
        best, *others = sorted(all_in.values(), reverse=True)
        shares = torch.cat(scores).to(gram).softmax(0)
        order = [
            i
            for i in shares.argsort(descending=True, stable=True).tolist()
            if shares[i] > UNLIKELY * shares.max()
        ]
        return cls(
            tuple(names[i] for i in order),
            shares[order] / shares[order].sum(),
            torch.stack([precisions[i] for i in order]),
            best - others[0] if others else inf,
        )

    def of_groups(self, kept: Tensor) -> "Prior":
        """The same where other groups are gone."""
        return replace(self, precisions=self.precisions[:, kept])

    def believed(self, gram: Tensor, groups: Tensor) -> "Belief":
        """What data of this Gram matrix leave open."""
        roots = [believed(gram, groups, precision)[0] for precision in self.precisions]
        return Belief(self.shares.to(gram), roots)


@dataclass(frozen=True, eq=False)
class Belief(Brief):
    r"""What data say of the weights of one component: families of functions, each with normal weights of the
    covariance $RR^\top$.

    Attributes:
        shares: of the families `(n_families,)`.
        roots: R of each, `(n_features, n_features)`.
    """

    shares: Tensor
    roots: list[Tensor]

    def means(self, moment: Tensor) -> Tensor:
        """Of the weights in each family, `(n_families, n_features)`."""
        return torch.stack([R @ (R.T @ moment) for R in self.roots])

    def root(self, moment: Tensor, kept: Tensor) -> Tensor:
        r"""R with the covariance $RR^\top$ of the mixture of the families, of those features that are kept: what
        is open in each family, and between them."""
        if len(self.roots) == 1:
            return self.roots[0][kept][:, kept]
        each, share = self.means(moment)[:, kept], self.shares.sqrt()
        between = share[:, None] * (each - self.shares @ each)
        within = [p * R[kept][:, kept].T for p, R in zip(share, self.roots, strict=True)]
        R = torch.linalg.qr(torch.cat((*within, between)), mode="r").R
        return (R * R.diagonal().sign()[:, None]).T  # what QR leaves open


def in_words(priors: Sequence[Prior]) -> str:
    """Which families, of which components, and by how much, in one line; empty if there is one alone."""
    first = [prior.names[0] for prior in priors]
    texts = []
    for name in filter(None, dict.fromkeys(first)):
        mine = [i for i, other in enumerate(first) if other == name]
        ahead = min(priors[i].ahead for i in mine)
        by = f"{ahead:.1f} nats" if ahead < inf else "far"
        whose = f" in component {', '.join(map(str, mine))}" if len(mine) < len(first) else ""
        texts.append(f"{name}{whose} ({by} ahead)")
    return "; ".join(texts)
