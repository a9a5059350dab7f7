"""Measures of alignment: reference values, invariances, errors, null distributions, bad input."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import widthwise as ww
from widthwise.observables.alignment import (
    CCA,
    CKA,
    MEASURES,
    RSA,
    Correlation,
    InformationImbalance,
    MutualNeighbours,
    Procrustes,
)

H1 = np.array([[1, 0, 2], [0, 1, -1], [2, 1, 0], [-1, 3, 1.0]])
H2 = np.array([[1, 1], [0, 2], [2, -1], [1, 3.0]])
N, M = 24, 3
ROTATED = ("cka", "cka-debiased", "cka-rbf", "procrustes", "rsa", "rsa-spearman", "mutual-knn")


def value(a, b, measure: Any = "cka") -> float:
    return ww.alignment(a, b, measure, error=None).value


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((N, M))
    return a, a @ rng.standard_normal((M, M)) + 0.5 * rng.standard_normal((N, M))


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (CKA(), 0.6277965609),
        (CKA(center=False), 0.7452208173),
        (CKA(debiased=True), 0.8858920667),
        (Procrustes(), 0.7281165599),
        (Procrustes(center=False), 0.7981345569),
        (RSA(), -0.0528891708),
        (RSA(squared=True), 0.0505543268),
        (RSA("spearman"), -0.0294117647),
    ],
)
def test_reference_values(measure, expected: float):
    assert value(H1, H2, measure) == pytest.approx(expected, abs=1e-9)


def test_explicit_least_squares_pair():
    """Two fits of two samples in three dimensions; their outputs over an isotropic metric."""
    x = np.array([[1, 0, 1], [0, 2, -1.0]])
    a, b = (np.linalg.pinv(x) @ np.array(y) for y in ([1, 2], [1.5, 1]))
    np.testing.assert_allclose(a, np.array([7, 10, 2]) / 9, atol=1e-12)
    directions = np.concatenate([np.eye(3), -np.eye(3)])
    assert value(directions @ a, directions @ b, "correlation") == pytest.approx(0.9325680983)


def test_against_independent_formulas(pair):
    a, b = pair
    x, y = a - a.mean(0), b - b.mean(0)
    qa, qb = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
    rho = np.linalg.svd(qa.T @ qb)[1]
    assert value(a, b, "cca") == pytest.approx(rho.mean())
    d = [np.linalg.norm(z[:, None] - z[None], axis=2) for z in pair]
    k, other = (np.exp(-(z**2) / (2 * np.median(z[np.triu_indices(N, 1)]) ** 2)) for z in d)
    h = np.eye(N) - 1 / N
    k, other = h @ k @ h, h @ other @ h
    expected = np.sum(k * other) / np.sqrt(np.sum(k * k) * np.sum(other * other))
    assert value(a, b, "cka-rbf") == pytest.approx(expected)
    ranks = [np.argsort(np.argsort(z + 1e9 * np.eye(N), axis=1), axis=1) for z in d]
    shared = np.mean((ranks[0] < 5) & (ranks[1] < 5)) * N / 5
    assert value(a, b, MutualNeighbours(5)) == pytest.approx(shared)
    imbalance = 2 / N * np.mean(1 + ranks[1][np.arange(N), ranks[0].argmin(1)])
    assert value(a, b, InformationImbalance()) == pytest.approx(imbalance)
    flat = [z[np.triu_indices(N, 1)] for z in d]
    assert value(a, b, "rsa-spearman") == pytest.approx(stats.spearmanr(*flat)[0])
    u, _, _ = np.linalg.svd(qa.T @ qb)
    weight = np.abs((qa @ u).T @ x).sum(1)
    assert value(a, b, "pwcca") == pytest.approx(weight @ rho / weight.sum())


def test_one_direction_gives_the_correlation_of_outputs():
    """Sampled at correlation 0.6: values known from larger samples, to their scatter."""
    rng = np.random.default_rng(3)
    a, e = rng.standard_normal((2, 300))
    b = 0.6 * a + 0.8 * e
    rho = np.corrcoef(a, b)[0, 1]
    assert value(a, b, "correlation") == pytest.approx(rho)
    assert value(a, b) == pytest.approx(rho**2)
    assert value(a, -b, "procrustes") == pytest.approx(rho)
    assert value(a, -b, "correlation") == pytest.approx(-rho)
    assert value(a, b, "rsa-squared") == pytest.approx(0.36, abs=0.1)
    assert value(a, b, "rsa-spearman") == pytest.approx(0.254, abs=0.1)
    assert value(a, b, "information-imbalance") == pytest.approx(0.817, abs=0.08)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.01, 100))
def test_invariances(seed: int, scale: float):
    """Rotations, scales, shifts and the order of samples change nothing; nor does (b, a)."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, N, M))
    turn = np.linalg.qr(rng.standard_normal((M, M)))[0]
    order = rng.permutation(N)
    other = (scale * b @ turn + rng.standard_normal(M))[order]
    for measure in ROTATED:
        found = value(a, b, measure)
        assert value(other, a[order], measure) == pytest.approx(found, abs=1e-7), measure
        low = -1.0 if measure in ("cka-debiased", "rsa", "rsa-spearman") else 0.0
        assert low - 1e-9 <= found <= 1 + 1e-9
        assert value(a, a @ turn, measure) == pytest.approx(1.0)
    linear = rng.standard_normal((M, M))
    assert value(a @ linear, b, "cca") == pytest.approx(value(a, b, "cca"), abs=1e-6)


