"""Two-layer networks of any activation: published values, the linear case, and networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from widthwise import activations
from widthwise.dynamics.fluctuations import Descent, two_layer, two_layer_linear

ONE = np.eye(1)
TANH = activations.tanh(1.0)


def one_point(phi, **changes):
    settings = {"steps": 20, "learning_rate": 0.1, **changes}
    return two_layer(phi, Descent(ONE, np.ones(1), **settings))


@pytest.fixture(scope="module")
def rich():
    return one_point(TANH)


def test_tanh(rich):
    output, ntk = rich.mean["output"][:, 0], rich.mean["ntk"][:, 0, 0]
    expected = [0.35118039, 0.56659053, 0.80311174]
    np.testing.assert_allclose(output[[5, 10, 20]], expected, atol=1e-6)
    np.testing.assert_allclose(ntk[[0, 10, 20]], [0.85869739, 0.76218108, 0.76004942], atol=1e-6)
    spread = rich.variance()[[5, 10, 20], 0]
    np.testing.assert_allclose(spread, [0.221289, 0.149424, 0.056771], atol=1e-5)
    spread = rich.variance("ntk")[[0, 10, 20], 0, 0]
    np.testing.assert_allclose(spread, [0.690260, 0.214052, 0.122595], atol=1e-5)
    shift = rich.correction["output"][[5, 10, 20], 0]
    np.testing.assert_allclose(shift, [-0.022997, -0.058326, -0.072146], atol=1e-5)
    assert rich.correction["ntk"][0, 0, 0] == pytest.approx(0, abs=1e-12)
    # the tangent kernel is made of the other two
    parts = rich.mean["feature_kernel"] + rich.mean["gradient_kernel"]
    np.testing.assert_allclose(parts[:, 0], rich.mean["ntk"], atol=1e-12)
    assert np.max(rich.variance_error["output"]) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("richness", "output", "spread", "kernel"),
    [
        (2.0, [0.55086384, 0.80706444], [0.061283, 0.019797], [0.075790, 0.039469]),
        (0.5, [0.58282048, 0.81878982], [0.381409, 0.121861], [0.448170, 0.351220]),
    ],
)
def test_richness(richness, output, spread, kernel):
    found = one_point(TANH, richness=richness)
    np.testing.assert_allclose(found.mean["output"][[10, 20], 0], output, atol=1e-6)
    np.testing.assert_allclose(found.variance()[[10, 20], 0], spread, atol=1e-4)
    np.testing.assert_allclose(found.variance("ntk")[[10, 20], 0, 0], kernel, atol=1e-4)


@pytest.mark.parametrize(
    ("richness", "spread"),
    [
        pytest.param(1.0, [0.063679, 0.080613, 0.042181], marks=pytest.mark.slow),
        (2.0, [0.040188, 0.041063, 0.015793]),
    ],
)
def test_centered_outputs(richness, spread):
    found = one_point(TANH, richness=richness, centered=True)
    np.testing.assert_allclose(found.variance()[[0, 5, 10, 20], 0], [0, *spread], atol=1e-4)


@pytest.mark.slow
def test_more_activations():
    found = one_point(activations.from_function(lambda z: jax.scipy.special.erf(z / 2**0.5)))
    output, ntk = found.mean["output"][:, 0], found.mean["ntk"][:, 0, 0]
    np.testing.assert_allclose(output[[10, 20]], [0.51058409, 0.76216757], atol=1e-6)
    np.testing.assert_allclose(ntk[[0, 20]], [0.70088593, 0.70739557], atol=1e-6)
    assert found.variance()[20, 0] == pytest.approx(0.072798, abs=1e-4)
    assert found.variance("ntk")[0, 0, 0] == pytest.approx(0.370755, abs=1e-4)
    found = one_point(activations.gelu)
    assert found.mean["output"][10, 0] == pytest.approx(0.72472979, abs=1e-6)
    assert found.mean["ntk"][20, 0, 0] == pytest.approx(2.16794564, abs=1e-5)
    assert found.variance()[10, 0] == pytest.approx(0.541877, abs=1e-4)


def logistic(outputs, targets):
    return jnp.sum(jnp.logaddexp(0.0, -outputs * targets))


@pytest.mark.slow
def test_linear_networks_on_any_loss():
    # a point is only watched; the exact result takes no sites and no grid
    x = np.random.default_rng(0).standard_normal((3, 4))
    descent = Descent(
        x @ x.T / 4, np.array([1.0, -1.0]), 4, learning_rate=0.5, richness=1.5, loss=logistic
    )
    exact = two_layer_linear(descent, gains=(0.8, 1.2))
    sampled = two_layer(activations.identity, descent, gains=(0.8, 1.2), sites=2**13)
    for name, mean in exact.mean.items():
        apart = np.abs(sampled.mean[name] - mean)
        assert np.all(apart <= 5 * sampled.mean_error[name] + 1e-9), name
        apart = np.abs(sampled.variance(name) - exact.variance(name))
        assert np.all(apart <= 6 * sampled.variance_error[name] + 1e-9), name
        scale = np.max(np.abs(exact.correction[name]))
        np.testing.assert_allclose(
            sampled.correction[name], exact.correction[name], atol=0.03 * scale
        )
    np.testing.assert_allclose(
        sampled.covariance(), exact.covariance(), atol=0.02 * exact.variance().max()
    )


@pytest.mark.slow
def test_networks():
    # full-batch training of 3000 networks, written out
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((3, 4)), np.array([1.0, -0.6, 0.4])
    kernel, steps, eta, gamma = x @ x.T / 4, 10, 0.2, 1.5
    width, members = 400, 3000
    u, w = rng.standard_normal((members, width, 4)), rng.standard_normal((members, width))
    h = u @ x.T / 2
    outputs, tangents = [], []
    for _ in range(steps + 1):
        phi, slope = erf(h), 2 / np.sqrt(np.pi) * np.exp(-(h**2))
        f = np.einsum("sn,snp->sp", w, phi) / (gamma * width)
        g = w[:, :, None] * slope
        outputs.append(f)
        tangents.append(np.einsum("snp,snp->sp", phi, phi) / width)
        tangents[-1] += np.diag(kernel) * np.einsum("snp,snp->sp", g, g) / width
        error = eta * gamma * (y - f)
        h, w = h + (g * error[:, None]) @ kernel, w + np.einsum("sp,snp->sn", error, phi)
    found = two_layer(activations.erf, Descent(kernel, y, steps, eta, gamma, loss="sum"))
    final, expected = outputs[-1], found.covariance()[-1, :, -1]
    measured = width * np.cov(final.T)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    bound = 4 * np.sqrt(2 / members) + 10 / width
    assert np.all(np.abs(measured - expected) < bound * scale)
    standard_error = np.sqrt(np.diag(expected) / width / members)
    np.testing.assert_array_less(
        np.abs(final.mean(axis=0) - found.expected(width)[-1]), 4 * standard_error + 3e-4
    )
    ntk = np.einsum("taa->ta", found.variance("ntk")[:, :, :])[-1]
    np.testing.assert_allclose(width * np.var(tangents[-1], axis=0), ntk, rtol=bound)


def test_refusals():
    descent = Descent(np.eye(2), np.ones(2), steps=2, learning_rate=0.1)
    with pytest.raises(ValueError, match="sites is 10: give a whole number of at least 120"):
        two_layer(TANH, descent, sites=10)
    with pytest.raises(NotImplementedError, match="relu has kinks at"):
        two_layer(activations.relu, descent)
    with pytest.raises(ValueError, match="kernels=False"):
        two_layer(TANH, Descent(np.eye(100), np.ones(100), 200, 0.1))
