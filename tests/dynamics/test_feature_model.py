"""Contributions of features against published values, exact sums and limits."""

import itertools
import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from widthwise.dynamics.feature_model import (
    FiniteFeatures,
    bits_in_reach,
    class_shares,
    contribution_of,
    correlation_price,
    effective_samples,
    least_squares,
    minimum_norm,
    posterior_odds,
    samples_needed,
)

PROPORTIONS = st.floats(1e-9, 1 - 1e-9)


@pytest.mark.parametrize(
    ("p", "d", "share"),
    [
        (0.01, 50, 0.33557046979865773),
        (0.001, 200, 0.16680567139282734),
        (2.0**-10, 1023, 0.5),
        (2.0**-40, 1e12, 0.47630124395),
    ],
)
def test_share_of_perfect_features(p, d, share):
    assert float(least_squares(p, d).share) == pytest.approx(share, abs=1e-10)
    assert float(least_squares(p, d).test_error) == pytest.approx((1 - share) ** 2, abs=1e-10)


def test_a_trillion_samples_reach_forty_bits():
    assert float(bits_in_reach(1e12)) == pytest.approx(39.86313713864835, abs=1e-10)


@pytest.mark.parametrize(
    ("p", "d", "norm", "ratio"),
    [
        (0.01, 10, 1.5, 0.20522687189353855),
        (0.01, 10, 1.25, 0.5700746441487182),
        (0.01, 10, 1.1, 2.5510500185652636),
        (0.001, 16, 1.5, 0.04077799633355189),
        (0.001, 16, 1.2, 0.31090806446256697),
        (0.01, 10, 1, 5.171717171717172),
    ],
)
def test_ratio_under_other_norms(p, d, norm, ratio):
    assert float(minimum_norm(p, d, norm=norm).ratio) == pytest.approx(ratio, rel=1e-12)


@given(d=st.integers(1, 60), power=st.integers(2, 9))
def test_moments_of_sums_of_signs_are_exact(d, power):
    """Against exact rational arithmetic, at conjugate exponents that are whole."""
    terms = (Fraction(math.comb(d, k) * abs(d - 2 * k) ** power, 2**d) for k in range(d + 1))
    exact = Fraction(d) ** power / sum(terms)
    found = float(minimum_norm(0.5, d, norm=power / (power - 1)).ratio)
    assert found == pytest.approx(float(exact), rel=1e-9)


@given(p=PROPORTIONS, d=st.integers(1, 500))
def test_norms_lie_between_least_squares_and_bayes(p, d):
    ratios = [float(minimum_norm(p, d, norm=q).log_ratio) for q in (2, 1.5, 1.1, 1.01, 1)]
    assert ratios[0] == pytest.approx(float(least_squares(p, d).log_ratio), rel=1e-9, abs=1e-9)
    assert all(a <= b + 1e-9 * (1 + abs(b)) for a, b in itertools.pairwise(ratios))
    assert float(posterior_odds(p, d).log_ratio) == pytest.approx(ratios[-1] + math.log(2))


@pytest.mark.parametrize(
    ("bits", "needed"),
    [
        (6, [63, 22, 11, 8, 7, 6]),
        (8, [255, 55, 19, 11, 9, 8]),
        (10, [1023, 139, 34, 14, 11, 10]),
    ],
)
def test_samples_needed(bits, needed):
    norms = (2, 1.5, 1.25, 1.1, 1, "bayes")
    assert [samples_needed(bits, norm=norm) for norm in norms] == needed


@given(bits=st.floats(0.5, 30), norm=st.sampled_from([2, 1.3, "bayes"]))
def test_samples_needed_are_enough_and_no_more(bits, norm):
    bits = min(bits, 12) if norm == 1.3 else bits
    d = samples_needed(bits, norm=norm)
    assert float(contribution_of(bits, d, norm=norm).log_ratio) >= -1e-9
    assert d == 1 or float(contribution_of(bits, d - 1, norm=norm).log_ratio) < 1e-9


@pytest.mark.parametrize(
    ("sizes", "ratio"),
    [((1000, 10, 50), 1.882), ((500, 5, 400), 0.048), ((2000, 2, 200), 4.4975)],
)
def test_finitely_many_features(sizes, ratio):
    features, perfect, samples = sizes
    found = FiniteFeatures(features=features, perfect=perfect, samples=samples)
    assert found.random_over_perfect == pytest.approx(ratio, rel=1e-12)
    assert found.share == pytest.approx(1 / (1 + ratio), rel=1e-12)


def test_the_sign_is_right_before_the_size_is():
    found = FiniteFeatures(features=2000, perfect=2, samples=200)
    assert found.share == pytest.approx(0.18190086402910416, rel=1e-12)
    assert found.accuracy == pytest.approx(0.7475666404964174, rel=1e-12)
    assert found.test_error == pytest.approx(0.743692666, abs=1e-9)


