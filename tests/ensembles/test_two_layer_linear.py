"""Ensembles of two-layer linear networks through their Gram matrix, against weights trained."""

import jax
import numpy as np
import pytest

from widthwise.ensembles import two_layer_linear_ensemble
from widthwise.ensembles.two_layer_linear import train_gram

RNG = np.random.default_rng(3)
X, Y = RNG.standard_normal((4, 5)), np.array([1.0, -0.5, 0.3])
KERNEL = X @ X.T / 5


@pytest.mark.parametrize("centered", [False, True])
def test_gram_matrices_train_as_weights_do(centered):
    width, eta, gamma, steps = 7, 0.3, 1.4, 6
    u, w = RNG.standard_normal((width, 5)), RNG.standard_normal(width)
    fields = np.concatenate([u @ X.T / 5**0.5, w[:, None]], axis=1)
    outputs, ntk, start = [], [], np.zeros(4)
    for t in range(steps + 1):
        h = u @ X.T / 5**0.5
        if centered and t == 0:
            start = w @ h / (gamma * width)
        outputs.append(w @ h / (gamma * width) - start)
        ntk.append(h.T @ h / width + KERNEL * np.mean(w**2))
        # theta <- theta - eta gamma^2 N dLoss/dtheta of the trained points
        push = eta * gamma * (Y - outputs[-1][:3])
        u, w = u + np.outer(w, push @ X[:3]) / 5**0.5, w + h[:, :3] @ push
    gram = fields.T @ fields / width
    rates = (eta, gamma)
    found = train_gram(gram[None], KERNEL, Y, steps=steps, rates=rates, centered=centered)
    np.testing.assert_allclose(found[0][0], outputs, atol=1e-12)
    np.testing.assert_allclose(found[1][0], ntk, atol=1e-12)
    assert not found[2].any()


@pytest.mark.parametrize("width", [3, 50])
def test_draws_are_wishart(width):
    found = two_layer_linear_ensemble(
        KERNEL, Y, width=width, members=4000, steps=1, learning_rate=0.1, key=jax.random.key(1)
    ).isel(step=0)
    # f = h . w / N and K = h h / N + K_x w^2 / N at the start
    f, k = found.output.values, found.ntk.values
    error = 5 / np.sqrt(4000)
    scale = np.sqrt(np.outer(np.diag(KERNEL), np.diag(KERNEL)))
    assert np.all(np.abs(width * np.cov(f.T) - KERNEL) < 2 * error * scale)
    spread = np.sqrt(width) * (k - 2 * KERNEL) / scale
    assert np.all(np.abs(spread.mean(axis=0)) < 2 * error)
    np.testing.assert_allclose(
        width * k[:, 0, 0].var() / KERNEL[0, 0] ** 2, 4, rtol=0.12 * (1 + 6 / width)
    )


def test_divergence_is_recorded():
    found = two_layer_linear_ensemble(
        np.eye(1), np.ones(1), width=4, members=3, steps=30, learning_rate=3.0, richness=3.0,
        key=jax.random.key(0),
    )  # fmt: skip
    assert found.diverged.values.all()
    assert np.isnan(found.output.values[:, -1]).all()
    assert np.isfinite(found.output.values[:, 0]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_kernel": np.array([[1.0, 2.0], [2.0, 1.0]])}, "no matrix of scalar products"),
        ({"input_kernel": np.ones((2, 3))}, r"input_kernel of shape \(2, 3\)"),
        ({"targets": np.ones(3)}, r"targets have shape \(3,\)"),
        ({"members": 0}, "'members': 0"),
        ({"members": 10**12}, "give fewer members at a time"),
    ],
)
def test_refusals(changes, message):
    given = {"input_kernel": np.eye(2), "targets": np.ones(2), "width": 9, "members": 2}
    given |= {"steps": 2, "learning_rate": 0.1, "key": jax.random.key(0), **changes}
    with pytest.raises(ValueError, match=message):
        two_layer_linear_ensemble(**given)
