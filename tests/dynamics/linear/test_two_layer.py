"""Two-layer linear networks at any time, against reference values, modes and the flow itself."""

import numpy as np
import pytest

import widthwise as ww

linear = ww.dynamics.linear

TARGET = np.array([[1.0, 0.5], [0.0, 2.0]])
TURN = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
SIZES = np.array([0.2, 0.1])


def start(imbalance: float):
    longer = np.sqrt(SIZES**2 + abs(imbalance))
    first, second = (SIZES, longer) if imbalance >= 0 else (longer, SIZES)
    return TURN @ np.diag(first), np.diag(second) @ TURN.T


def test_reference_values():
    found = linear.two_layer(*start(0.0), TARGET, [0.5, 2.0])
    np.testing.assert_allclose(
        found.product[0], [[0.10479148, 0.03515937], [0.01179933, 0.07532334]], atol=1e-8
    )
    np.testing.assert_allclose(
        found.hidden[0], [[0.10240350, 0.02517940], [0.02517940, 0.07921985]], atol=1e-8
    )
    np.testing.assert_allclose(
        found.product[1], [[0.68666383, 0.56236992], [0.13635083, 1.87541786]], atol=1e-8
    )
    lazy = linear.two_layer(*start(1.0), TARGET, 0.5)
    product = [[0.59179061, 0.30488039], [0.03511876, 1.17919056]]
    hidden = np.array([[0.26816637, 0.10662968], [0.10662968, 0.81227762]])
    np.testing.assert_allclose(lazy.product, product, atol=1e-8)
    np.testing.assert_allclose(lazy.hidden, hidden, atol=1e-8)
    other = linear.two_layer(*start(-1.0), TARGET, 0.5)
    np.testing.assert_allclose(other.product, product, atol=1e-8)
    np.testing.assert_allclose(other.hidden, hidden + np.eye(2), atol=1e-8)
    assert (lazy.imbalance, other.imbalance) == pytest.approx((1.0, -1.0))


def test_the_flow_of_the_weights_agrees():
    """Three inputs, two outputs, four neurons: no full rank anywhere."""
    rng = np.random.default_rng(1)
    first = 0.5 * np.linalg.qr(rng.standard_normal((4, 3)))[0]
    u, _ = np.linalg.qr(rng.standard_normal((2, 2)))
    root = np.linalg.svd(first, full_matrices=False)
    second = u @ np.diag([0.5, 0.5]) @ root[0].T[:2]
    first = root[0][:, :2] @ np.diag([0.5, 0.5]) @ root[2][:2]
    target = rng.standard_normal((2, 3))
    times = [0.4, 1.5, 30.0]
    exact = linear.two_layer(first, second, target, times)
    flow = linear.gradient_flow([first, second], np.eye(3), target, time=times)
    np.testing.assert_allclose(exact.product, flow.product, atol=1e-8)
    second_t = flow.weights[1]
    np.testing.assert_allclose(exact.readout, second_t @ np.swapaxes(second_t, -1, -2), atol=1e-8)


def test_modes_far_apart_and_long_times():
    """Aligned modes of rates 1000 to 0.001: one has grown by exp(10^9) when another sets out."""
    targets, u0 = np.array([1e3, 1.0, 1e-3]), 1e-4
    weights = np.sqrt(u0) * np.eye(3)
    times = [1e-3, 0.02, 5.0, 30.0, 1e3, 1e6]
    found = linear.two_layer(weights, weights, np.diag(targets), times)
    for k, s in enumerate(targets):
        expected = linear.mode(2, s, u0, times)
        np.testing.assert_allclose(found.product[:, k, k], expected, rtol=1e-6)
    off = found.product - np.einsum("tkk->tk", found.product)[:, :, None] * np.eye(3)[None]
    assert np.abs(off).max() < 1e-9


@pytest.mark.parametrize(
    ("first", "second", "target", "message"),
    [
        (np.eye(2), np.diag([1.0, 2.0]), TARGET, "no multiple of the identity"),
        (np.eye(2), np.eye(2), np.ones((3, 2)), "correlation of shape"),
        (np.eye(2), np.ones((2, 3)), TARGET, "do not follow each other"),
        (np.eye(2) * np.nan, np.eye(2), TARGET, "not finite"),
        (np.eye(2), np.eye(2), TARGET + np.inf, "correlation of shape"),
    ],
)
def test_bad_input(first, second, target, message):
    with pytest.raises(ValueError, match=message):
        linear.two_layer(first, second, target, 1.0)
    with pytest.raises(ValueError, match="finite times"):
        linear.two_layer(np.eye(2), np.eye(2), TARGET, np.inf)
