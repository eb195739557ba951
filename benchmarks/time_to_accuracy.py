"""Time to accuracy: CPU seconds until two beads are right, against the published settings.

Right means, on held-out steps: the rate within 2 % of the exact mean of the same steps, and R² of
single steps at least 0.98, in three checks one after the other. Both are reported apart, too. The
time spent on checks does not count. The published run (Kim, Bae, Lee, Jeong 2020: three layers of
256, raw states, Adam at 1e-4, no averaging) ends after `CAP` CPU seconds; where it has not got
there, its ratio is a lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from statistics import median
from time import process_time

import torch
from torch import Tensor, nn

from stochphys.data import Windows
from stochphys.device import make_generator, one_thread
from stochphys.inference import Comparison
from stochphys.models import NEEP, neep_objective
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring
from stochphys.training import Callback, Run, fit

from . import print_header, print_table, verdict
from .training import PlainNEEP

DT, CAP, SEEDS, IN_A_ROW = 0.01, 600.0, 3, 3
CRITERIA = {
    "rate within 2 %": lambda c: abs(c.ratio - 1) < 0.02,
    "R² ≥ 0.98": lambda c: c.r_squared >= 0.98,
    "both": lambda c: abs(c.ratio - 1) < 0.02 and c.r_squared >= 0.98,
}


@dataclass
class Watch(Callback):
    """Looks at held-out steps now and then, and ends the run when all criteria are met."""

    pairs: Tensor
    exact: Tensor
    every: int
    seconds: float = 0.0  # of training alone
    last: Comparison | None = None
    in_a_row: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CRITERIA, 0))
    since: dict[str, float] = field(default_factory=dict)
    reached: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.began = process_time()

    @torch.no_grad()
    def after_step(self, run: Run) -> None:
        self.seconds += process_time() - self.began
        if run.step % self.every == 0:
            learned = torch.cat([run.average(part) for part in self.pairs.split(2**14)])
            self.last = Comparison.of(self.exact, learned, learned.double().mean().item() / DT, DT)
            for name, met in CRITERIA.items():
                self.in_a_row[name] = self.in_a_row[name] + 1 if met(self.last) else 0
                if self.in_a_row[name] == 1:
                    self.since[name] = self.seconds
                if self.in_a_row[name] == IN_A_ROW:
                    self.reached.setdefault(name, self.since[name])
            if len(self.reached) == len(CRITERIA) or self.seconds > CAP:
                raise KeyboardInterrupt  # as the stop button does
        self.began = process_time()


def main() -> None:
    print_header("Time to accuracy, two beads, T = 1 and 10")
    system = BeadSpring(T_c=1.0, T_h=10.0)
    with one_thread():
        g = make_generator(0)
        data = simulate(system, 1000, 10_000, DT, scheme="euler", generator=g)
        held_out = simulate(system, 300, 1000, DT, scheme="euler", generator=g)
        exact = system.entropy_production(held_out, "euler").flatten()
        windows, judges = Windows(data), Windows(held_out)
        pairs = judges[torch.arange(len(judges))]

        def run(model: nn.Module, every: int, seed: int, **options: object) -> Watch:
            watch = Watch(pairs, exact, every)
            fit(
                model,
                neep_objective,
                windows,
                steps=10**6,
                generator=make_generator(seed),
                callbacks=[watch],
                device="cpu",
                progress=False,
                **options,  # type: ignore[arg-type]
            )
            return watch

        def network(seed: int) -> NEEP:
            return NEEP(2, width=16, generator=make_generator(seed)).standardise(data)

        ours = [run(network(s), 10, s, batch_size=2048, lr=6e-3) for s in range(SEEDS)]
        adam = partial(torch.optim.Adam, weight_decay=5e-5)
        torch.manual_seed(0)
        published = run(PlainNEEP(), 200, 0, lr=1e-4, ema=0.0, optimizer=adam)

    rows = []
    for name in CRITERIA:
        fast = median(watch.reached[name] for watch in ours)
        slow = published.reached.get(name, published.seconds)
        sign = "" if name in published.reached else "≥ "
        text = f"{sign}{slow / fast:.0f}"
        target = verdict(slow / fast, least=300) if name == "both" else ""
        rows.append((name, fast, f"{sign}{slow:.0f}", text, target))
    print_table(("criterion", f"here, s (median of {SEEDS})", "published, s", "ratio", ""), rows)
    assert published.last is not None
    print(
        f"\nThe published run ended after {published.seconds:.0f} CPU seconds with a ratio of "
        f"{published.last.ratio:.3f} and R² = {published.last.r_squared:.4f}."
    )