def test_two_samples_of_coins_counted_exactly():
    """Of m coins k equal the labels up to sign, the others are orthogonal to them: 1 / s = k."""
    m = 6
    chances = [math.comb(m, k) / 2**m for k in range(1, m)]  # others cannot fit any labels
    mean = sum(k * chance for k, chance in enumerate(chances, 1)) / sum(chances)
    found = FiniteFeatures(features=m + 1, perfect=1, samples=2, entries="signs")
    assert found.random_over_perfect == pytest.approx(mean, rel=4 / m**2)


def test_quantiles_of_the_ratio():
    found = FiniteFeatures(features=60, perfect=2, samples=10)
    rng = np.random.default_rng(0)
    r = rng.standard_normal((4000, 10, 58))
    inverse = np.linalg.solve(r @ r.transpose(0, 2, 1), np.ones((4000, 10, 1)))
    ratio = 1 / (2 * inverse.sum(axis=(1, 2)))
    levels = np.array([0.1, 0.5, 0.9])
    below = [(ratio < limit).mean() for limit in found.quantile(levels)]
    np.testing.assert_allclose(below, levels, atol=4 * 0.5 / 4000**0.5)


def test_too_few_random_features_leave_all_to_the_perfect_ones():
    found = FiniteFeatures(features=20, perfect=2, samples=30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (found.share, found.accuracy, found.test_error) == (1.0, 1.0, 0.0)
        assert found.quantile(0.5) == 0


def test_labels_along_leading_directions_are_worth_few_samples():
    d = 40
    half = np.repeat([1.0, -1.0], d // 2)
    equal = 0.7 * np.eye(d) + 0.3
    near = 0.8 ** np.abs(np.subtract.outer(np.arange(d), np.arange(d)))
    expected = {
        (0.22308979364194, 57.14285714285715): (half, equal),
        (0.01558057102793, 3.1496062992125977): (np.ones(d), equal),
        (0.06670140698280, 14.222222222222227): (half, near),
    }
    for (share, worth), (labels, covariance) in expected.items():
        found = effective_samples(labels, covariance)
        assert found == pytest.approx(worth, rel=1e-12)
        assert float(least_squares(0.005, found).share) == pytest.approx(share, abs=1e-12)


def test_shares_of_classes():
    found = class_shares([0.002, 0.05, 0.948], [1.0, 0.4, 0.0], 60)
    np.testing.assert_allclose(found, [0.0754717, 0.3283019, 0.5962264], atol=1e-6)


@given(p=PROPORTIONS, d=st.floats(1, 1e9))
def test_two_classes_are_perfect_and_random(p, d):
    found = class_shares([p, 1 - p], [1.0, 0.0], d)
    assert found[0] == pytest.approx(float(least_squares(p, d).share), rel=1e-9)


@given(rho=st.floats(0.01, 1), d=st.floats(1e8, 1e12))
def test_a_correlation_costs_bits(rho, d):
    part = 2.0**-5
    bits = 2.0 ** -float(correlation_price(rho))
    mixed = class_shares([part, part * bits, 1 - part - part * bits], [rho, 1.0, 0.0], d)
    assert mixed[0] == pytest.approx(mixed[1], rel=2e-4 if rho > 0.03 else 0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: least_squares(0.0, 5), "proportion is 0"),
        (lambda: least_squares(1.0, 5), "above 0 and below 1"),
        (lambda: least_squares(0.1, 0), "samples is 0"),
        (lambda: minimum_norm(0.1, 2.5, norm=1.5), "whole numbers"),
        (lambda: minimum_norm(0.1, 5, norm=0.5), "norm is 0.5"),
        (lambda: posterior_odds(0.1, -1), "samples is -1"),
        (lambda: samples_needed(0), "bits is 0"),
        (lambda: samples_needed(70), "over 2\\^60"),
        (lambda: contribution_of(3, 5, norm="map"), "or 'bayes'"),  # pyright: ignore
        (lambda: bits_in_reach(0), "positive"),
        (lambda: FiniteFeatures(features=10, perfect=0, samples=5), "perfect is 0"),
        (lambda: FiniteFeatures(features=10, perfect=10, samples=5), "fewer than all"),
        (lambda: FiniteFeatures(features=10, perfect=1, samples=0), "samples is 0"),
        (lambda: FiniteFeatures(features=9, perfect=1, samples=3).quantile(1), "level is 1"),
        (lambda: effective_samples([1, 0], np.eye(2)), "each 1 or -1"),
        (lambda: effective_samples([1, -1], np.ones((2, 2))), "not positive definite"),
        (lambda: effective_samples([1, -1], np.eye(3)), "shape"),
        (lambda: class_shares([0.5, 0.6], [1.0, 0.0], 5), "sum 1"),
        (lambda: class_shares([0.5, 0.5], [1.1, 0.0], 5), "from -1 to 1"),
        (lambda: class_shares([1.0], [1.0, 0.0], 5), "shapes"),
        (lambda: correlation_price(0.0), "without 0"),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
