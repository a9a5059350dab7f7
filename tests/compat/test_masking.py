"""Padding marked by a constant, against this library's own masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import widthwise.compat.neural_tangents as nt
from widthwise.compat.neural_tangents import stax

RNG = np.random.default_rng(0)
MASK = np.arange(4) < np.array([[4], [2], [3]])
SERIES = RNG.standard_normal((3, 4, 2))
SERIES[0, 1, 0] = 7.0  # one channel only: the position is real
MARKED = np.where(MASK[..., None], SERIES, 9.0)
NET = stax.serial(stax.Conv(3, (3,), padding="SAME", b_std=0.3), stax.GlobalAvgPool())


@pytest.mark.parametrize("constant", [7.0, float("nan")])
def test_masks_are_read_from_the_inputs(constant):
    marked = np.where(MASK[..., None], SERIES, constant)
    plain = np.where(SERIES == 7.0, 0.0, SERIES) if constant == 7.0 else SERIES
    net = NET.kernel_fn.layer
    expected = net.kernel(plain, mask1=MASK)
    kernel = NET.kernel_fn(marked, None, mask_constant=constant)
    np.testing.assert_array_equal(kernel.ntk, expected.ntk)
    np.testing.assert_array_equal(kernel.nngp, expected.nngp)
    np.testing.assert_array_equal(kernel.cov1, np.diag(expected.nngp))
    assert NET.kernel_fn(marked, marked.copy(), mask_constant=constant).x1_is_x2


def test_finite_networks():
    _, params = NET.init_fn(jax.random.key(0), (-1, 4, 2))
    outputs = NET.apply_fn(params, MARKED, mask_constant=9.0)
    np.testing.assert_allclose(outputs[1], params(jnp.asarray(SERIES[1, :2])), rtol=1e-12)
    ntk = nt.empirical_ntk_fn(stax.unmask_fn(NET.apply_fn))(MARKED, None, params, mask_constant=9.0)
    np.testing.assert_allclose(ntk, NET.kernel_fn(MARKED, None, "ntk", mask_constant=9.0))


@pytest.mark.slow
def test_predictions_pass_the_constant_on():
    y = np.array([[1.0], [-1.0]])
    train = nt.predict.gradient_descent_mse_ensemble
    predict_fn = train(NET.kernel_fn, MARKED[:2], y, diag_reg=0.1, mask_constant=9.0)
    kernel = np.asarray(NET.kernel_fn.layer.kernel(SERIES, mask1=MASK).ntk)
    ridge = 0.1 * np.trace(kernel[:2, :2]) / 2 * np.eye(2)
    expected = kernel[2:, :2] @ np.linalg.solve(kernel[:2, :2] + ridge, y)
    np.testing.assert_allclose(predict_fn(x_test=MARKED[2:], get="ntk"), expected, rtol=1e-9)
