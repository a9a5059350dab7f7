"""Measured spectra: against matrices built with given singular values, and random ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise.observables import (
    edge_scale,
    measured_escape_step,
    monitor,
    outlier_threshold,
    weight_spectra,
)

RNG = np.random.default_rng(3)


def with_values(values, n, d):
    left = np.linalg.qr(RNG.standard_normal((n, len(values))))[0]
    right = np.linalg.qr(RNG.standard_normal((d, len(values))))[0]
    return left, right, n**0.5 * left * values[None] @ right.T


@pytest.mark.parametrize("top", [None, 3])
def test_given_singular_values_and_vectors(top):
    """Both ways to compute them: all by LAPACK, the leading ones by Lanczos."""
    values = np.array([5.0, 3.0, 2.0, *np.linspace(1, 0.1, 21)])
    left, right, matrix = with_values(values, 40, 30)
    found = weight_spectra(
        matrix[None], top=top, left_directions=3 * left.T[None, :3], right_directions=right.T[None]
    )
    expected = values[:3] if top else np.append(values, np.zeros(6))
    np.testing.assert_allclose(found.singular_values, expected[None], atol=1e-10)
    assert found.left_overlaps is not None
    np.testing.assert_allclose(found.left_overlaps[0, :3], np.eye(3), atol=1e-9)
    assert found.right_overlaps is not None
    np.testing.assert_allclose(found.right_overlaps[0, :3], np.eye(24)[:3], atol=1e-9)
    assert found.change is None
    assert found.captured is None
    assert found.effective_rank is None


@given(rank=st.integers(1, 8), scale=st.floats(0.01, 100))
@settings(deadline=None, max_examples=10)
def test_rank_of_a_change(rank, scale):
    """Equal singular values: the effective rank is their number, whatever their size."""
    _, _, change = with_values(np.full(rank, scale), 12, 9)
    start = np.zeros((12, 9))
    found = weight_spectra(np.stack([change, start]), initial=start)
    assert found.effective_rank is not None
    assert found.captured is not None
    assert found.effective_rank[0] == pytest.approx(rank, rel=1e-6)
    assert found.captured[0, 0] == pytest.approx(1 / rank)
    assert found.captured[0, rank - 1] == pytest.approx(1)
    assert np.isnan(found.effective_rank[1])
    assert np.all(np.isnan(found.captured[1]))


def test_threshold_of_square_matrices():
    for n in (50, 1000):
        assert outlier_threshold(n, n, sigma=0.5) == pytest.approx(1 + 2 * n ** (-2 / 3))
        assert edge_scale(n, n) == pytest.approx(2 ** (-5 / 3) * n ** (-2 / 3))
    largest = [[0.9, 1.0, 1.1], [0.9, 1.03, 0.9]]
    steps = measured_escape_step(largest, [5, 7, 9], rows=1000, sigma=0.5)
    np.testing.assert_array_equal(steps, [9.0, 7.0])
    assert np.isnan(measured_escape_step([1.9, 1.99], [0, 1], rows=100))


@pytest.mark.parametrize("shape", [(60, 60), (90, 30)])
def test_fluctuations_at_the_edge(shape):
    """Mean and standard deviation of the largest singular value by the Tracy-Widom law."""
    n, d = shape
    found = weight_spectra(RNG.standard_normal((150, *shape)), top=1)
    largest = found.singular_values[:, 0]
    edge = 1 + (d / n) ** 0.5
    z = (largest / edge - 1) / edge_scale(n, d)
    # mean -1.21, deviation 1.27, with corrections of order N^(-2/3)
    assert abs(z.mean() + 1.21) < 4 * 1.27 / 150**0.5 + 0.15
    assert 0.95 < z.std() < 1.6
    assert largest.max() < outlier_threshold(n, d)


def test_monitor_finds_what_was_planted():
    noise = 0.3 * RNG.standard_normal((120, 200))
    u, v = RNG.standard_normal((2, 120)), RNG.standard_normal((2, 200))
    spikes = [0.0, 0.12, 3.0]
    checkpoints = [noise + s * u.T @ v / 20 for s in spikes]
    found = monitor(checkpoints, steps=[0, 10, 100])
    np.testing.assert_array_equal(found.outliers, [0, 0, 2])
    np.testing.assert_allclose(found.sigma, 0.3, rtol=0.03)
    np.testing.assert_allclose(found.edge, 0.3 * (1 + (200 / 120) ** 0.5), rtol=0.03)
    assert np.all(found.bulk_distance < 0.06)
    assert found.excess[2, 0] > 20
    assert np.isnan(found.effective_rank[0])
    assert 1 < found.effective_rank[2] < 2.01
    np.testing.assert_array_equal(found.step, [0, 10, 100])


def test_monitor_sees_a_deformed_bulk():
    noise = RNG.standard_normal((150, 150))
    planted = RNG.standard_normal((150, 60)) @ RNG.standard_normal((60, 150)) / 150**0.5
    found = monitor([noise, noise + 2 * planted])
    assert found.bulk_distance[0] < 0.03
    assert found.bulk_distance[1] > 0.08


def test_refusals():
    square = np.ones((2, 3, 3))
    for arguments, words in (
        ({"weights": np.ones(3)}, "weights has shape"),
        ({"weights": square * np.nan}, "not finite"),
        ({"weights": square, "top": 4}, "top is 4"),
        ({"weights": square, "initial": np.ones((3, 2))}, "initial has shape"),
        ({"weights": square, "left_directions": np.ones((2, 1, 4))}, r"\(\.\.\., m, 3\)"),
        ({"weights": square, "right_directions": np.zeros((2, 1, 3))}, "points nowhere"),
    ):
        with pytest.raises(ValueError, match=words):
            weight_spectra(**arguments)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="one value for each step"):
        measured_escape_step([1.0, 2.0], [0, 0], rows=10)
    with pytest.raises(ValueError, match="checkpoints is empty"):
        monitor([])
    with pytest.raises(ValueError, match="matrices of one shape"):
        monitor([np.eye(2), np.eye(3)])
    with pytest.raises(ValueError, match="give one each"):
        monitor([np.eye(2)], steps=[0, 1])
