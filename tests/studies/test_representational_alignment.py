"""The study's own arithmetic: exact solutions, training, real samples, and what it predicts."""

import jax
import numpy as np
import pytest

from widthwise.studies import RepresentationalAlignment
from widthwise.studies.representational_alignment import (
    channels,
    common,
    dip,
    linear,
    networks,
    nonlinear,
    real,
    samples,
)


def test_exact_solutions_are_those_of_numpy():
    rng = np.random.default_rng(0)
    for p in (4, 6, 9):
        x, y = rng.standard_normal((p, 6)), rng.standard_normal((p, 2))
        np.testing.assert_allclose(networks.minimum_norm(x, y), np.linalg.pinv(x) @ y, atol=1e-8)
        ridge = np.linalg.solve(x.T @ x / p + 0.3 * np.eye(6), x.T @ y / p)
        np.testing.assert_allclose(networks.minimum_norm(x, y, ridge=0.3), ridge, atol=1e-9)
        w = np.zeros((6, 2))
        for _ in range(4000):  # gradient flow by small steps, with the error of their size
            w = w - 5e-4 * x.T @ (x @ w - y) / p
        (found,) = networks.stopped(x, y, times=[2.0])
        np.testing.assert_allclose(found, w, atol=5e-3)


def test_overlaps_of_pairs():
    w = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 2.0]])
    np.testing.assert_allclose(networks.overlaps(w), [0.5**0.5, 0.0, 0.5**0.5], atol=1e-12)
    x = np.array([[1.0, 2.0], [3.0, -1.0], [0.0, 1.0]])
    dead = np.zeros_like(x)
    cka, signed, count = networks.mean_alignment([x, 2 * x, dead], [x[:, 0], -x[:, 0], x[:, 1]])
    assert [cka, signed, count] == pytest.approx([1.0, -1.0, 1])
    assert np.isnan(networks.mean_alignment([dead, x], [x[:, 0], x[:, 0]])[0])


def test_padding_and_scaling_do_not_change_training():
    """The same samples, given once and twice, are one problem."""
    rng = np.random.default_rng(1)
    x, y, tests = rng.standard_normal((5, 3)), rng.standard_normal((5, 1)), np.eye(3)
    net = networks.linear_network(4, 0.5)
    once, twice = (
        networks.trained(
            net,
            np.concatenate([x] * times),
            np.concatenate([y] * times),
            tests,
            key=jax.random.key(0),
            steps=50,
            optimizer=networks.DESCENT,
        )
        for times in (1, 2)
    )
    np.testing.assert_allclose(once.hidden, twice.hidden, atol=1e-5)
    np.testing.assert_allclose(once.loss, twice.loss, rtol=1e-4)


def test_hidden_layers_of_several_outputs_are_roots():
    w = np.random.default_rng(2).standard_normal((6, 3))
    layer = channels._hidden(w)
    np.testing.assert_allclose(layer @ layer.T @ layer @ layer.T, w @ w.T, atol=1e-9)


def test_real_samples():
    ground = samples.terrain()
    assert ground.x.shape[1] == real.DIRECTIONS
    assert len(ground.x) > 5000
    np.testing.assert_allclose(np.var(np.concatenate([ground.y, ground.y_test])), 1.0, rtol=0.1)
    pool = samples.images(10, whitened=True)
    np.testing.assert_allclose(np.cov(pool.x.T, ddof=0), np.eye(10), atol=1e-9)
    assert set(pool.y) == {-1.0, 1.0}
    assert pool.y.mean() == pytest.approx(0.2)  # six of ten classes are clothes


def test_points_of_the_default():
    study = RepresentationalAlignment()
    assert dip.pair(study) == [12, 108]
    assert len(linear.grid(study)) * study.snr_levels == 600
    assert min(abs(p - study.inputs) for p in linear.grid(study)) == 15
    assert nonlinear.sizes(study) == [20, 50, 110, 900]
    assert common.next_order(100, 50) == 2 / 50
    assert linear.levels(study)[study.snr_levels // 2] == pytest.approx(5.0)
    found = dip.predict(study).sel(samples=dip.pair(study))
    np.testing.assert_allclose(found.overlap, 0.8, atol=1e-12)
    np.testing.assert_allclose(found.test_error, [0.85, 0.25], atol=1e-12)


def test_impossible_parameters_are_refused():
    with pytest.raises(ValueError, match="snr_levels is 4: give an odd number"):
        RepresentationalAlignment(snr_levels=4)
    with pytest.raises(ValueError, match="numbers below and above 110"):
        RepresentationalAlignment(nonlinear_samples=(200, 400))
