"""Solutions of smallest norm against their conditions of optimality, and sampled features."""

import numpy as np
import pytest

from widthwise.ensembles.feature_model import (
    contributions,
    gaussian_features,
    minimum_norm_weights,
    sign_features,
)


@pytest.fixture(scope="module")
def problem() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.choice([-1.0, 1.0], 8)
    return sign_features(rng, y, (60,)), y


@pytest.mark.parametrize("norm", [2, 1.7, 1.3, 1.05])
def test_stationary(problem, norm):
    """The slope of the norm, ``sign(w) |w|^(q-1)``, is a combination of the rows."""
    phi, y = problem
    w = minimum_norm_weights(phi, y, norm=norm)
    np.testing.assert_allclose(phi @ w, y, atol=1e-6)
    slope = np.sign(w) * np.abs(w) ** (norm - 1)
    combination = np.linalg.lstsq(phi.T, slope, rcond=None)[0]
    np.testing.assert_allclose(phi.T @ combination, slope, atol=1e-4 * np.abs(slope).max())


def test_least_sum_of_absolute_weights(problem):
    phi, y = problem
    w = minimum_norm_weights(phi, y, norm=1)
    others = (minimum_norm_weights(phi, y, norm=q) for q in (2, 1.3, 1.05))
    assert all(np.abs(w).sum() <= np.abs(other).sum() + 1e-9 for other in others)
    assert np.sum(np.abs(w) > 1e-9) <= len(y)


def test_a_perfect_feature_takes_all_of_the_smallest_l1_norm():
    rng = np.random.default_rng(1)
    y = rng.choice([-1.0, 1.0], 20)
    phi = np.hstack([sign_features(rng, y, (300,)), y[:, None]])
    w = minimum_norm_weights(phi, y, norm=1)
    np.testing.assert_allclose(contributions(phi, w, y, sizes=(300, 1)), [0, 1], atol=1e-9)


def test_a_batch_with_labels_of_their_own():
    rng = np.random.default_rng(2)
    phi, y = rng.standard_normal((3, 5, 9)), rng.choice([-1.0, 1.0], (3, 5))
    found = minimum_norm_weights(phi, y)
    expected = [np.linalg.pinv(a) @ b for a, b in zip(phi, y, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-10)
    shares = contributions(phi, found, y, sizes=(4, 5))
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_two_equal_samples():
    """The Gram matrix is singular, and the labels still fit."""
    phi = np.array([[1.0, -1, 1], [1, -1, 1], [1, 1, -1]])
    w = minimum_norm_weights(phi, [1, 1, -1])
    np.testing.assert_allclose(w, np.linalg.pinv(phi) @ [1, 1, -1], atol=1e-9)


def test_features_agree_with_labels_as_often_as_asked():
    rng = np.random.default_rng(3)
    y = np.array([1.0, -1.0])
    found = sign_features(rng, y, (40_000,), correlation=0.4)
    np.testing.assert_allclose((found * y[:, None]).mean(axis=1), 0.4, atol=0.02)
    assert set(np.unique(found)) == {-1.0, 1.0}
    covariance = np.array([[1.0, 0.5], [0.5, 2.0]])
    normal = gaussian_features(rng, covariance, (3, 20_000))
    np.testing.assert_allclose(np.cov(normal[1]), covariance, atol=0.06)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [1, -1, 1]}, "shapes"),
        ({"labels": [0, 0]}, "nothing to fit"),
        ({"features": np.ones((2, 4))}, "do not fit the labels"),
        ({"features": np.ones((2, 4)), "norm": 1}, "do not fit the labels"),
        ({"norm": 0.5}, "from 1 to 2"),
        ({"norm": 3}, "from 1 to 2"),
        ({"norm": 1.001}, "give 1, or at least"),
        ({"features": np.ones((3, 2, 4)), "norm": 1.5}, "one \\(d, n\\) at a time"),
    ],
)
def test_refused(change, message):
    given = {"features": np.array([[1.0, 1, -1], [1, -1, 1]]), "labels": [1, -1]} | change
    labels = given.pop("labels")
    with pytest.raises(ValueError, match=message):
        minimum_norm_weights(given.pop("features"), labels, **given)


def test_refused_draws():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="correlation is 2"):
        sign_features(rng, np.ones(2), (3,), correlation=2)
    with pytest.raises(ValueError, match="not positive definite"):
        gaussian_features(rng, -np.eye(2), (3,))