def test_arrays_of_all_kinds(pair):
    a, b = pair
    expected = value(a, b)
    assert value(jnp.asarray(a), b.tolist()) == pytest.approx(expected, abs=1e-12)
    assert value(a.astype(np.float32), b) == pytest.approx(expected, abs=1e-6)
    half = value(jnp.asarray(a, jnp.bfloat16), b.astype(np.float16))
    assert half == pytest.approx(expected, abs=0.02)
    assert ww.alignment(a, b, lambda x, y: jnp.vdot(x, y), error=None).value == pytest.approx(
        np.sum(a * b)
    )


def test_measures_are_pure_functions(pair):
    a, b = pair
    stacked = np.stack([b, a])
    found = jax.jit(jax.vmap(CKA(), (None, 0)))(jnp.asarray(a), jnp.asarray(stacked))
    np.testing.assert_allclose(found, [value(a, b), 1.0], rtol=1e-9)


def test_no_matrix_of_samples_changes_the_value():
    """Features first, rows of the kernel, and blocks give one number."""
    rng = np.random.default_rng(2)
    few, many = rng.standard_normal((N, M)), rng.standard_normal((N, N)) + 3.0
    many[:, 0] += few[:, 0]
    for measure in (CKA(), CKA(debiased=True), CKA("rbf")):
        blocks = ww.alignment_matrix([few, many], measure=measure, block=15).values
        direct = value(few, many, measure)
        np.testing.assert_allclose(blocks, [[1, direct], [direct, 1]], rtol=1e-7)
    x, y = few - few.mean(0), many[:, :M] - many[:, :M].mean(0)
    assert value(few, many[:, :M]) == pytest.approx(
        np.sum((x @ x.T) * (y @ y.T)) / np.linalg.norm(x @ x.T) / np.linalg.norm(y @ y.T)
    )
    across = ww.alignment_matrix({"a": few}, {"b": many[:, :M], "c": few})
    assert (across.dims, across.other.values.tolist()) == (("layer", "other"), ["b", "c"])
    np.testing.assert_allclose(across, [[value(few, many[:, :M]), 1.0]], rtol=1e-9)
    rotated = ww.alignment_matrix([few], [many[:, :M]], measure="procrustes").item()
    assert rotated == pytest.approx(value(few, many[:, :M], "procrustes"))


def test_a_kernel_of_ones_own(pair):
    a, b = pair
    k, other = ((x @ x.T + 1) ** 2 for x in pair)
    h = np.eye(N) - 1 / N
    k, other = h @ k @ h, h @ other @ h
    expected = np.sum(k * other) / np.linalg.norm(k) / np.linalg.norm(other)
    assert value(a, b, CKA(lambda x, y: (x @ y.T + 1) ** 2)) == pytest.approx(expected)


def test_null_distribution(pair):
    a, b = pair
    found = ww.alignment(a, b, "cka-debiased", permutations=99)
    assert (found.p_value, found.samples, len(found.null)) == (0.01, N, 99)
    assert found.z > 3
    assert abs(found.null.mean()) < 0.1
    imbalance = ww.alignment(a, b, "information-imbalance", permutations=99)
    assert imbalance.z > 3
    assert imbalance.p_value <= 0.02
    bare = ww.alignment(a, b, error=None)
    assert all(np.isnan([bare.z, bare.p_value, bare.standard_error]))
    noise = np.random.default_rng(5).standard_normal((N, M))
    assert ww.alignment(a, noise, "cka-debiased", permutations=99).p_value > 0.01


def test_the_error_of_a_mean_is_exact():
    """The jackknife of a linear statistic is its textbook error, if groups are samples."""
    x = np.random.default_rng(1).standard_normal((30, 1))

    def mean(a, b):
        del b
        return jnp.mean(a)

    found = ww.alignment(x, x, mean, resamples=30)
    assert found.standard_error == pytest.approx(x.std(ddof=1) / 30**0.5)
    again = ww.alignment(x, x, mean, resamples=30, key=jax.random.key(4))
    assert again.standard_error == pytest.approx(found.standard_error)


