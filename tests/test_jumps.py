"""Jump chains: the exact formulas, the engine, and what remains when a part is hidden.

Statistical tolerances are K standard errors, derived beside each test.
"""

import math

import pytest
import torch

from stochphys.data import Jumps
from stochphys.device import make_generator
from stochphys.simulators import JumpChain, simulate_jumps
from stochphys.systems import FlashingRatchet, HiddenChain
from stochphys.systems.hidden import hidden_ratchet_rate
from tests.chance import K, sigmas

RATCHET = FlashingRatchet(V=2.0)
HIDDEN = HiddenChain(RATCHET, RATCHET.sites)


def transitions(x, n_states):
    """How often each jump occurs, `(n_states, n_states)`."""
    pair = x[:, :-1].long() * n_states + x[:, 1:].long()
    return torch.bincount(pair.flatten(), minlength=n_states**2).view(n_states, n_states).double()


# What is exact


@pytest.mark.parametrize(
    ("V", "rate"),
    [(1.0, 0.06236), (1.5, 0.13057), (2.0, 0.21307), (3.0, 0.39820), (4.0, 0.58987)],
)
def test_entropy_production_of_the_ratchet_per_jump(V, rate):
    """Published system (arXiv 2003.04166); values by an independent calculation, to five digits."""
    assert FlashingRatchet(V=V).entropy_production_rate() == pytest.approx(rate, abs=6e-6)


def test_entropy_is_the_heat_of_the_jumps_while_the_potential_is_on():
    """Σ π P (E − E')/T over jumps between sites with the potential on: the other way to count."""
    for V, r, T in ((2.0, 1.0, 1.0), (3.0, 0.3, 2.0), (-1.0, 2.0, 0.7)):
        chain = FlashingRatchet(V=V, r=r, T=T)
        energy = V * torch.arange(3, dtype=torch.float64)
        flow = (chain.stationary_law[:, None] * chain.P)[:3, :3]
        heat = (flow * (energy[:, None] - energy)).sum().item() / T
        assert chain.entropy_production_rate() == pytest.approx(heat, rel=1e-10)


@pytest.mark.parametrize("chain", [FlashingRatchet(V=0.0), FlashingRatchet(r=1e-9)])
def test_no_potential_or_no_switching_is_equilibrium(chain):
    assert chain.entropy_production_rate() == pytest.approx(0, abs=1e-8)


def test_the_stationary_law_stays():
    g = make_generator(0)
    for n in (2, 7, 40):
        P = torch.rand(n, n, generator=g).double() ** 4
        chain = JumpChain(P / P.sum(1, keepdim=True))
        law = chain.stationary_law
        torch.testing.assert_close(law @ chain.P, law, rtol=0, atol=1e-14)
        assert law.sum().item() == pytest.approx(1, abs=1e-14) and (law > 0).all()


# The entropy of each jump


def test_entropy_of_single_jumps_obeys_the_fluctuation_theorem():
    """⟨e^(−ΔS)⟩ = 1 with π the right way up; inverted, as in the published code, it is 2 at V = 3
    and the correlation with the truth is 0.6. The mean cannot tell: π cancels along a path."""
    chain = FlashingRatchet(V=3.0)
    jumps = simulate_jumps(chain, 1000, 200, generator=make_generator(0))
    S = chain.entropy_production(jumps)
    weights = torch.exp(-S)
    # Its terms are of order one and nearly independent: K standard errors of 2·10⁵ of them.
    assert weights.mean().item() == pytest.approx(1, abs=K * weights.std().item() / 2e5**0.5)

    law, x = chain.stationary_law, jumps.x.long()
    inverted = S - 2 * (law[x[:, :-1]] / law[x[:, 1:]]).log()
    assert torch.exp(-inverted).mean().item() == pytest.approx(2.0, abs=0.05)
    correlation = torch.corrcoef(torch.stack((S.flatten(), inverted.flatten())))[0, 1]
    assert correlation.item() == pytest.approx(0.60, abs=0.02)
    assert inverted.mean().item() == pytest.approx(S.mean().item(), abs=0.01)


def test_mean_entropy_of_simulated_jumps_is_the_rate():
    S = RATCHET.entropy_production(simulate_jumps(RATCHET, 2000, 500, generator=make_generator(1)))
    paths = S.mean(1)  # independent, whatever the correlations along a path
    assert paths.mean().item() == pytest.approx(
        RATCHET.entropy_production_rate(), abs=4 * paths.std().item() / 2000**0.5
    )


# The engine


