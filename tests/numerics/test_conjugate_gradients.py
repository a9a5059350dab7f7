"""Conjugate gradients against dense solves."""

import numpy as np
import pytest

from widthwise.numerics.conjugate_gradients import conjugate_gradients, first_iterate

RNG = np.random.default_rng(1)
N = 60
MODES = np.linalg.qr(RNG.standard_normal((N, N)))[0]
MATRIX = MODES * np.geomspace(1e-2, 1e2, N)[None] @ MODES.T
Y = RNG.standard_normal((N, 3)) * np.array([[1.0, 1e3, 0.0]])


def iterates(precondition=np.copy, relative=1e-10, matrix=MATRIX):
    start = first_iterate(Y.copy(), precondition)
    below = relative * np.linalg.norm(Y, axis=0)
    return list(conjugate_gradients(lambda v: matrix @ v, precondition, start, below=below))


@pytest.mark.parametrize("scale", [np.ones(N), np.linspace(1, 2, N)])
def test_every_right_hand_side_is_solved(scale):
    found = iterates(lambda v: v / scale[:, None])
    np.testing.assert_allclose(found[-1].solution, np.linalg.solve(MATRIX, Y), rtol=1e-6, atol=1e-9)
    assert [iterate.iteration for iterate in found] == list(range(1, len(found) + 1))
    error = Y - MATRIX @ found[-1].solution
    assert np.all(np.linalg.norm(error, axis=0) <= 2e-10 * np.linalg.norm(Y, axis=0))


def test_a_good_preconditioner_saves_iterations():
    exact = np.linalg.inv(MATRIX)
    assert len(iterates(lambda v: exact @ v)) <= 2
    assert len(iterates()) > 30


def test_it_goes_on_from_any_iterate_with_the_same_digits():
    found = iterates()
    below = 1e-10 * np.linalg.norm(Y, axis=0)
    rest = list(conjugate_gradients(lambda v: MATRIX @ v, np.copy, found[9], below=below))
    for again, once in zip(rest, found[10:], strict=True):
        for name in ("solution", "residual", "direction", "products"):
            np.testing.assert_array_equal(getattr(again, name), getattr(once, name))


def test_the_vectors_of_the_product_are_those_not_converged():
    widths = []

    def multiply(v):
        widths.append(v.shape[1])
        return MATRIX @ v

    y = np.stack([MODES[:, 0], Y[:, 0]], axis=1)  # the first is an eigenvector
    start = first_iterate(y.copy(), np.copy)
    list(conjugate_gradients(multiply, np.copy, start, below=np.full(2, 1e-10)))
    assert widths[:2] == [2, 1]


def test_what_it_refuses():
    with pytest.raises(ValueError, match="not positive definite"):
        iterates(matrix=MATRIX - 50 * np.eye(N))
    with pytest.raises(ValueError, match="not finite"):
        iterates(matrix=MATRIX * np.nan)
