"""Gaps of near pairs are taken from differences, whether few or many."""

import jax.numpy as jnp
import numpy as np
import pytest

from widthwise.networks import coincidence
from widthwise.networks.coincidence import cosines, exact_gap, refined, rough_gaps


@pytest.mark.parametrize("few", [1, 128])
def test_near_pairs_are_refined_and_the_others_kept(few, monkeypatch):
    monkeypatch.setattr(coincidence, "_FEW", few)
    angles = np.array([0.0, 1e-7, 2e-7, 1.0, 3.0])
    x = jnp.asarray(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    rough, near = rough_gaps(cosines(2.5 * x, x), jnp.asarray(True))
    assert int(jnp.sum(near)) == 6
    gap = refined(rough, near, x, x)
    expected = 2 * np.sin((angles[:, None] - angles[None, :]) / 2) ** 2
    np.testing.assert_allclose(gap[:3, :3], expected[:3, :3], rtol=1e-7)
    np.testing.assert_allclose(gap, expected, rtol=1e-7, atol=1e-15)
    np.testing.assert_array_equal(jnp.where(near, 0.0, gap), jnp.where(near, 0.0, rough))
    assert np.max(np.abs(rough[:3, :3] / np.maximum(expected[:3, :3], 1e-30) - 1)) > 1e-4


def test_gap_of_equal_and_of_zero_inputs():
    x = jnp.array([[0.3, 0.7], [0.0, 0.0]])
    np.testing.assert_array_equal(exact_gap(x, x), [0.0, 1.0])
