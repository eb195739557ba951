"""The neuron: its equations against independent integration, its noise against exact laws, and what
can be inferred from its trajectories."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.stats import truncnorm

from stochphys.course.studies.neuron import (
    infer_conductances,
    infer_gate,
)
from stochphys.data import Trajectories
from stochphys.device import make_generator
from stochphys.inference.equation_doubts import smooth_coordinates
from stochphys.simulators import simulate
from stochphys.systems import ChannelNoiseNeuron, HodgkinHuxley, gate_rates, spike_times
from tests.chance import K, sigmas

CLAMPED = 1e12  # with so large a capacitance the voltage stays where it is


def textbook_rates(V):
    """Hodgkin and Huxley (1952), Eqs. 12, 13, 20, 21, 23, 24, with V counted upwards."""
    alpha = (
        0.01 * (10 - V) / (np.exp((10 - V) / 10) - 1),
        0.1 * (25 - V) / (np.exp((25 - V) / 10) - 1),
        0.07 * np.exp(-V / 20),
    )
    beta = (
        0.125 * np.exp(-V / 80),
        4 * np.exp(-V / 18),
        1 / (np.exp((30 - V) / 10) + 1),
    )
    return np.array(alpha), np.array(beta)


def textbook_neuron(t, x, current=0.0):
    V, gates = x[0], x[1:]
    n, m, h = gates
    alpha, beta = textbook_rates(V)
    slope = current - 120 * m**3 * h * (V - 115) - 36 * n**4 * (V + 12) - 0.3 * (V - 10.6)
    return np.array([slope, *(alpha * (1 - gates) - beta * gates)])


def at_rest(neuron, V=None):
    start = neuron.resting_state()
    if V is not None:
        start[0] = V
    return start


def test_rates_are_those_of_the_textbook():
    V = torch.linspace(-30.5, 120.3, 71, dtype=torch.float64)
    for rates, exact in zip(gate_rates(V), textbook_rates(V.numpy()), strict=True):
        np.testing.assert_allclose(rates.numpy(), exact.T, rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rates_pass_through_their_removable_singularities(dtype):
    """Around 10 and 25 mV α is smooth: second differences are those of a parabola, no spikes."""
    eps = 1e-3
    for V0, gate, value, slope in ((10.0, 0, 0.1, 0.005), (25.0, 1, 1.0, 0.05)):
        V = torch.tensor([V0 - eps, V0, V0 + eps], dtype=dtype)
        alpha = gate_rates(V)[0][:, gate].double()
        assert alpha[1].item() == pytest.approx(value, rel=1e-6)
        expected = value + slope * (V.double() - V0)
        torch.testing.assert_close(alpha, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("current", [0.0, -5.0, 3.0, 20.0])
def test_the_resting_state_is_where_the_textbook_stands_still(current):
    rest = HodgkinHuxley(current=current).resting_state()
    assert abs(textbook_neuron(0, rest.numpy(), current)).max() < 1e-8
    if current == 0:
        np.testing.assert_allclose(rest, [0.000278, 0.31768, 0.05293, 0.59611], atol=1e-5)


@pytest.mark.slow
def test_a_spike_without_noise_is_that_of_scipy():
    """Euler is of first order: the error is small and halves with the step."""
    neuron = HodgkinHuxley(T=0.0)
    start = at_rest(neuron, 12.0)
    exact = solve_ivp(
        textbook_neuron,
        (0, 20),
        start.numpy(),
        t_eval=np.arange(0, 20.01, 0.5),
        rtol=1e-9,
        atol=1e-9,
    ).y.T
    assert exact[:, 0].max() > 90
    error = []
    for dt in (0.004, 0.002):
        x = simulate(
            neuron,
            1,
            round(20 / dt),
            dt,
            start=start,
            generator=make_generator(0),
            every=round(0.5 / dt),
            dtype=torch.float64,
        ).x[0]
        error.append(abs(x.numpy() - exact).max(0))
    assert error[1][0] < 1.0 and error[1][1:].max() < 0.01
    np.testing.assert_allclose(error[0] / error[1], 2, rtol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["constant", "channels"])
def test_a_gate_at_fixed_voltage_has_its_exact_variance(kind):
    """OU: T/(α + β); N two-state units: x∞(1 − x∞)/N. Euler widens both by 1/(1 − (α + β)dt/2).

    At 20 mV all gates stay away from their bounds. K standard errors of n independent values.
    """
    V, dt, n, T = 20.0, 0.05, 10_000, 1e-4
    alpha, beta = (rate.double() for rate in gate_rates(torch.tensor(V)))
    k, open_ = alpha + beta, alpha / (alpha + beta)
    if kind == "constant":
        neuron, variance = HodgkinHuxley(T, C=CLAMPED), T / k
    else:
        N = torch.tensor([500.0, 2000.0, 2000.0], dtype=torch.float64)
        neuron = ChannelNoiseNeuron(N_Na=2000, N_K=500, C=CLAMPED)
        variance = open_ * (1 - open_) / N
    start = torch.tensor([V, *open_.tolist()])
    # 800 steps: 5 relaxation times of the slowest variance (2k dt = 0.026 a step)
    x = simulate(neuron, n, 800, dt, start=start, generator=make_generator(1), every=800).x
    assert x[:, -1, 0].sub(V).abs().max() < 1e-4
    gates = x[:, -1, 1:].double()
    variance = variance / (1 - k * dt / 2)
    # what the start without spread leaves
    variance = variance * (1 - (1 - k * dt) ** 1600)
    z = (gates.var(0) / variance - 1) / (2 / n) ** 0.5
    assert z.abs().max() < sigmas(z.numel())
    assert ((gates.mean(0) - open_) / (variance / n) ** 0.5).abs().max() < sigmas(open_.numel())


@pytest.mark.slow
def test_a_reflected_gate_has_the_truncated_law():
    """A reflected OU process is the free one conditioned to [0, 1]; clipping is not.

    m at 0 mV and T = 0.01: mean ± std of the free law are 0.053 ± 0.049. K standard errors, and
    1 % for dt.
    """
    T, n, dt = 0.01, 10_000, 0.002
    alpha, beta = (rate[1].item() for rate in gate_rates(torch.tensor(0.0)))
    centre, std = alpha / (alpha + beta), (T / (alpha + beta)) ** 0.5
    law = truncnorm(-centre / std, (1 - centre) / std, centre, std)
    for bounds in ("reflect", "clip"):
        neuron = HodgkinHuxley(T, bounds=bounds, C=CLAMPED)
        start = torch.tensor([0.0, 0.3, centre, 0.6])
        x = simulate(neuron, n, 800, dt, start=start, generator=make_generator(2), every=800).x
        m = x[:, -1, 2].double()
        error = abs(m.mean().item() - law.mean())
        assert m.min() >= 0
        if bounds == "reflect":
            assert error < K * law.std() / n**0.5 + 0.01 * law.mean()
            assert (m == 0).sum() == 0
        else:
            assert (m == 0).double().mean() > 0.02


@pytest.mark.parametrize("bounds", ["reflect", "clip"])
def test_the_fraction_of_steps_outside_is_told_exactly(bounds):
    """Every step outside ends on the bound if clipped, so counting them is a check; 4 std errors."""
    neuron = HodgkinHuxley(0.01, bounds=bounds)
    data = simulate(
        neuron, 200, 2000, 0.01, start=at_rest(neuron), generator=make_generator(3), burn_in=500
    )
    gates = data.x[..., 1:]
    assert gates.min() >= 0 and gates.max() <= 1
    told = neuron.fraction_outside(data)
    if bounds == "clip":
        by_path = ((gates == 0) | (gates == 1)).double().mean(1)
        standard_error = by_path.std(0) / len(by_path) ** 0.5
        assert (
            (told - by_path.mean(0)).abs() < sigmas(standard_error.numel()) * standard_error
        ).all()
        assert told[1] > 0.05
    else:
        assert ((gates == 0) | (gates == 1)).sum() == 0


@pytest.mark.slow
def test_rates_of_spikes_made_by_noise():
    """Crossings of 50 mV per second, frame by frame, are 13, 29, 46, 109 at T = 1, 3, 10 and 100·10⁻⁴
    in an independent program (one run each, error not stated: 10 % are allowed besides 3 std
    errors), and none at 10⁻⁵. Far less are spikes: noise of m makes V wiggle across the threshold."""
    crossings = {1e-5: 0, 1e-4: 13, 3e-4: 29, 1e-3: 46, 1e-2: 109}
    spikes = {1e-5: 0, 1e-4: 12, 3e-4: 27, 1e-3: 38, 1e-2: 57}
    for T in crossings:
        neuron = HodgkinHuxley(T, bounds="clip")
        data = simulate(
            neuron,
            200,
            6000,
            0.01,
            start=at_rest(neuron),
            generator=make_generator(4),
            burn_in=2000,
        )
        for expected, rearm in ((crossings[T], 50.0), (spikes[T], 10.0)):
            times = spike_times(data.x[..., 0], data.dt, rearm=rearm)
            rate = torch.tensor([len(t) for t in times]).double() / 0.06
            standard_error = rate.std().item() / len(rate) ** 0.5
            assert abs(rate.mean().item() - expected) <= 0.1 * expected + K * standard_error, (
                T,
                rearm,
            )


def test_a_spike_is_counted_once_until_it_is_rearmed():
    V = torch.tensor([[0.0, 60, 40, 60, 5, 60, 0, 0], [60.0, 0, 20, 49, 51, 12, 51, 0]])
    assert [t.tolist() for t in spike_times(V, 0.5)] == [[0.5, 2.5], [2.0]]
    assert [len(t) for t in spike_times(V, 0.5, rearm=50.0)] == [3, 2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"T": -1e-4}, "T must be finite and not negative"),
        ({"T": float("nan")}, "T must be finite and not negative"),
        ({"g_K": 0.0}, "g_K must be positive"),
        ({"bounds": "wrap"}, "bounds must be"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        HodgkinHuxley(**arguments)
    with pytest.raises(ValueError, match=r"N_K must lie in \[1, inf\)"):
        ChannelNoiseNeuron(N_K=0.5)


def test_schemes_that_ignore_bounds_are_refused():
    neuron = HodgkinHuxley()
    with pytest.raises(ValueError, match="scheme must be one of euler, got 'heun'"):
        simulate(
            neuron, 1, 1, 0.01, start=at_rest(neuron), generator=make_generator(0), scheme="heun"
        )


@pytest.mark.parametrize("neuron", [HodgkinHuxley(2e-4), ChannelNoiseNeuron()])
def test_the_diffusion_matrix_is_singular_in_the_voltage_alone(neuron):
    x = torch.rand(5, 4)
    D, B = neuron.diffusion(x), neuron.noise_amplitude(x, 0.0).expand(5, 4)
    torch.testing.assert_close(torch.diag_embed(B**2 / 2), D)
    assert (torch.linalg.matrix_rank(D) == 3).all() and (D[:, 0] == 0).all()


# Inference


def recording(every, seed, n=150, milliseconds=20.0, dt=0.01, T=3e-4):
    """Frames every dt, with `every` integration steps in between, from states of a running neuron."""
    neuron, generator = HodgkinHuxley(T), make_generator(seed)
    start = simulate(
        neuron, n, 3000, 0.01, start=at_rest(neuron), generator=generator, every=3000
    ).x[:, -1]
    steps = round(milliseconds / dt) * every
    return neuron, simulate(
        neuron,
        n,
        steps,
        dt / every,
        start=start,
        generator=generator,
        every=every,
        dtype=torch.float64,
    )


@pytest.fixture(scope="module")
def fine():
    """As an experiment sees it: what happens between frames is not recorded."""
    return recording(every=10, seed=5)


@pytest.mark.slow
def test_conductances_are_recovered_within_two_per_cent(fine):
    neuron, data = fine
    exact = {name: getattr(neuron, name) for name in ("g_Na", "E_Na", "g_K", "E_K", "g_L", "E_L")}
    start = infer_conductances(data, rule="start")
    for name in ("g_Na", "E_Na", "g_K"):
        assert getattr(start, name) == pytest.approx(exact[name], rel=0.02)
    midpoint = infer_conductances(data)
    for name, value in exact.items():
        assert getattr(midpoint, name) == pytest.approx(value, rel=0.02)
    assert midpoint.g_Na == pytest.approx(120, rel=0.002)


@pytest.mark.slow
def test_what_is_wrong_with_conductances_is_of_order_dt(fine):
    """Twice the step, twice the error; the midpoint removes nine tenths of it."""
    _, data = fine
    error = [120 - infer_conductances(data.every(k), rule="start").g_Na for k in (1, 2, 4)]
    assert error[0] > 0.5
    assert error[1] / error[0] == pytest.approx(2, rel=0.15)
    assert error[2] / error[1] == pytest.approx(2, rel=0.15)
    assert abs(120 - infer_conductances(data.every(4)).g_Na) < 0.1 * error[2]


def test_the_eulers_chain_has_no_error_at_all():
    """If each step is recorded, the equation of the voltage holds to rounding: it has no noise."""
    neuron, data = recording(every=1, seed=6, n=20)
    found = infer_conductances(data, rule="start")
    assert found.residual < 1e-8
    for name in ("g_Na", "E_Na", "g_K", "E_K", "g_L", "E_L"):
        assert getattr(found, name) == pytest.approx(getattr(neuron, name), rel=1e-6)


@pytest.mark.slow
def test_error_bars_of_the_gates_hold_the_truth():
    """95 % intervals of α and β between −5 and 100 mV, three gates, ten data sets, each step
    recorded, so that only the luck of the noise is left. A fit holds few independent numbers for each
    rate: over twelve such tens 0.946 ± 0.013 of the intervals hold, K standard errors allowed."""
    V = torch.linspace(-5, 100, 43, dtype=torch.float64)
    inside, widths = [], []
    neuron, data = recording(every=1, seed=10, n=300, milliseconds=40, T=1e-4)
    for few in data.x.split(30):
        for i, gate in enumerate("nmh"):
            found = infer_gate(Trajectories(few, data.dt), gate)
            assert abs(found.T - neuron.T) < sigmas(30) * found.T_std
            rates = zip((found.opening(V), found.closing(V)), gate_rates(V), strict=True)
            for (mean, std), exact in rates:
                inside.append(((mean - exact[:, i]).abs() < 1.96 * std).double().mean())
                widths.append(std.mean())
    assert abs(torch.stack(inside).mean() - 0.95) < K * 0.013
    assert max(widths) < 0.07  # of rates that reach 7.5


@pytest.mark.slow
def test_the_noise_of_a_gate_comes_out_too_small_by_its_relaxation(fine):
    """T(1 − ⟨α + β⟩dt), many error bars from the truth: an error bar knows nothing of dt."""
    neuron, data = fine
    alpha, beta = gate_rates(data.x[..., 0])
    bias = (alpha + beta).mean((0, 1)) * data.dt
    for i, gate in enumerate("nmh"):
        found = infer_gate(data, gate)
        assert abs(found.T / neuron.T - (1 - bias[i])) < K * found.T_std / neuron.T + bias[i] ** 2
        if gate == "m":
            assert neuron.T - found.T > 10 * found.T_std


def test_a_coordinate_without_noise_is_refused(fine):
    _, data = fine
    assert smooth_coordinates(data.x.diff(dim=1)).tolist() == [True, False, False, False]
    with pytest.raises(ValueError, match="V has no noise of its own.*infer_conductances"):
        infer_gate(data, "V")
    neuron = HodgkinHuxley(T=0.0)
    spike = simulate(
        neuron, 1, 2000, 0.01, start=at_rest(neuron, 12.0), generator=make_generator(0)
    )
    with pytest.raises(ValueError, match="n has no noise of its own"):
        infer_gate(spike, "n")


def test_other_wrong_data_and_names_are_refused(fine):
    _, data = fine
    with pytest.raises(ValueError, match="gate must be one of n, m, h"):
        infer_gate(data, "k")
    with pytest.raises(ValueError, match="rule must be one of start, midpoint"):
        infer_conductances(data, rule="end")
    clamped = data.x.clone()
    clamped[..., 0] = 20.0
    with pytest.raises(ValueError, match="V never leaves 20 mV.*several voltages"):
        infer_gate(Trajectories(clamped, data.dt), "n")
    for x in (data.x[..., :3], data.x * 2):
        with pytest.raises(ValueError, match="must hold V, n, m and h"):
            infer_conductances(Trajectories(x, data.dt))
