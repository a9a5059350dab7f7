"""Statistics of matrices whose deviations from noise were planted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise.observables.weight_statistics import layer_statistics, sentences, verdict
from widthwise.observables.weight_statistics.entries import entry_null
from widthwise.observables.weight_statistics.plain import STATISTICS, numbers_of
from widthwise.observables.weight_statistics.spectrum import spectrum_null

SHAPE = (40, 60)
RNG = np.random.default_rng(1)
NOISE = RNG.standard_normal(SHAPE)


def test_noise_is_noise_at_any_scale_and_turned() -> None:
    found = layer_statistics(NOISE)
    assert verdict(found) == "like noise"
    assert found.spectrum.outliers == found.entries.outliers == found.shuffled_outliers == 0
    other = layer_statistics(1e-6 * NOISE.T)
    for name, number in numbers_of(found).items():
        twin = {"rows": "columns", "columns": "rows"}.get(name, name)
        assert getattr(other, twin).value == pytest.approx(number.value, rel=1e-6, abs=1e-9), name
        assert number.low < number.median < number.high
    assert any("cannot be told from Gaussian" in words for words in sentences(found))


def test_one_huge_entry_is_found_and_listed() -> None:
    matrix = NOISE.copy()
    matrix[3, 17] = -40.0
    found = layer_statistics(matrix)
    (entry,) = found.entries.largest
    assert (entry.row, entry.column, entry.value) == (3, 17, -40.0)
    assert entry.deviations == pytest.approx(-40, rel=0.05)
    assert found.kurtosis.value > 100
    assert found.inner_kurtosis.ordinary
    assert found.quantile_kurtosis.ordinary
    # it makes a singular value of its own, wherever it stands
    assert found.spectrum.outliers == found.shuffled_outliers == 1
    assert verdict(found) == "huge entries, 1 outlier"
    assert "row 3, column 17" in sentences(found)[0]


def test_a_spike_is_a_singular_value_and_no_matter_of_entries() -> None:
    u, v = RNG.choice([-1.0, 1.0], SHAPE[0]), RNG.choice([-1.0, 1.0], SHAPE[1])
    strength = 2.0  # theta: it leaves the bulk beyond (40 / 60)^(1/4)
    matrix = NOISE + strength * np.outer(u, v) / SHAPE[0] ** 0.5
    found = layer_statistics(matrix)
    assert found.spectrum.outliers == 1
    assert found.shuffled_outliers == 0
    # Benaych-Georges and Nadakuditi (2012), for entries of variance 1 and W W^T / 60
    y = SHAPE[0] / SHAPE[1]
    expected = (1 + strength**2) * (y + strength**2) / strength**2
    square = found.spectrum.singular_values[0] ** 2 * SHAPE[0] / SHAPE[1]
    assert square == pytest.approx(expected, rel=0.2)
    assert "1 singular value of 40 lies beyond" in " ".join(sentences(found))


def test_rows_of_unequal_mean_and_unequal_size() -> None:
    shifted = layer_statistics(NOISE + RNG.standard_normal((SHAPE[0], 1)))
    assert shifted.rows.beyond_all == 1
    assert shifted.rows.value == pytest.approx(SHAPE[1] + 1, rel=0.6)
    assert shifted.columns.ordinary
    assert "means of rows vary" in " ".join(sentences(shifted))
    sized = layer_statistics(NOISE * RNG.lognormal(0, 1.0, (SHAPE[0], 1)))
    assert sized.bulk_distance.beyond_all == 1
    assert sized.kurtosis.beyond_all == 1


def test_uniform_entries_have_light_tails_and_the_same_spectrum() -> None:
    found = layer_statistics(RNG.uniform(-1, 1, SHAPE))
    assert verdict(found) == "light tails"
    assert found.kurtosis.value == pytest.approx(-1.2, abs=0.1)
    assert found.energy.beyond_all == 1
    assert "uniform ones have -1.2" in sentences(found)[0]


def test_a_tied_matrix_is_recognized() -> None:
    square = RNG.standard_normal((40, 40))

    def p_value(matrix: np.ndarray) -> float:
        tied = layer_statistics(matrix).tied
        assert tied is not None
        return tied.p_value

    assert p_value(square) > 1e-3
    found = layer_statistics(square + 0.8 * square.T)
    assert p_value(square + 0.8 * square.T) < 1e-20
    assert p_value(square + square.T) == 0
    assert "Rows and columns are tied" in " ".join(sentences(found))
    assert layer_statistics(NOISE).tied is None


def test_null_distributions_are_those_of_noise() -> None:
    """Means and spreads of all statistics on real random matrices."""
    draws = [layer_statistics(RNG.standard_normal((12, 16))) for _ in range(50)]
    nulls = entry_null(12 * 16) | spectrum_null(12, 16, 300)
    for name, null in nulls.items():
        values = np.array([numbers_of(one)[name].value for one in draws])
        a, b = values, null
        if min(null.min(), values.min()) > 0:
            a, b = np.log(values), np.log(null)
        error = np.sqrt(a.var() / len(a) + b.var() / len(b))
        assert abs(a.mean() - b.mean()) < 4.5 * error, name
        assert 0.6 < a.std() / b.std() < 1.6, name


@pytest.mark.slow
def test_tests_reject_noise_at_their_nominal_rate() -> None:
    """Both ends of every null distribution, at nominal 5 %, over 2,000 random matrices."""
    rng, rejected = np.random.default_rng(7), dict.fromkeys(STATISTICS, 0)
    for _ in range(2000):
        found = layer_statistics(rng.standard_normal((24, 32)), draws=4999)
        for name, number in numbers_of(found).items():
            rejected[name] += not number.ordinary
    rates = {name: count / 2000 for name, count in rejected.items()}
    assert all(0.035 <= rate <= 0.065 for rate in rates.values()), rates


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_permutations_of_neurons_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_t(3, (12, 16))
    moved = matrix[rng.permutation(12)][:, rng.permutation(16)]
    first, second = (layer_statistics(one) for one in (matrix, moved))
    for name, number in numbers_of(first).items():
        assert getattr(second, name).value == pytest.approx(number.value, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(
    ("matrix", "match"),
    [
        (np.ones((20, 20)), "all entries of the matrix are equal"),
        (np.full((9, 9), np.nan), "81 entries of the matrix are not finite, the first in row 0"),
        (np.where(np.eye(9) > 0, np.inf, 0.0), "9 entries of the matrix are not finite"),
        (np.ones((7, 20)), "at least 8 x 8"),
        (np.ones((9, 9, 9)), r"shape \(9, 9, 9\)"),
    ],
)
def test_what_has_no_statistics_is_refused(matrix: np.ndarray, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        layer_statistics(matrix)
    with pytest.raises(ValueError, match="at least 19"):
        layer_statistics(NOISE, draws=5)


def test_matrices_of_low_rank_and_few_values() -> None:
    """Entries that are rounded, many zeros, and singular values that vanish."""
    sparse = np.where(RNG.random(SHAPE) < 0.05, NOISE, 0.0)
    assert np.isfinite(layer_statistics(sparse).kurtosis.value)
    assert sentences(layer_statistics(sparse))
    rank_one = layer_statistics(np.outer(NOISE[:, 0], NOISE[0]))
    assert rank_one.stable_rank.value == pytest.approx(1.0)
    assert sentences(rank_one)
    assert verdict(layer_statistics(np.sign(NOISE))).startswith("light tails")
