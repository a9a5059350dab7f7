"""Randomly pivoted Cholesky against dense linear algebra."""

import numpy as np
import pytest

from widthwise.numerics.low_rank import pivoted_cholesky, shifted_inverse

RNG = np.random.default_rng(0)


class Given:
    """A matrix that counts how many of its entries are asked for."""

    def __init__(self, matrix):
        self.matrix, self.asked = matrix, 0

    def diagonal(self):
        return np.diagonal(self.matrix)

    def block(self, rows, columns):
        found = self.matrix[rows][:, columns]
        self.asked += found.size
        return found


def with_spectrum(eigenvalues):
    modes = np.linalg.qr(RNG.standard_normal((len(eigenvalues),) * 2))[0]
    return modes * eigenvalues[None] @ modes.T


def test_a_matrix_of_low_rank_is_found_exactly_from_few_entries():
    factor = RNG.standard_normal((400, 7)) * 10.0 ** -(np.arange(7)[None] ** 0.5)
    given = Given(factor @ factor.T)
    found = pivoted_cholesky(given, 50)
    assert found.factor.shape == (400, 7)
    np.testing.assert_allclose(found.factor @ found.factor.T, given.matrix, atol=1e-10)
    assert found.left < 1e-10
    assert given.asked < given.matrix.size / 2


def test_the_rest_is_positive_falls_with_rank_and_vanishes_at_the_pivots():
    matrix = with_spectrum(1.0 / (1 + np.arange(200.0)) ** 2)
    left = []
    for rank in (10, 30, 90):
        found = pivoted_cholesky(Given(matrix), rank, seed=rank)
        rest = matrix - found.factor @ found.factor.T
        assert found.factor.shape[1] == rank == len(set(found.pivots))
        assert np.linalg.eigvalsh(rest).min() > -1e-12
        assert np.abs(rest[found.pivots]).max() < 1e-12
        left.append(np.trace(rest) / np.trace(matrix))
        assert found.left == pytest.approx(left[-1], rel=1e-6)
        best = np.linalg.eigvalsh(matrix)[:-rank].sum() / np.trace(matrix)
        assert best < left[-1] < 4 * best
    assert left == sorted(left, reverse=True)


def test_pivots_are_drawn_in_proportion_to_the_diagonal():
    weights = np.repeat([1.0, 3.0], 10)
    first = [pivoted_cholesky(Given(np.diag(weights)), 1, seed=s).pivots[0] for s in range(150)]
    share = np.mean(np.array(first) >= 10)
    assert abs(share - 0.75) < 4 * np.sqrt(0.75 * 0.25 / 150)


def test_shifted_inverse():
    factor = RNG.standard_normal((30, 4))
    v = RNG.standard_normal((30, 2))
    expected = np.linalg.solve(factor @ factor.T + 0.01 * np.eye(30), v)
    np.testing.assert_allclose(shifted_inverse(factor, 0.01)(v), expected, rtol=1e-9)


def test_refusals():
    with pytest.raises(ValueError, match="rank is 0"):
        pivoted_cholesky(Given(np.eye(3)), 0)
    with pytest.raises(ValueError, match="positive semi-definite"):
        pivoted_cholesky(Given(-np.eye(3)), 1)
    with pytest.raises(ValueError, match="finite entries"):
        pivoted_cholesky(Given(np.diag([1.0, np.nan])), 1)
    assert pivoted_cholesky(Given(np.zeros((3, 3))), 2).factor.shape == (3, 0)