@pytest.mark.parametrize(
    ("n_trajectories", "n_steps"),
    [(1000, 2000), (5000, 400), (1, 2_000_000), (37, 50_001), (300, 7000), (1, 100)],
)
def test_each_jump_is_taken_as_often_as_P_says(n_trajectories, n_steps):
    """χ² of the transitions from each state, side by side and in pieces: 12 degrees of freedom
    (6 states with 2 free choices each), and less than 12 + 5·√24 unless something is wrong."""
    x = simulate_jumps(RATCHET, n_trajectories, n_steps, generator=make_generator(2)).x
    assert x.shape == (n_trajectories, n_steps + 1) and x.dtype == torch.uint8
    count = transitions(x, 6)
    expected = count.sum(1, keepdim=True) * RATCHET.P
    assert (count[RATCHET.P == 0] == 0).all()
    seen = RATCHET.P > 0
    chi_squared = ((count - expected) ** 2 / expected)[seen].sum().item()
    assert chi_squared < 12 + 5 * math.sqrt(24)


@pytest.mark.slow
def test_probabilities_far_below_the_bits_of_one_chain_are_exact():
    """A jump of probability 10⁻⁵ has 1/25 of one of the 2¹² bins: it is taken as often as it should,
    K standard errors of a Poisson count of 200."""
    rare = 1e-5
    chain = JumpChain(torch.tensor([[1 - rare, rare], [0.5, 0.5]], dtype=torch.float64))
    x = simulate_jumps(chain, 2000, 10_000, generator=make_generator(3)).x
    count = transitions(x, 2)
    expected = count[0].sum().item() * rare
    assert abs(count[0, 1].item() - expected) < K * expected**0.5


def test_side_by_side_and_in_pieces_have_the_same_memory():
    """Correlations over several steps, which the seams of a chain in pieces would show first."""
    g = make_generator(4)
    power = torch.linalg.matrix_power(RATCHET.P, 5)
    joint = RATCHET.stationary_law[:, None] * power
    for n_trajectories, n_steps in ((1, 3_000_000), (3000, 1000)):
        x = simulate_jumps(RATCHET, n_trajectories, n_steps, generator=g).x[:, ::5].long()
        count = transitions(x, 6)
        # 6·10⁵ pairs, of which neighbours share a state: K standard errors of a binomial count.
        error = (joint * (1 - joint) / count.sum()).sqrt()
        assert ((count / count.sum() - joint).abs() < sigmas(error.numel()) * error).all()


def test_the_same_seed_gives_the_same_path_and_the_next_draw_another():
    for shape in ((300, 50), (2, 20_000)):
        g, again = make_generator(5), make_generator(5)
        first = simulate_jumps(RATCHET, *shape, generator=g).x
        assert torch.equal(first, simulate_jumps(RATCHET, *shape, generator=again).x)
        assert not torch.equal(first, simulate_jumps(RATCHET, *shape, generator=g).x)


def test_256_states_fit_into_a_byte():
    n = 256
    ring = torch.zeros(n, n)
    ring[torch.arange(n), (torch.arange(n) + 1) % n] = 0.75
    ring[torch.arange(n), (torch.arange(n) - 1) % n] = 0.25
    chain = JumpChain(ring)
    assert chain.entropy_production_rate() == pytest.approx(0.5 * math.log(3), rel=1e-6)
    for shape in ((300, 400), (2, 5000)):  # many side by side; few, of too many states for pieces
        x = simulate_jumps(chain, *shape, generator=make_generator(7)).x.int()
        step = (x.diff(dim=1) + 128) % n - 128
        assert set(step.unique().tolist()) == {-1, 1}
        error = 0.433 / step.numel() ** 0.5  # steps are independent
        assert (step == 1).double().mean().item() == pytest.approx(0.75, abs=K * error)


# What remains when a part is hidden


def test_words_of_a_chain_that_is_seen_whole_tell_all_of_its_entropy():
    whole = HiddenChain(RATCHET, torch.arange(6))
    for frames in (2, 3, 5):
        assert whole.window_bound(frames) == pytest.approx(RATCHET.entropy_production_rate())


@pytest.mark.parametrize(
    ("V", "bounds"),
    [
        (1.5, {2: 4.0e-5, 4: 0.00332, 8: 0.00999}),
        (2.0, {2: 1.2e-4, 3: 0.00404, 4: 0.00904, 8: 0.02507, 10: 0.03107}),
        (3.0, {2: 3.1e-4, 4: 0.03007, 8: 0.07606}),
    ],
)
def test_window_bounds_of_the_hidden_ratchet(V, bounds):
    """By enumeration; the values come from an independent calculation and carry their last digit."""
    ratchet = FlashingRatchet(V=V)
    hidden = HiddenChain(ratchet, ratchet.sites)
    for frames, bound in bounds.items():
        assert hidden.window_bound(frames) == pytest.approx(bound, abs=6e-6)


def test_longer_windows_tell_more_and_never_more_than_all():
    bounds = [HIDDEN.window_bound(n) for n in range(2, 13)]
    assert bounds == sorted(bounds)
    assert bounds[-1] < hidden_ratchet_rate(RATCHET) < RATCHET.entropy_production_rate()


