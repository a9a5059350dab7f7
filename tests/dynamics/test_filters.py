"""What training does to one mode, against exact arithmetic, dense algebra and plain loops."""

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.linalg import expm

from widthwise.dynamics.filters import descent_filter, flow_filter, heavy_ball_filter

X = np.array([0.0, 1e-17, 1e-9, 1e-3, 0.3, 1.0, 3.7])
TIMES = np.array([0.0, 1e-3, 1.0, 50.0, 1e6])
STEPS = np.array([0, 1, 2, 7, 100])


def test_flow():
    ours = flow_filter(jnp.asarray(X), jnp.asarray(TIMES))
    exact = [
        [float(-mpmath.expm1(-mpmath.mpf(x) * t) / x) if x else t for x in X.tolist()]
        for t in TIMES.tolist()
    ]
    np.testing.assert_allclose(ours, exact, rtol=1e-14)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_momentum_in_continuous_time(momentum):
    critical = ((1 - momentum) / 2) ** 2
    x = np.array([0.0, 1e-17, 1e-9, critical / 2, critical * (1 - 1e-9), critical, 2 * critical, 3])
    times = TIMES[:-1]
    ours = heavy_ball_filter(jnp.asarray(x), jnp.asarray(times), jnp.asarray(momentum))
    # p'' = 1 - (1 - momentum) p' - x p for p = (1 - r) / x, as a linear system with a constant
    for p, rate in zip(ours.T, x, strict=True):
        system = np.array([[0, 1, 0], [-rate, momentum - 1, 1], [0, 0, 0]])
        expected = [expm(system * t)[0, 2] for t in times]
        np.testing.assert_allclose(p, expected, rtol=1e-10, atol=1e-12)
    # every mode has come to its end
    late = heavy_ball_filter(jnp.asarray(x[3:]), jnp.asarray([1e6]), jnp.asarray(momentum))
    np.testing.assert_allclose(late[0], 1 / x[3:], rtol=1e-13)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_steps(momentum):
    x = np.array([0.0, 1e-17, 1e-9, 1e-3, 0.3, 1.0, 1.9, 2.0])
    ours = descent_filter(jnp.asarray(x), jnp.asarray(STEPS), jnp.asarray(momentum))
    before, p, expected = np.zeros(len(x)), np.zeros(len(x)), {0: np.zeros(len(x))}
    for step in range(1, STEPS[-1] + 1):
        before, p = p, p + (1 - x * p) + momentum * (p - before)
        expected[step] = p
    np.testing.assert_allclose(ours, [expected[s] for s in STEPS.tolist()], rtol=1e-11, atol=1e-15)


def test_many_small_steps_are_flow():
    x = jnp.asarray([0.1, 1.0, 5.0])
    steps = 2**24
    descent = descent_filter(x / steps, jnp.asarray([steps]), jnp.asarray(0.0)) / steps
    np.testing.assert_allclose(descent, flow_filter(x, jnp.asarray([1.0])), rtol=1e-6)
