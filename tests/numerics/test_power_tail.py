"""Power-law tails against the definition, written out, and against known values."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise.numerics.power_tail import fit_power_tail

HUNDREDTHS = st.integers(1, 10_000).map(lambda count: count / 100)


def slow_fit(values) -> tuple[float, float, float]:
    x = sorted(value for value in values if value > 0)
    best = (math.inf, 0.0, 0.0)
    for smallest in sorted(set(x))[:-1]:
        tail = [value for value in x if value >= smallest]
        exponent = 1 + len(tail) / sum(math.log(value / smallest) for value in tail)
        gaps = [
            abs(1 - (value / smallest) ** (1 - exponent) - j / len(tail))
            for j, value in enumerate(tail)
        ]
        best = min(best, (max(gaps), exponent, smallest))
    return best


def test_powers_of_two() -> None:
    fit = fit_power_tail(2.0 ** np.arange(8), smallest=1)
    assert fit.exponent == pytest.approx(1.412198583111, abs=1e-12)
    assert fit.distance == pytest.approx(0.200627154323, abs=1e-12)
    assert (fit.smallest, fit.count) == (1.0, 8)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(HUNDREDTHS, min_size=3, max_size=30, unique=True), st.floats(0.1, 10))
def test_the_best_start_and_no_scale(values: list[float], scale: float) -> None:
    fit = fit_power_tail(values)
    distance, exponent, smallest = slow_fit(values)
    assert fit.distance == pytest.approx(distance, rel=1e-9)
    assert (fit.exponent, fit.smallest) == pytest.approx((exponent, smallest), rel=1e-9)
    assert fit_power_tail(scale * np.array(values)).distance == pytest.approx(distance, rel=1e-6)


def test_a_true_power_law_is_found() -> None:
    sample = (1 - np.random.default_rng(0).random(4000)) ** (-1 / 1.5)  # exponent 2.5 from 1 on
    fit = fit_power_tail(sample)
    assert fit.exponent == pytest.approx(2.5, abs=4 * 1.5 / math.sqrt(fit.count))


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0], [0.0, 1.0], [1.0, -1.0], [1.0, math.nan]])
def test_too_little_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="power law"):
        fit_power_tail(values)
