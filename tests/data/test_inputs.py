"""Inputs of unit scale, and the hypercube."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from widthwise import data

IMAGES = arrays(np.uint8, (3, 4, 5), elements=st.integers(0, 255)).filter(
    lambda a: bool(np.all(np.ptp(a, axis=(1, 2)) > 0))
)


@given(IMAGES, st.booleans())
@settings(deadline=None, max_examples=30)
def test_unit_inputs_have_the_length_of_their_dimension(images, subtract_mean):
    x = data.as_unit_inputs(images, subtract_mean=subtract_mean)
    assert x.shape == (3, 20)
    np.testing.assert_allclose(jnp.sum(x**2, axis=1), 20.0)


def test_correlation_of_centred_images_is_pearsons():
    images = np.random.default_rng(0).integers(0, 256, (4, 6, 6))
    x = data.as_unit_inputs(images, subtract_mean=True)
    np.testing.assert_allclose(x @ x.T / 36, np.corrcoef(images.reshape(4, -1)))


def test_scale_of_an_image_does_not_matter():
    images = np.random.default_rng(0).normal(size=(2, 9))
    x = data.as_unit_inputs(images)
    np.testing.assert_allclose(data.as_unit_inputs(jnp.asarray(3 * images)), x)


@pytest.mark.parametrize(("value", "subtract_mean"), [(0.0, False), (7.0, True), (np.nan, False)])
def test_image_without_a_scale_is_refused(value, subtract_mean):
    images = np.random.default_rng(0).normal(size=(3, 2, 2))
    images[1] = value
    with pytest.raises(ValueError, match="Image 1"):
        data.as_unit_inputs(images, subtract_mean=subtract_mean)


@pytest.mark.parametrize("m", [1, 2, 7])
def test_hypercube_lists_every_vertex_once(m):
    x = np.asarray(data.hypercube(m))
    assert x.shape == (2**m, m)
    assert set(np.unique(x)) == {-1.0, 1.0}
    assert len(np.unique(x, axis=0)) == 2**m
    np.testing.assert_array_equal(x, -x[::-1])


@pytest.mark.parametrize("m", [0, 21, -1])
def test_impossible_dimension_is_refused(m):
    with pytest.raises(ValueError, match="1 to 20"):
        data.hypercube(m)
