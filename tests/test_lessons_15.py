"""What notebook 15 writes out by hand is what the package does: the moments of a cycle agree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from stochphys.systems import CarnotEngine
from tests.lesson import inline


@pytest.fixture(scope="module")
def one_cycle() -> Callable:
    """The function as the notebook defines it: the cell as it stands."""
    return inline("15_engines", "one_cycle", np=np, solve_ivp=solve_ivp).one_cycle


@pytest.mark.parametrize("tau", [5.0, 20.0, 50.0])
def test_the_inline_moments_are_those_of_the_package(one_cycle: Callable, tau: float) -> None:
    """Work, heat and ⟨x²⟩ at the ends of all strokes; one integrates κ′s, the other energy less heat."""
    engine = CarnotEngine(tau)
    t, (s, c, w, work, heat) = one_cycle(engine)
    exact = engine.cycle()
    np.testing.assert_allclose(np.diff(work[::50]), exact.work, atol=2e-3)
    np.testing.assert_allclose(np.diff(heat[::50]), exact.heat, atol=2e-3)
    for i in (0, 50, 110):
        C = engine.covariance(t[i]).numpy()
        np.testing.assert_allclose([s[i], w[i]], np.diagonal(C), rtol=1e-3)
    assert s[0] == pytest.approx(s[-1], rel=1e-4)  # periodic


def test_a_lesson_that_drifts_away_is_noticed(one_cycle: Callable) -> None:
    class Wrong(CarnotEngine):
        def temperature(self, t: float) -> float:
            return 1.01 * super().temperature(t)

    _, moments = one_cycle(Wrong(20.0))
    exact = CarnotEngine(20.0).cycle()
    assert abs(moments[3][-1] + exact.work_out) > 5e-3
