"""Moments, octiles and the energy statistic against their definitions."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from widthwise.numerics import normality
from widthwise.numerics.gaussian_spectra import gaussian_singular_values
from widthwise.numerics.marchenko_pastur import MarchenkoPastur


def test_moments_in_blocks_agree_with_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normality, "_AT_ONCE", 7)
    x = 100 + 0.01 * np.random.default_rng(0).standard_gamma(2.0, 50)
    found = normality.shape_of(x.reshape(5, 10))
    assert found.mean == pytest.approx(np.mean(x), rel=1e-14)
    assert found.standard_deviation == pytest.approx(np.std(x), rel=1e-10)
    assert found.skewness == pytest.approx(float(stats.skew(x)), rel=1e-8)
    assert found.excess_kurtosis == pytest.approx(float(stats.kurtosis(x)), rel=1e-8)
    assert normality.shape_of(np.arange(20)).excess_kurtosis == pytest.approx(-1.206015037594)
    assert math.isnan(normality.shape_of(np.ones(5)).skewness)


def test_float32_far_from_zero() -> None:
    x = (100 + 0.01 * np.random.default_rng(1).standard_normal(4000)).astype(np.float32)
    assert normality.shape_of(x).excess_kurtosis == pytest.approx(
        float(stats.kurtosis(x.astype(np.float64))), rel=1e-6
    )


def test_octiles_of_known_laws() -> None:
    grid = (np.arange(200_000) + 0.5) / 200_000
    normal = normality.robust_shape_of(3 * stats.norm.ppf(grid) + 1)
    assert (normal.median, normal.scale) == pytest.approx((1, 3), abs=1e-4)
    assert (normal.skewness, normal.excess_kurtosis) == pytest.approx((0, 0), abs=1e-4)
    # Moors (1988): 1 for the uniform law and 1.233 for the normal one
    assert normality.robust_shape_of(grid).excess_kurtosis == pytest.approx(1 - 1.2331, abs=1e-4)
    exponential = normality.robust_shape_of(-np.log(grid))
    assert exponential.skewness == pytest.approx(math.log(4 / 3) / math.log(3), abs=1e-4)


def test_energy_statistic_is_the_integral_of_squared_differences() -> None:
    x = np.array([-1.3, 0.2, 0.4, 2.5, 2.6])
    assert normality.energy_statistic(np.arange(20)) == pytest.approx(0.236632994246, abs=1e-12)
    z = np.sort((x - x.mean()) / x.std(ddof=1))

    def gap(t: float) -> float:
        return float(np.mean(z <= t) - stats.norm.cdf(t)) ** 2

    value, _ = integrate.quad(gap, -9, 9, points=z.tolist(), limit=200)
    assert normality.energy_statistic(x) == pytest.approx(2 * len(x) * value, rel=1e-7)
    with pytest.raises(ValueError, match="two different"):
        normality.energy_statistic(np.ones(4))


@pytest.mark.parametrize(("rows", "columns"), [(5, 7), (7, 5), (4, 4), (1, 3)])
def test_singular_values_are_those_of_gaussian_matrices(rows: int, columns: int) -> None:
    rng = np.random.default_rng(0)
    drawn = gaussian_singular_values(rows, columns, draws=3000, rng=rng)
    real = np.linalg.svd(rng.standard_normal((3000, rows, columns)), compute_uv=False)
    assert drawn.shape == real.shape
    for power in (1, 2, 4):
        a, b = drawn**power, real**power
        error = np.sqrt((a.var(0) + b.var(0)) / 3000)
        assert np.all(np.abs(a.mean(0) - b.mean(0)) < 4.5 * error)
    assert np.all(np.diff(drawn, axis=1) <= 0)


def test_marchenko_pastur_in_eigenvalues() -> None:
    tall = MarchenkoPastur(ratio=2.0)  # 400 x 200: eigenvalues of W^T W / 400
    squares = np.square(tall.edges)
    assert squares.tolist() == pytest.approx([0.085786437627, 2.914213562373], abs=1e-12)
    assert float(tall.cdf(1.0)) == pytest.approx(0.576004215104, abs=1e-12)
    assert float(MarchenkoPastur().cdf(1.0)) == pytest.approx(0.608997781, abs=1e-9)
