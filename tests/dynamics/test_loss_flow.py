"""Numerical flow against the exact one, and refusals."""

import jax.numpy as jnp
import numpy as np
import pytest

from widthwise.dynamics import KernelMatrices, gradient_flow, loss_flow

RNG = np.random.default_rng(0)
FACTOR = RNG.standard_normal((6, 6))
JOINT = FACTOR @ FACTOR.T / 6
KERNEL = KernelMatrices(JOINT[:4, :4], JOINT[4:, :4])
Y, START, START_TEST = (RNG.standard_normal(size) for size in (4, 4, 2))


def half_mean_square(f):
    return jnp.mean((f - jnp.asarray(Y)) ** 2) / 2


@pytest.mark.slow
def test_squared_loss_is_solved_exactly():
    settings = {
        "initial_train": START,
        "initial_test": START_TEST,
        "time": [30.0, 0.0, 2.0],
        "learning_rate": 0.3,
        "momentum": 0.8,
    }
    exact = gradient_flow(KERNEL, None, Y, **settings)
    solved = loss_flow(KERNEL, None, half_mean_square, max_steps=1000, **settings)
    assert exact.test is not None
    assert solved.test is not None
    np.testing.assert_allclose(solved.train, exact.train, atol=1e-7)
    np.testing.assert_allclose(solved.test, exact.test, atol=1e-7)
    assert solved.train.shape == (3, 4)


def test_unconverged_results_are_refused():
    with pytest.raises(RuntimeError, match=r"to time 1e\+06, after 1000 steps .* max_steps"):
        loss_flow(KERNEL, None, half_mean_square, initial_train=START, initial_test=START_TEST,
                  time=1e6, learning_rate=0.3, momentum=0.8, max_steps=1000)  # fmt: skip


def test_settings_are_checked():
    def solve(**changes):
        settings = {"initial_train": START, "initial_test": START_TEST, "time": 1.0} | changes
        return loss_flow(KERNEL, None, half_mean_square, **settings)

    with pytest.raises(ValueError, match="one finite number"):
        solve(time=float("inf"))
    with pytest.raises(ValueError, match="tolerance=0"):
        solve(tolerance=0.0)
    with pytest.raises(ValueError, match="initial_test has shape"):
        solve(initial_test=START)
    with pytest.raises(ValueError, match="or neither"):
        solve(initial_test=None)
    with pytest.raises(ValueError, match="learning_rate is -1"):
        solve(learning_rate=-1)
