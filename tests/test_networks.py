"""Every estimator is odd under its own reversal of time, and every objective peaks at ΔS."""

import math

import pytest
import torch
from torch import Tensor, nn

from stochphys.data import Jumps, Trajectories
from stochphys.device import make_generator
from stochphys.models import (
    NEEP,
    RNEEP,
    JumpNEEP,
    OddJumpNEEP,
    UnderdampedNEEP,
    alpha_neep_objective,
    classifier_objective,
    neep_objective,
)
from stochphys.training import Ensemble

REVERSAL = torch.tensor([1, 0, 2])
FLIP = torch.tensor([1.0, 1.0, -1.0, -1.0])  # of two positions and two velocities


def networks() -> list[tuple[str, nn.Module, Tensor, Tensor]]:
    """Name, network, windows, and the same windows with time reversed."""
    g = make_generator(0)
    x = torch.randn(100, 2, 4, generator=g)
    x[..., :2] += 3.0  # positions around a place that is not the origin
    s, time = torch.randint(3, (100, 9), generator=g), torch.rand(100, 2, generator=g)
    data = Trajectories(x, 0.1)
    stays = torch.stack((s[:, :2].float(), time), -1)
    reverse = torch.stack((REVERSAL[s[:, :2]].flip(1).float(), time), -1)
    return [
        ("NEEP", NEEP(4, generator=g).standardise(data), x, x.flip(1)),
        (
            "UnderdampedNEEP",
            UnderdampedNEEP(4, generator=g).standardise(Trajectories(x, 0.1, underdamped=True)),
            x,
            x.flip(1) * FLIP,
        ),
        ("JumpNEEP", JumpNEEP(3, generator=g), s[:, :2], s[:, :2].flip(1)),
        ("RNEEP", RNEEP(3, generator=g), s, s.flip(1)),
        ("OddJumpNEEP", OddJumpNEEP(REVERSAL, generator=g), stays, reverse),
    ]


CASES = [pytest.param(*case[1:], id=case[0]) for case in networks()]


@pytest.mark.parametrize(("network", "window", "reverse"), CASES)
def test_the_part_that_sees_the_whole_window_changes_sign_with_time(
    network: nn.Module, window: Tensor, reverse: Tensor
) -> None:
    parts = len(getattr(network, "signs", (1,)))
    h, back = (network(w).detach().view(parts, -1)[0] for w in (window, reverse))
    torch.testing.assert_close(h, -back, rtol=1e-4, atol=1e-5)
    assert h.std() > 1e-3 and (not isinstance(network, NEEP) or torch.equal(h, -back))


def test_states_and_stays_change_sign_with_their_reversal() -> None:
    by_name = {name: (network, window) for name, network, window, _ in networks()}
    network, x = by_name["UnderdampedNEEP"]
    torch.testing.assert_close(network(x)[1], -network(x * FLIP)[1])
    network, stays = by_name["OddJumpNEEP"]
    reverse = stays.clone()
    reverse[..., 0] = REVERSAL[stays[..., 0].long()].float()  # each state reversed, none swapped
    h, back = network(stays), network(reverse)
    torch.testing.assert_close(h[1:], -back[1:])
    assert (h[2:][:, stays[:, 0, 0] == 2][0] == 0).all()  # an even state is its own reverse


@pytest.mark.parametrize(("network", "window", "reverse"), CASES)
def test_an_ensemble_gives_what_its_members_give(
    network: nn.Module, window: Tensor, reverse: Tensor
) -> None:
    both = Ensemble([network, network]).on_shared(window)
    torch.testing.assert_close(both[0], network(window))
    torch.testing.assert_close(both[1], network(window))


class Constant(nn.Module):
    """h = a on forward windows (1), −a on their reverses (−1)."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=torch.float64))

    def forward(self, direction: Tensor) -> Tensor:
        return self.a * direction


@pytest.mark.parametrize(
    "objective", [neep_objective, classifier_objective, alpha_neep_objective(-0.5)]
)
def test_every_objective_is_least_at_the_log_odds(objective) -> None:
    """Windows forwards with probability 3/4: ΔS = ±ln 3; slope zero there, and only there."""
    seen = torch.tensor([1.0, 1.0, 1.0, -1.0])

    def slope(a: float) -> float:
        model = Constant(a)
        objective(model, seen).backward()
        return model.a.grad.item()

    assert slope(math.log(3)) == pytest.approx(0, abs=1e-6)
    assert slope(math.log(3) - 0.1) < -1e-3 and slope(math.log(3) + 0.1) > 1e-3


def test_alpha_neep_tends_to_neep() -> None:
    model, seen = Constant(0.7), torch.tensor([1.0, 1.0, -1.0])
    near = alpha_neep_objective(-1e-4)(model, seen)
    assert near.item() == pytest.approx(neep_objective(model, seen).item() - 1, abs=1e-3)
    with pytest.raises(
        ValueError, match=r"alpha must lie in \(-1, 0\), got 0.5; 0 is neep_objective"
    ):
        alpha_neep_objective(0.5)


def test_a_coordinate_that_never_changes_is_named() -> None:
    x = torch.randn(5, 9, 2, generator=make_generator(0))
    x[..., 1] = 1.0
    for kind in (NEEP, UnderdampedNEEP):
        with pytest.raises(ValueError, match=r"coordinates \[1\] never change"):
            kind(2, generator=make_generator(0)).standardise(Trajectories(x, 0.1, kind is not NEEP))


def test_the_recurrent_network_reads_windows_of_any_length() -> None:
    network = RNEEP(3, generator=make_generator(0))
    s = torch.randint(3, (7, 50), generator=make_generator(1))
    assert network(s[:, :2]).shape == network(s).shape == (7,)
    palindrome = torch.cat((s, s.flip(1)), 1)
    assert network(palindrome).abs().max() < 1e-4


def test_waiting_times_are_brought_to_order_one() -> None:
    waiting = torch.full((2, 5), 0.2)
    jumps = Jumps(torch.zeros(2, 5, dtype=torch.long), 3, waiting)
    assert OddJumpNEEP(REVERSAL, generator=make_generator(0)).standardise(jumps).scale == (
        pytest.approx(0.2)
    )
