"""Posterior and evidence against dense linear algebra, and fitting by gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from widthwise import networks as nn
from widthwise.dynamics import KernelMatrices, evidence, posterior, predict

X = np.random.default_rng(0).standard_normal((4, 3))
Y = np.random.default_rng(1).standard_normal((4, 2))
X_TEST = np.random.default_rng(2).standard_normal((2, 3))


def network(weight_std=1.5, bias_std=0.3):
    gains = nn.NTK(weight_std=weight_std, bias_std=bias_std)
    return nn.Sequential(nn.Dense(8), nn.Erf(), nn.Dense(1), parametrization=gains)


def test_posterior_is_conditioning():
    both = np.asarray(network().kernel(np.concatenate([X, X_TEST])).nngp)
    k, cross, prior = both[:4, :4] + 0.1 * np.eye(4), both[4:, :4], both[4:, 4:]
    found = posterior(network(), X, Y, X_TEST, noise_variance=0.1)
    np.testing.assert_allclose(found.mean, cross @ np.linalg.solve(k, Y), atol=1e-12)
    covariance = prior - cross @ np.linalg.solve(k, cross.T)
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-12)
    assert posterior(network(), X, Y[:, 0], X_TEST, noise_variance=0.1).mean.shape == (2,)


def test_posterior_is_the_end_of_training_the_last_layer():
    trained = predict(network(), X, Y, X_TEST, diag_reg=0.1, diag_reg_absolute=True)
    found = posterior(network(), X, Y, X_TEST, noise_variance=0.1)
    np.testing.assert_allclose(trained.nngp.mean, found.mean, atol=1e-12)
    np.testing.assert_allclose(trained.nngp.covariance, found.covariance, atol=1e-12)


def test_evidence_is_a_gaussian_density():
    covariance = np.asarray(network().kernel(X).nngp) + 0.1 * np.eye(4)
    expected = multivariate_normal.logpdf(Y.T, np.zeros(4), covariance).sum()  # pyright: ignore[reportArgumentType]
    assert float(evidence(network(), X, Y, noise_variance=0.1)) == pytest.approx(
        expected, abs=1e-10
    )
    given = KernelMatrices(network().kernel(X).nngp)
    assert float(evidence(given, None, Y, noise_variance=0.1)) == pytest.approx(expected, abs=1e-10)


def test_gradient_of_evidence():
    @jax.jit
    def score(parameters):
        weight_std, bias_std, noise = parameters
        return evidence(network(weight_std, bias_std), X, Y, noise_variance=noise)

    at = jnp.asarray([1.5, 0.3, 0.1])
    slope = jax.jit(jax.grad(score))(at)
    step = 1e-5 * np.eye(3)
    differences = [(score(at + h) - score(at - h)) / 2e-5 for h in step]
    np.testing.assert_allclose(slope, differences, rtol=1e-7, atol=1e-7)


def test_refusals():
    repeating = KernelMatrices(np.ones((4, 4)) + np.diag([0.0, 0.0, 1.0, 2.0]))
    for infer in (posterior, evidence):
        with pytest.raises(ValueError, match=r"not positive definite .* larger noise_variance"):
            infer(repeating, None, Y)
        with pytest.raises(ValueError, match="noise_variance is -1"):
            infer(repeating, None, Y, noise_variance=-1.0)
        with pytest.raises(ValueError, match="y_train has shape"):
            infer(repeating, None, Y[:-1])
