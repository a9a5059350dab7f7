"""Functions of the gap against 90 digits, at both ends and between."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from widthwise.numerics.gap import arc_cosine_gap, arcsine, turn, turn_and_sine

GAPS = np.concatenate([[0.0], np.logspace(-35, -1, 40), np.linspace(0.1, 2.0, 41)])


def reference(f, dtype):
    with mp.workdps(90):
        return np.array([float(f(mp.mpf(float(u)))) for u in GAPS.astype(dtype)])


def exact_turn(u):
    return 2 * mp.asin(mp.sqrt(u / 2)) / mp.pi


def exact_arc_cosine_gap(u):
    t = 2 * mp.asin(mp.sqrt(u / 2))
    return 1 - (mp.sin(t) + (mp.pi - t) * mp.cos(t)) / mp.pi


@pytest.mark.parametrize(("dtype", "error"), [("float64", 3e-15), ("float32", 4e-7)])
@pytest.mark.parametrize(
    ("f", "exact"), [(turn, exact_turn), (arc_cosine_gap, exact_arc_cosine_gap)]
)
def test_relative_accuracy(f, exact, dtype, error):
    found = np.asarray(f(jnp.asarray(GAPS, dtype)))
    expected = reference(exact, dtype)
    assert found.dtype == dtype
    allowed = error * np.abs(expected) + np.finfo(dtype).tiny
    assert np.all(np.abs(found - expected) <= allowed)


def test_sines_keep_their_digits_at_both_ends():
    small = jnp.logspace(-30, -1, 30)
    near, far = turn_and_sine(small, 2.0 - small), turn_and_sine(2.0 - small, small)
    sines = np.sqrt(np.asarray(small) * (2.0 - np.asarray(small)))
    np.testing.assert_allclose(near[1], sines, rtol=1e-15)
    np.testing.assert_allclose(far[1], sines, rtol=1e-15)
    np.testing.assert_allclose(near[0] + far[0], 1.0, rtol=1e-15)
    slopes = jax.vmap(jax.grad(lambda gap, rest: turn_and_sine(gap, rest)[1]))(small, 2.0 - small)
    np.testing.assert_allclose(slopes, (1.0 - np.asarray(small)) / sines, rtol=1e-14)


def test_derivatives_are_finite_at_both_ends():
    ends = jnp.array([0.0, 1e-30, 1.0, 2.0])
    for f in (turn, arc_cosine_gap):
        slopes = jax.vmap(jax.grad(f))(ends)
        assert np.all(np.isfinite(slopes))
        assert np.all(np.isfinite(jax.vmap(jax.grad(jax.grad(f)))(ends)))
    np.testing.assert_allclose(jax.vmap(jax.grad(arc_cosine_gap))(ends)[2], 0.5)


@pytest.mark.parametrize(("dtype", "error"), [("float64", 1e-15), ("float32", 5e-7)])
def test_arcsine(dtype, error):
    t = np.concatenate([-np.logspace(-30, 0, 50), [0.0], np.linspace(0.01, 1.0, 100)]).astype(dtype)
    np.testing.assert_allclose(arcsine(jnp.asarray(t)), np.arcsin(t.astype(float)), rtol=error)
    assert np.all(np.isfinite(jax.vmap(jax.grad(arcsine))(jnp.array([-1.0, 0.0, 1.0]))))
