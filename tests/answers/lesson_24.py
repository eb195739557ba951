"""Right and wrong answers to the exercises of notebook 24."""

from typing import Any

import torch


def limit(backward: Any) -> Any:
    """An answer to 24.3 that compares P with `backward(P)`."""

    def answer(P: torch.Tensor, law: torch.Tensor) -> float:
        flow = law[:, None] * P
        return float((flow[P > 0] * (P / backward(P))[P > 0].log()).sum())

    return answer


ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "24.1": (
        0.3982,
        [
            (0.7465, "use π"),
            (0.2131, "this is V = 2"),
            (0.9927, "per unit time"),
            (0.1991, "exactly half"),
            (-0.3982, "the sign is not"),
        ],
    ),
    "24.2": (
        0.004038,
        [
            (0.008077, "D_3; a word"),
            (0.002692, "two steps, not three"),
            (0.000123, "words of two"),
            (0.2131, "sum the hidden ones out"),
        ],
    ),
    "24.3": (
        limit(lambda P: P.T.roll((3, 3), (0, 1))),
        [
            (limit(lambda P: P.T), "the same labels"),
            (limit(lambda P: P.roll((3, 3), (0, 1))), "time still runs forwards"),
            (lambda P, law: 0.0773, "with the modes swapped"),
        ],
    ),
    "24.4": (
        2.0,
        [(1.003, "turn π upside down"), (0.3982, "average e^(−ΔS)"), (5.0, "average e^(−ΔS)")],
    ),
    "24.5": (
        0.074,
        [
            (0.532, "divide by the seven steps"),
            (0.398, "observe the sites"),
            (0.0251, "this is V = 2"),
            (0.05, "learning rate falling"),
        ],
    ),
}
