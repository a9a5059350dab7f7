"""Variance of weights under AdamW: closed forms, and a simulation of the optimizer itself."""

import numpy as np
import pytest

from widthwise.dynamics.adamw import adamw_equilibrium, adamw_variance


def simulated(rate: float, decay: float, beta1: float, beta2: float, steps: int) -> np.ndarray:
    """Mean square of 4000 weights whose gradients are noise, after every step."""
    rng = np.random.default_rng(0)
    w, m, v, found = (np.zeros(4000) for _ in range(4))
    found = np.empty(steps)
    for t in range(1, steps + 1):
        g = rng.standard_normal(4000)
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        update = m / (1 - beta1**t) / np.sqrt(v / (1 - beta2**t))
        w = (1 - rate * decay) * w - rate * update
        found[t - 1] = np.mean(w**2)
    return found


@pytest.mark.parametrize(
    ("rate", "decay", "beta1", "expected"),
    [
        (6e-4, 0.1, 0.0, 0.0547722558),
        (6e-4, 0.1, 0.9, 0.0547575165),
        (3e-3, 0.3, 0.9, 0.0704268623),
        (1e-2, 1.0, 0.9, 0.0677375020),
    ],
)
def test_equilibrium(rate: float, decay: float, beta1: float, expected: float) -> None:
    found = adamw_equilibrium(rate, decay, beta1=beta1) ** 0.5
    relative = 1e-8 if beta1 else rate * decay  # the simple form is that of small rates
    assert found == pytest.approx(expected, rel=max(relative, 1e-8))
    steps = int(20 / (rate * decay)) if rate == 1e-2 else 0
    if steps:
        last = adamw_variance(0.3, np.full(steps, rate), weight_decay=decay, beta1=beta1)[-1]
        assert last == pytest.approx(found**2, rel=1e-9)


@pytest.mark.parametrize(
    ("start", "rate", "decay", "steps", "expected"),
    [
        (0.02, 6e-4, 0.1, 1000, 0.0263443608),
        (0.02, 6e-4, 0.1, 20000, 0.0525759654),
        (0.02, 3e-3, 0.3, 400, 0.0525625444),
        (0.1, 1e-3, 0.1, 3000, 0.0880005038),
    ],
)
def test_trajectories(start: float, rate: float, decay: float, steps: int, expected: float) -> None:
    found = adamw_variance(start, np.full(steps, rate), weight_decay=decay, beta1=0.0)
    assert found[-1] ** 0.5 == pytest.approx(expected, abs=1e-8)


def test_without_decay_the_variance_grows_without_bound() -> None:
    rates = np.linspace(1e-3, 1e-2, 50)
    found = adamw_variance(0.1, rates, weight_decay=0.0, beta1=0.0)
    np.testing.assert_allclose(found[1:], 0.01 + np.cumsum(rates**2))
    assert adamw_equilibrium(1e-3, 0.0) == np.inf


@pytest.mark.parametrize(("beta1", "beta2"), [(0.9, 0.999), (0.9, 0.95), (0.5, 0.95)])
def test_the_optimizer_itself(beta1: float, beta2: float) -> None:
    """Noise as gradients. What is left out is of second order in 1 - beta2."""
    measured = simulated(1e-2, 1.0, beta1, beta2, 600)
    rates = np.full(600, 1e-2)
    predicted = adamw_variance(0.0, rates, weight_decay=1.0, beta1=beta1, beta2=beta2)[1:]
    sampling = 4 * (2 / 4000 / 10) ** 0.5  # ten independent times
    assert np.mean(measured[300:]) == pytest.approx(
        np.mean(predicted[300:]), rel=sampling + 10 * (1 - beta2) ** 2
    )
    assert measured[50] == pytest.approx(predicted[50], rel=4 * (2 / 4000) ** 0.5 + 1 - beta2)
    worse = adamw_equilibrium(1e-2, 1.0, beta1=beta1)
    if beta2 == 0.95:
        better = adamw_equilibrium(1e-2, 1.0, beta1=beta1, beta2=beta2)
        found = np.mean(measured[300:])
        assert abs(found - better) < 0.6 * abs(found - worse)


def test_refused() -> None:
    rates = np.full(3, 0.1)
    for call, match in [
        (lambda: adamw_variance(-1.0, rates, weight_decay=0.1), "initial_std is -1.0"),
        (lambda: adamw_variance(1.0, -rates, weight_decay=0.1), "at least 0"),
        (lambda: adamw_variance(1.0, rates, weight_decay=10.0), "product below 1"),
        (lambda: adamw_equilibrium(0.1, -0.1), "at least 0"),
        (lambda: adamw_equilibrium(0.1, 0.1, beta1=1.0), "beta1 is 1.0"),
        (lambda: adamw_equilibrium(0.1, 0.1, beta2=0.1), "beta2 0.1"),
    ]:
        with pytest.raises(ValueError, match=match):
            call()
