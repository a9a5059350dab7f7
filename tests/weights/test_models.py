"""Fits, densities, distances: reference values, dense linear algebra, and laws that must hold."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import multivariate_normal

from widthwise import weights
from widthwise.weights.components import tied_components
from widthwise.weights.law import square_root, squared_bures

FIT_4 = [0.012421822265, 0.063753793141, 0.021096289109, 0.02918048405, 0.066109966392,
         0.131064682064, 0.098034144839, -0.179930836393, 1.00369408547, -0.301280066743,
         0.926601206271, 0.041525230124, 0.455489185642]  # fmt: skip
FIT_5 = [0.029107267324, 0.07589309313, 0.76006300263, -0.059613029739, 0.13533578774,
         0.67448338305, -0.274714924675, -0.061978171983, 0.762936307978, 0.148887790633,
         0.338389445542, 0.878103939956, 0.33265641738]  # fmt: skip


def values(model) -> list[float]:
    return list(model.parameters.values())


def test_fits_are_the_reference_values(sines) -> None:
    np.testing.assert_allclose(values(weights.fit(sines(6, 4, 4)).model), FIT_4, atol=1e-10)
    matrices = sines(8, 5, 5)
    found = weights.fit(matrices)
    np.testing.assert_allclose(values(found.model), FIT_5, atol=1e-10)
    assert found.model.entropy() == pytest.approx(26.6983757606, rel=1e-11)
    assert found.model.log_density(matrices).sum() == pytest.approx(-213.587006085, rel=1e-11)
    five = weights.fit(matrices, "bipartite").model
    expected = [0.029107267324, 0.76006300263, 0.762936307978, 0.67448338305, 0.492569470972]
    np.testing.assert_allclose(values(five), expected, rtol=1e-10)
    two = weights.fit(matrices, "isotropic").model
    np.testing.assert_allclose(values(two), [0.00582145345, 0.57563413209], rtol=1e-8)
    assert weights.kl(found.model, five).total == pytest.approx(1.644174496833, rel=1e-11)
    assert weights.kl(found.model, two).total == pytest.approx(1.87154997642, rel=1e-11)


def test_likelihood_ratios_are_those_of_the_densities(sines) -> None:
    matrices = sines(8, 5, 5)
    fits = {name: weights.fit(matrices, name) for name in ("tied", "bipartite", "isotropic")}
    logs = {name: float(found.model.log_density(matrices).sum()) for name, found in fits.items()}
    for null, alternative, freedom, expected in [
        ("bipartite", "tied", 8, 26.30679194933),
        ("isotropic", "tied", 11, 29.9447996227),
        ("isotropic", "bipartite", 3, None),
    ]:
        found = weights.likelihood_ratio(matrices, null, alternative)
        gain = 2 * (logs[alternative] - logs[null])
        assert found.statistic == pytest.approx(gain if expected is None else expected, rel=1e-10)
        assert found.statistic == pytest.approx(gain, rel=1e-10)
        assert found.degrees_of_freedom == freedom
        assert weights.likelihood_ratio(fits[alternative], null, alternative) == found


def test_rectangular_fits_and_distances(sines) -> None:
    found = weights.fit(sines(7, 3, 5), "bipartite").model
    expected = [0.114525363704, 0.752992984176, 1.362516775697, 0.691020097711, 0.309728006046]
    np.testing.assert_allclose(values(found), expected, rtol=1e-10)
    a = weights.BipartiteGaussian((4, 6), 0.7, 0.5, 1.2, 0.3, 0.9)
    b = weights.BipartiteGaussian((4, 6), -0.2, 1.5, 0.2, 0.8, 0.4)
    assert weights.squared_wasserstein(a, b).total == pytest.approx(4.439582015525, rel=1e-11)
    assert weights.kl(a, b).total == pytest.approx(9.480930118065, rel=1e-11)
    assert weights.kl(b, a).total == pytest.approx(6.328236548601, rel=1e-11)


def test_distances_of_the_reference_models(p, q) -> None:
    found = weights.squared_wasserstein(p, q)
    expected = [0.74, 0.071084324272, 1.155007666322, 0.187647640084, 0.291796067501]
    np.testing.assert_allclose(list(found.parts.values()), expected, atol=1e-12)
    assert found.total == pytest.approx(2.445535698179, rel=1e-11)  # not 4.670, that of D = 10
    assert weights.wasserstein(p, q) == pytest.approx(2.445535698179**0.5, rel=1e-11)
    assert weights.kl(p, q).total == pytest.approx(5.738964504826, rel=1e-11)
    assert weights.kl(q, p).total == pytest.approx(4.445539782892, rel=1e-11)
    assert p.entropy() == pytest.approx(35.753017037398, rel=1e-11)
    assert q.entropy() == pytest.approx(31.776376802675, rel=1e-11)
    nearest = weights.nearest_isotropic(p)
    np.testing.assert_allclose(values(nearest), [0.133333333333, 0.49], rtol=1e-11)
    assert weights.kl(p, nearest).total == pytest.approx(2.488472176176, rel=1e-11)
    other = weights.nearest_isotropic(p, "wasserstein")
    assert other.variance**0.5 == pytest.approx(0.674733797956, rel=1e-11)
    assert weights.squared_wasserstein(p, other).total == pytest.approx(1.250434868243, rel=1e-11)
    five = weights.nearest_bipartite(p)
    assert (five.rows, five.columns) == (0.7, 0.9)
    assert five.entries == pytest.approx(0.3656, rel=1e-11)
    assert weights.kl(p, five).total == pytest.approx(1.249414926172, rel=1e-11)


def test_distances_of_independent_entries() -> None:
    a, b = (weights.IsotropicGaussian((10, 10), 0.0, v) for v in (0.1, 0.2))
    assert weights.squared_wasserstein(a, b).total == pytest.approx(1.715728752538, rel=1e-11)
    assert weights.kl(a, b).total == pytest.approx(9.657359027997, rel=1e-11)
    tied = weights.kl(weights.as_tied(a), b)
    assert tied.total == pytest.approx(9.657359027997, rel=1e-11)
    assert set(tied.parts) == {"mean", "trivial", "standard", "symmetric", "antisymmetric"}


def test_the_root_of_a_degenerate_covariance() -> None:
    """A root by eigenvectors that are not orthogonal errs by 0.69 here."""
    s = np.array([[2.0, 1, 1], [1, 2, 1], [1, 1, 2]])
    root = square_root(s)
    np.testing.assert_allclose(root @ root, s, atol=1e-14)
    np.testing.assert_allclose(root, np.asarray(sqrtm(s)), atol=1e-12)
    assert squared_bures(s, s) < 1e-25
    assert squared_bures(s, np.zeros((3, 3))) == pytest.approx(6.0)


def dense(model: weights.TiedGaussian) -> tuple[np.ndarray, np.ndarray]:
    """Mean and D^2 x D^2 covariance from the projectors, as no program should do it."""
    d = model.size
    one, e, eye = np.ones((d, d)) / d, np.eye(d) - 1 / d, np.eye(d)
    v = [one, (np.eye(d) - one) / (d - 1) ** 0.5]
    cov = np.einsum("ab,aij,bkl->ijkl", np.asarray(model.trivial), v, v)
    beyond = np.einsum("ip,ij->ijp", eye, eye) - (eye[:, None, :] + eye[None, :, :]) / d
    kinds = [
        np.broadcast_to(eye[None, :, :], (d, d, d)) / d**0.5,
        np.broadcast_to(eye[:, None, :], (d, d, d)) / d**0.5,
        beyond * (d / (d - 2)) ** 0.5,
    ]
    u = np.einsum("aijp,pq->aijq", np.stack(kinds), e)
    cov += np.einsum("ab,aijp,bklp->ijkl", model.standard, u, u)
    anti = 0.5 * (np.einsum("ik,jl->ijkl", e, e) - np.einsum("il,jk->ijkl", e, e))
    trivial = np.einsum("aij,akl->ijkl", v, v)
    standard = np.einsum("aijp,aklp->ijkl", u, u)
    rest = np.einsum("ik,jl->ijkl", eye, eye) - trivial - standard - anti
    cov += model.symmetric * rest + model.antisymmetric * anti
    return np.tensordot(model.mean, v, 1).ravel(), cov.reshape(d * d, d * d)


@pytest.mark.parametrize("size", [4, 6])
def test_the_law_is_that_of_dense_covariances(size: int, p, q) -> None:
    p, q = (
        weights.TiedGaussian(size, m.mean, m.trivial, m.standard, m.symmetric, m.antisymmetric)
        for m in (p, q)
    )
    (mean, cov), (mean_q, cov_q) = dense(p), dense(q)
    w = np.random.default_rng(0).standard_normal((3, size, size))
    normal = multivariate_normal(mean, cov)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(p.log_density(w), normal.logpdf(w.reshape(3, -1)), rtol=1e-11)
    assert p.entropy() == pytest.approx(normal.entropy(), rel=1e-12)
    inverse = np.linalg.inv(cov_q)
    logs = np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov)[1]
    distance = (mean - mean_q) @ inverse @ (mean - mean_q)
    kl = 0.5 * (distance + np.trace(inverse @ cov) - len(cov) + logs)
    assert weights.kl(p, q).total == pytest.approx(kl, rel=1e-11)
    root = np.real(sqrtm(cov))
    cross = np.trace(np.real(sqrtm(root @ cov_q @ root)))
    far = np.sum((mean - mean_q) ** 2) + np.trace(cov) + np.trace(cov_q) - 2 * cross
    assert weights.squared_wasserstein(p, q).total == pytest.approx(far, rel=1e-9)
    drawn = p.sample(jax.random.key(1), 20_000).reshape(20_000, -1)
    errors = np.sqrt((np.outer(np.diag(cov), np.diag(cov)) + cov**2) / len(drawn))
    assert np.max(np.abs((np.cov(drawn.T) - cov) / errors)) < 5
    assert np.max(np.abs(drawn.mean(axis=0) - mean) / np.sqrt(np.diag(cov) / len(drawn))) < 4.5


def test_a_fit_of_a_sample_finds_the_model(p) -> None:
    found = weights.fit(p.sample(jax.random.key(0), 20_000))
    errors = found.standard_errors
    for name, value in p.parameters.items():
        assert abs(found.model.parameters[name] - value) < 4.5 * errors[name], name
    exact = weights.Fit(p, 20_000).standard_errors
    np.testing.assert_allclose(list(errors.values()), list(exact.values()), rtol=0.03)


def test_standard_errors_know_that_invariants_are_correlated() -> None:
    """Published code gives 0.00250 and 0.00318 here."""
    start = weights.as_tied(weights.IsotropicGaussian((10, 10), 0.0, 0.1))
    errors = weights.Fit(start, 1000).standard_errors
    assert errors["standard_33"] == pytest.approx(0.00149, rel=2e-3)
    assert errors["trivial_11"] == pytest.approx(0.00447, rel=1e-3)


def test_sums_of_large_numbers_in_float32() -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal((2, 64, 64))
    w = (100 + noise).astype(np.float32)
    exact = w.astype(np.longdouble)
    e = np.eye(64) - 1 / 64
    wanted = [float(np.sum((e @ (x - x.T) @ e / 2) ** 2)) for x in exact]
    np.testing.assert_allclose(tied_components(w).squares[2].ravel(), wanted, rtol=1e-9)
    rows = w + np.arange(64, dtype=np.float32)[None, :, None]
    found = weights.fit(rows, "bipartite").model
    assert found.entries == pytest.approx(1e-4, rel=0.03)


@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e25])
@pytest.mark.parametrize("shape", [(3, 75, 75), (2, 30, 210)])
def test_single_precision_gives_what_double_does(shape: tuple[int, ...], scale: float) -> None:
    """Also where squares leave its range; sizes are no multiples of what is summed at a time."""
    rng = np.random.default_rng(5)
    w = rng.standard_normal(shape) + rng.standard_normal((shape[0], shape[1], 1)) + 0.7
    single = (scale * w).astype(np.float32)
    family = "tied" if shape[1] == shape[2] else "bipartite"
    found, exact = (weights.fit(x, family).model for x in (single, single.astype(np.float64)))
    size = np.array(list(exact.parameters.values()))
    np.testing.assert_allclose(
        list(found.parameters.values()), size, rtol=2e-6, atol=2e-6 * scale**2
    )


@pytest.mark.parametrize("shape", [(2, 3), (5, 5)])
def test_a_bipartite_sample_has_its_law(shape: tuple[int, int]) -> None:
    model = weights.BipartiteGaussian(shape, 0.5, 2.0, 0.7, 0.3, 1.1)
    found = weights.fit(model.sample(jax.random.key(2), 20_000), "bipartite")
    for name, value in model.parameters.items():
        assert abs(found.model.parameters[name] - value) < 4 * found.standard_errors[name]


def test_one_matrix_is_enough_if_it_is_wide(p) -> None:
    model = weights.TiedGaussian(200, p.mean, p.trivial, p.standard, p.symmetric, p.antisymmetric)
    (w,) = model.sample(jax.random.key(3), 1)
    found = weights.fit(w)
    assert found.count == 1
    assert found.model.trivial is None
    for name, error in found.standard_errors.items():
        if name.startswith(("standard", "sym", "anti")):
            assert abs(found.model.parameters[name] - model.parameters[name]) < 4 * error
        else:
            assert np.isnan(error)
    assert weights.likelihood_ratio(w).p_value < 1e-10
    with pytest.raises(ValueError, match="'trivial' is not known: one matrix does not tell it"):
        found.model.entropy()
    with pytest.warns(UserWarning, match="left out of the Wasserstein distance"):
        assert "trivial" not in weights.squared_wasserstein(found.model, model).parts
    with pytest.raises(ValueError, match="nothing can be drawn"):
        found.model.sample(jax.random.key(0), 2)
    alone = weights.fit(w[:5, :7], "bipartite").model
    assert alone.total is None
    assert weights.likelihood_ratio(w[:5, :7], "isotropic", "bipartite").degrees_of_freedom == 2
    assert weights.fit(w[:5, :7], "isotropic").model.variance == pytest.approx(w[:5, :7].var())


def test_models_can_be_saved(p, sines) -> None:
    for model in (
        p,
        weights.fit(sines(3, 5, 5)),
        weights.fit(sines(1, 5, 5)),
        weights.fit(sines(3, 4, 5), "bipartite").model,
        weights.fit(sines(3, 4, 5), "isotropic"),
    ):
        text = weights.to_json(model)
        again = weights.from_json(text)
        assert type(again) is type(model)
        assert weights.to_json(again) == text
    for text in ("{", "[]", '{"family": "tied"}', '{"family": "round"}'):
        with pytest.raises(ValueError, match="no model as to_json writes it"):
            weights.from_json(text)


covariances = st.lists(st.floats(-2, 2), min_size=9, max_size=9)


@st.composite
def models(draw: st.DrawFn) -> weights.TiedGaussian:
    root = np.array(draw(covariances)).reshape(3, 3)
    other = np.array(draw(covariances)[:4]).reshape(2, 2)
    mean = np.array(draw(covariances)[:2])
    a, b = (draw(st.floats(0.1, 3)) for _ in range(2))
    ridge = 0.1
    return weights.TiedGaussian(
        5, mean, other @ other.T + ridge * np.eye(2), root @ root.T + ridge * np.eye(3), a, b
    )


@settings(max_examples=12, deadline=None)
@given(models(), models(), models())
def test_distances_are_distances(a, b, c) -> None:
    kl = weights.kl(a, b)
    assert min(kl.parts.values()) > -1e-9
    assert weights.kl(a, a).total == pytest.approx(0, abs=1e-9)
    ab, bc, ac = (weights.wasserstein(*pair) for pair in ((a, b), (b, c), (a, c)))
    assert ab == pytest.approx(weights.wasserstein(b, a), rel=1e-6, abs=1e-7)
    assert ac <= ab + bc + 1e-7
    assert weights.wasserstein(a, a) < 1e-6
    near = weights.nearest_bipartite(a)
    two = weights.nearest_isotropic(a)
    # Pythagoras: the way to a smaller family leads through the larger one
    whole = weights.kl(a, two).total
    through = weights.kl(a, near).total + weights.kl(near, two).total
    assert whole == pytest.approx(through, rel=1e-7, abs=1e-9)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 7), st.sampled_from([1e-3, 1.0, 1e4]))
def test_fits_do_not_see_the_order_of_neurons(seed: int, size: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    w = scale * (1 + rng.standard_normal((4, size, size)))
    order, other = rng.permutation(size), rng.permutation(size)
    found = values(weights.fit(w).model)
    again = values(weights.fit(w[:, order][:, :, order]).model)
    np.testing.assert_allclose(again, found, rtol=1e-9, atol=1e-10 * scale**2)
    five = values(weights.fit(w, "bipartite").model)
    again = values(weights.fit(w[:, order][:, :, other], "bipartite").model)
    np.testing.assert_allclose(again, five, rtol=1e-9, atol=1e-10 * scale**2)
    turned = weights.fit(w.swapaxes(1, 2), "bipartite").model
    assert turned.rows == pytest.approx(five[3], rel=1e-9)
    pooled = values(weights.nearest_bipartite(weights.fit(w).model))
    np.testing.assert_allclose(pooled, five, rtol=1e-9, atol=1e-10 * scale**2)