def test_the_filter_agrees_with_enumeration():
    words = torch.cartesian_prod(*[torch.arange(3)] * 6)
    p = HIDDEN.word_probabilities(6).flatten()
    assert p.sum().item() == pytest.approx(1)
    torch.testing.assert_close(HIDDEN.log_probability(words).exp(), p, rtol=1e-10, atol=0)
    torch.testing.assert_close(HIDDEN.log_ratio(words), -HIDDEN.log_ratio(words.flip(1)))


@pytest.mark.parametrize("frames", [4, 8, 12])
def test_random_words_give_the_same_bound_as_all_words(frames):
    bound = HIDDEN.estimate_window_bound(frames, generator=make_generator(8))
    assert abs(bound.rate - HIDDEN.window_bound(frames)) < K * bound.std
    assert bound.std < 0.02 * bound.rate  # ΔS tanh(ΔS/2): little scatter


@pytest.mark.parametrize(
    ("V", "limit"), [(1.5, 0.04191), (2.0, 0.07732), (3.0, 0.17851), (5.0, 0.46023)]
)
def test_endless_words_reach_the_closed_form(V, limit):
    ratchet = FlashingRatchet(V=V)
    assert hidden_ratchet_rate(ratchet) == pytest.approx(limit, abs=6e-6)
    hidden = HiddenChain(ratchet, ratchet.sites)
    estimate = hidden.estimate_limit(generator=make_generator(9))
    assert abs(estimate.rate - limit) < K * estimate.std and estimate.std < 0.03 * limit


def test_the_entropy_of_windows_end_to_end():
    """Each window of five frames shares one frame with the next; ⟨e^(−ΔS)⟩ = 1, and the mean is
    D_5, both to K standard errors of 5·10⁴ windows."""
    jumps = HIDDEN.observe(simulate_jumps(RATCHET, 1000, 200, generator=make_generator(10)))
    S = HIDDEN.entropy_production(jumps, frames=5)
    assert S.shape == (1000, 50)
    torch.testing.assert_close(S[:, 1], HIDDEN.log_ratio(jumps.x[:, 4:9]))
    for values, mean in ((S, 4 * HIDDEN.window_bound(5)), (torch.exp(-S), 1.0)):
        error = values.std().item() / 5e4**0.5
        assert values.mean().item() == pytest.approx(mean, abs=K * error)


# Errors


@pytest.mark.parametrize(
    ("P", "message"),
    [
        (torch.ones(2, 3) / 3, r"shape \(n_states, n_states\)"),
        (torch.tensor([[0.5, 0.5], [0.2, 0.7]]), "row 1 sums to 0.9"),
        (torch.tensor([[1.5, -0.5], [0.5, 0.5]]), r"P\[0, 1\] = -0.5"),
        (torch.tensor([[math.nan, 0.5], [0.5, 0.5]]), r"P\[0, 0\] = nan"),
        (torch.eye(2), "state 1 cannot be reached from state 0"),
    ],
)
def test_a_matrix_that_is_no_chain_is_refused(P, message):
    with pytest.raises(ValueError, match=message):
        JumpChain(P)


def test_a_jump_without_return_has_no_finite_entropy():
    chain = JumpChain(torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))
    assert torch.allclose(chain.stationary_law, torch.full((3,), 1 / 3).double())
    with pytest.raises(ValueError, match="0 → 1 has no reverse"):
        chain.entropy_production_rate()


@pytest.mark.parametrize("parameters", [{"r": 0.0}, {"T": -1.0}, {"V": math.inf}])
def test_ratchets_that_make_no_sense_are_refused(parameters):
    with pytest.raises(ValueError, match=f"{next(iter(parameters))} must be"):
        FlashingRatchet(**parameters)


def test_bad_requests_are_refused_by_name():
    g = make_generator(0)
    with pytest.raises(ValueError, match="n_steps must be a positive integer"):
        simulate_jumps(RATCHET, 10, 0, generator=g)
    with pytest.raises(ValueError, match="n_trajectories"):
        simulate_jumps(RATCHET, 2.5, 10, generator=g)
    symbols = Jumps(torch.zeros(2, 5, dtype=torch.uint8), 3)
    with pytest.raises(ValueError, match="3 states, the chain has 6"):
        RATCHET.entropy_production(symbols)
    with pytest.raises(ValueError, match="3 states, the chain has 6"):
        HIDDEN.observe(symbols)
    with pytest.raises(ValueError, match="one for each state"):
        HiddenChain(RATCHET, torch.arange(5))
    with pytest.raises(ValueError, match="without gaps"):
        HiddenChain(RATCHET, torch.tensor([0, 2, 2, 0, 2, 0]))
    with pytest.raises(ValueError, match=r"3\^20 words; enumerate up to frames=13"):
        HIDDEN.window_bound(20)
