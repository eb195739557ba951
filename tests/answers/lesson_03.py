"""Right and wrong answers to the exercises of notebook 03."""

from typing import Any

ROWS: dict[str, tuple[Any, list[tuple[Any, str]]]] = {
    "03.1": (
        lambda k, D, dt, eps: 2 / (k * eps**2),
        [
            (lambda k, D, dt, eps: 2 / (k * eps**2 * dt), "a number of frames"),
            (lambda k, D, dt, eps: 2 * k / eps**2, "eps times k"),
            (lambda k, D, dt, eps: 2 * D / (k * eps) ** 2, "D drops out"),
            (lambda k, D, dt, eps: 2 / (k * eps), "1/√t only"),
            (lambda k, D, dt, eps: 1 / (k * eps**2), "exactly half"),
            (lambda k, D, dt, eps: 1 / eps, "Λ = t⟨x²⟩/2D"),
            (200.0, "a function is wanted"),
        ],
    ),
    "03.2": (
        lambda k, D: -k / 4,
        [
            (lambda k, D: k / 4, "lower is better"),
            (lambda k, D: 0.0, "for no force"),
            (lambda k, D: -k / 2, "with a plus"),
            (lambda k, D: -k * D, "units of 4D"),
            (lambda k, D: -(k**2) / (4 * D), "⟨x²⟩ is 1"),
            (lambda k, D: -k * D / 4, "it is −⟨F*²⟩/4D"),
        ],
    ),
    "03.3": (
        0.66,
        [
            (0.95, "makes the band narrower"),
            (0.376, "not as D"),
            (0.327, "lies outside"),
            (0.5, "±0.98 of the true one"),
        ],
    ),
    "03.4": (
        2.2,
        [
            (1.12, "lands in the minimum"),
            (4.5, "must be below 1"),
            (2.0, "⟨x²⟩ is not 1"),
            (-2.238, "the sign is not"),
            (0.1, "a little above and below"),
        ],
    ),
}
