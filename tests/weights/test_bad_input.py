"""What is refused, and in which words."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import weights
from widthwise.weights import Graph

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "symmetry", "match"),
    [
        ((5, 4, 6), "tied", "matrices are 4 x 6.*take symmetry='bipartite'"),
        ((5, 3, 3), "tied", "needs at least 4 x 4; take symmetry='bipartite'"),
        ((5, 1, 3), "bipartite", "at least two rows and two columns"),
        ((5,), "bipartite", r"have shape \(5,\): give one matrix"),
        ((0, 4, 4), "tied", "give one matrix"),
        ((5, 4, 4), "tide", "did you mean 'tied'"),
    ],
)
def test_shapes(shape: tuple[int, ...], symmetry: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        weights.fit(RNG.standard_normal(shape), symmetry)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_numbers_that_are_not_finite_are_found(bad: float) -> None:
    w = RNG.standard_normal((6, 4, 5))
    w[3, 1, 2] = bad
    with pytest.raises(ValueError, match="matrix 3 has entries that are not finite"):
        weights.fit(w, "bipartite")
    with pytest.raises(ValueError, match="matrix 3 has entries that are not finite"):
        weights.evaluate([Graph("ab ab")], w)


def test_types() -> None:
    w = RNG.standard_normal((5, 4, 4))
    with pytest.raises(ValueError, match="matrices are of type complex128"):
        weights.fit(w.astype(complex))
    for kind in (jnp.float32, jnp.bfloat16, jnp.float16):
        rounded = jnp.asarray(w, kind)
        found = weights.fit(rounded, "isotropic").model.variance
        assert found == pytest.approx(np.asarray(rounded, np.float64).var(), rel=1e-6)
    assert weights.fit((10 * w).astype(np.int8), "isotropic").model.variance > 10
    assert weights.fit(w.tolist(), "isotropic").model.variance == pytest.approx(w.var())


def test_too_few_matrices() -> None:
    w = RNG.standard_normal((2, 5, 5))
    two = weights.fit(w)
    with pytest.raises(ValueError, match=r"part 'trivial' is singular.*fit more matrices"):
        two.model.entropy()
    with pytest.raises(ValueError, match="2 matrices determine no regular covariance"):
        weights.likelihood_ratio(w)
    assert weights.wasserstein(two.model, weights.fit(w[::-1]).model) == pytest.approx(0, abs=1e-7)
    with pytest.raises(ValueError, match="one matrix was given: a spread needs an ensemble"):
        weights.deviations(w[0])
    with pytest.raises(ValueError, match="one matrix was fitted"):
        _ = weights.fit(w[0]).unbiased
    with pytest.raises(ValueError, match="one matrix does not tell it; fit at least two"):
        weights.expected([Graph("ab")], weights.fit(w[0]).model)


def test_constant_matrices() -> None:
    same = np.ones((5, 4, 4))
    found = weights.fit(same)
    assert found.model.symmetric == 0
    with pytest.raises(ValueError, match="singular"):
        found.model.entropy()
    with pytest.raises(ValueError, match="is zero: there is nothing to test"):
        weights.likelihood_ratio(same)
    with pytest.warns(UserWarning, match="the matrices have no spread in ab ab: deviations"):
        deviation = weights.deviations(same, "tied", [Graph("ab ab")]).deviation
    assert np.isnan(deviation).all()


def test_models() -> None:
    with pytest.raises(ValueError, match="trivial has the negative eigenvalue"):
        weights.TiedGaussian(5, np.zeros(2), -np.eye(2), np.eye(3), 1.0, 1.0)
    with pytest.raises(ValueError, match="standard is not symmetric"):
        weights.TiedGaussian(5, np.zeros(2), np.eye(2), np.triu(np.ones((3, 3))), 1.0, 1.0)
    with pytest.raises(ValueError, match="needs at least 4 x 4"):
        weights.TiedGaussian(3, np.zeros(2), np.eye(2), np.eye(3), 1.0, 1.0)
    with pytest.raises(ValueError, match="entries has the negative eigenvalue"):
        weights.BipartiteGaussian((3, 4), 0.0, 1.0, 1.0, 1.0, -1.0)
    a, b = (weights.IsotropicGaussian((n, n), 0.0, 1.0) for n in (6, 10))
    with pytest.raises(ValueError, match=r"laws of 6 x 6 and 10 x 10 matrices.*one shape"):
        weights.squared_wasserstein(a, b)
    with pytest.raises(ValueError, match="matrices are 4 x 4, and the law is one of 6 x 6: give"):
        a.log_density(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="'wasserstein'"):
        weights.nearest_isotropic(a, "wassertein")
    with pytest.raises(ValueError, match="give the smaller first"):
        weights.likelihood_ratio(np.zeros((5, 5, 5)), "bipartite", "bipartite")
    fit = weights.fit(RNG.standard_normal((5, 5, 5)), "bipartite")
    with pytest.raises(ValueError, match="the family that is the alternative, 'tied'"):
        weights.likelihood_ratio(fit)


def test_graphs() -> None:
    for words in ("", "abc", "ab " * 7):
        with pytest.raises(ValueError, match="give 1 to 6 pairs of vertices"):
            Graph(words)
    with pytest.raises(ValueError, match="degree is 5: give 1, 2, 3 or 4"):
        weights.graphs(5)
    wide = RNG.standard_normal((3, 4, 6))
    with pytest.raises(ValueError, match="ab bc has a vertex that is both row and column"):
        weights.evaluate([Graph("ab bc")], wide)
    with pytest.raises(ValueError, match="both row and column"):
        weights.expected([Graph("aa")], weights.fit(wide, "bipartite").model)
    complete = Graph("ab ac ad bc bd cd")
    with pytest.raises(ValueError, match="no vertex with fewer than three neighbours"):
        weights.evaluate([complete], wide[:, :4, :4])
    with pytest.raises(ValueError, match="resamples is 3: give at least 20"):
        weights.deviations(wide, "bipartite", key=jax.random.key(0), resamples=3)
    with pytest.raises(ValueError, match=r"matrices are \(4, 6\) and the model is of \(4, 4\)"):
        weights.deviations(wide, weights.IsotropicGaussian((4, 4), 0.0, 1.0))