ONES = np.ones((N, 2))
GOOD = np.random.default_rng(9).standard_normal((N, 2))


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: value(ONES, GOOD), ValueError, "a has the same features for all 24 samples"),
        (lambda: value(GOOD, 1e6 + 0 * GOOD), ValueError, "b has the same features"),
        (lambda: value(np.where(GOOD > 1, np.nan, GOOD), GOOD), ValueError, "not finite"),
        (lambda: value(GOOD[:-1], GOOD), ValueError, "a has 23 samples and b has 24"),
        (lambda: value(GOOD[:2], GOOD[:2]), ValueError, "at least 3"),
        (lambda: value(GOOD[:3], GOOD[:3], "cka-debiased"), ValueError, "at least 4"),
        (lambda: value(GOOD[:9], GOOD[:9], "mutual-knn"), ValueError, "at least 12"),
        (lambda: value(GOOD[None], GOOD), ValueError, "a has shape"),
        (lambda: value(GOOD * 1j, GOOD), TypeError, "complex128"),
        (lambda: value(["x", "y"], GOOD), TypeError, "real numbers"),
        (lambda: value(GOOD, GOOD, "ckaa"), ValueError, "did you mean 'cka'"),
        (lambda: value(GOOD, GOOD[:, :1], "correlation"), ValueError, "features and b has 1"),
        (lambda: value(np.eye(9), np.eye(9)[::-1], "cca"), ValueError, "would be 1 for any data"),
        (lambda: value(GOOD[[0, *range(N - 1)]], GOOD, "mutual-knn"), ValueError, "1 samples of a"),
        (lambda: ww.alignment(GOOD, GOOD, "rsa", error="bootstrap"), ValueError, "'jackknife'"),
        (lambda: ww.alignment(GOOD, GOOD, error="boot"), ValueError, "did you mean 'bootstrap'"),
        (lambda: ww.alignment(GOOD, GOOD, resamples=1), ValueError, "resamples is 1"),
        (lambda: ww.alignment(GOOD, GOOD, permutations=-1), ValueError, "permutations is -1"),
        (lambda: value(GOOD, GOOD, lambda a, b: a - b), ValueError, "one finite number"),
        (lambda: CKA("cubic"), ValueError, "kernel of CKA"),
        (lambda: CKA("rbf", bandwidth=0), ValueError, "bandwidth is 0"),
        (lambda: CKA(debiased=True, center=False), ValueError, "centred by construction"),
        (lambda: CCA(variance=0), ValueError, "variance is 0"),
        (lambda: CCA(weighting="x"), ValueError, "weighting of CCA"),
        (lambda: RSA("kendall"), ValueError, "correlation of RSA"),
        (lambda: MutualNeighbours(0), ValueError, "neighbours is 0"),
        (lambda: ww.alignment_matrix([]), ValueError, "layers is empty"),
        (lambda: ww.alignment_matrix({"x": ONES}), ValueError, r"layers\['x'\] has the same"),
        (lambda: ww.alignment_matrix([GOOD, GOOD[1:]]), ValueError, r"\[23, 24\] samples"),
        (lambda: ww.alignment_matrix([GOOD], block=1), ValueError, "block is 1"),
        (lambda: ww.alignment_matrix([GOOD[:2]]), ValueError, "needs 3"),
    ],
)
def test_bad_input(call, kind: type[Exception], words: str):
    with pytest.raises(kind, match=words):
        call()


def test_tensors_of_torch_are_arrays_until_they_carry_gradients(pair):
    torch = pytest.importorskip("torch")
    a, b = pair
    found = value(torch.tensor(a), torch.tensor(b))
    assert found == pytest.approx(value(a, b), abs=1e-12)
    with pytest.raises(TypeError, match=r"tensor.detach\(\).cpu\(\)"):
        value(torch.tensor(GOOD, requires_grad=True), GOOD)


def test_dependent_features_are_no_obstacle(pair):
    a, b = pair
    doubled = np.concatenate([a, a[:, :1] + a[:, 1:2]], axis=1)
    assert value(doubled, b, "cca") == pytest.approx(value(a, b, "cca"), abs=1e-9)
    dead = np.concatenate([a, np.zeros((N, 1))], axis=1)
    for measure in ("cka", "procrustes", "cca"):
        assert value(dead, b, measure) == pytest.approx(value(a, b, measure), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("measure", [name for name in MEASURES if name != "correlation"])
def test_standard_errors_cover(measure: str):
    """Jackknife, and where it is offered bootstrap, beside the scatter of 300 data sets."""
    rng = np.random.default_rng(7)
    mix = rng.standard_normal((3, 4))
    chosen = MEASURES[measure]
    values, errors = [], {kind: [] for kind in chosen.resampling}
    for _ in range(300):
        a = rng.standard_normal((120, 3))
        b = a @ mix + rng.standard_normal((120, 4))
        for kind in errors:
            found = ww.alignment(a, b, chosen, error=kind, resamples=30)
            errors[kind].append(found.standard_error)
        values.append(value(a, b, chosen))
    values = np.array(values)
    scatter = np.std(values)
    for kind, all_errors in errors.items():
        mean = np.sqrt(np.mean(np.square(all_errors)))
        assert 0.85 * scatter < mean < 1.6 * scatter, f"{kind}: {mean / scatter}"
        within = np.abs(values - np.mean(values)) < 2 * np.asarray(all_errors)
        assert np.mean(within) > 0.9, kind


def test_signed_correlation_allows_no_rotation(pair):
    a, b = pair
    assert value(a, a[:, ::-1], "correlation") < 0.9
    expected = np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)
    assert value(a, b, Correlation(center=False)) == pytest.approx(expected)
