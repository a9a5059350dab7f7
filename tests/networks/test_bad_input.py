"""What the kernels of a network do not accept: one clear error each, before they are computed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import activations
from widthwise import networks as nn
from widthwise.numerics import memory

SERIES = np.ones((2, 5, 3))
HOLED = np.where(np.arange(3) == 1, np.nan, SERIES)


def dense(x1, x2=None, **options):
    return nn.Sequential(nn.Dense(4), nn.Relu(), nn.Dense(1)).kernel(x1, x2, **options)


def pooled(x1, x2=None, strides=1, **options):
    convolution = nn.Conv(4, 3, strides=strides)
    return nn.Sequential(convolution, nn.Relu(), nn.GlobalAvgPool()).kernel(x1, x2, **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dense(np.array([[1.0, np.inf]])), "x1 has 1 numbers that are not finite among 2"),
        (lambda: pooled(SERIES, HOLED), "x2 has 10 numbers that are not finite"),
        (lambda: nn.Sequential(nn.Dense(1)).kernel_operator(HOLED[0]), "not finite"),
        (lambda: pooled(SERIES + 0j), "x1 is complex128"),
        (lambda: pooled(SERIES.astype(int)), "x1 is int"),
        (lambda: pooled(SERIES, SERIES[:, :4]), "inputs of one shape"),
        (lambda: pooled(SERIES, SERIES[0]), "inputs of one shape"),
        (lambda: pooled(SERIES, SERIES[:1], diagonal=True), "there are 2 and 1"),
        (lambda: nn.Conv(4, 3, padding="same"), "SAME, VALID, CIRCULAR; did you mean 'SAME'"),
        (lambda: nn.AvgPool(2, padding="VALLID"), "did you mean 'VALID'"),
        (lambda: nn.SelfAttention(4, mechanism="sofmax"), "abs; did you mean 'softmax'"),
        (lambda: nn.Parallel(nn.Relu(), nn.Relu(), join="add"), "one of sum, product, conc"),
        (lambda: nn.Elementwise(activations.from_function(lambda z: jnp.exp(z**2))), "grows so"),
        (lambda: pooled(np.ones((1, 700, 700, 1)), strides=2), "490000 positions .* about 23 TB"),
        (lambda: pooled(np.ones((1, 3000, 3000, 1))), "90.* positions would take about"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_compiled_functions_are_let_through():
    """Values that are not known yet cannot be refused: their kernels are NaN, the others not."""
    spoiled = SERIES.copy()
    spoiled[1, 2, 0] = np.nan
    convolutional = nn.Sequential(nn.Conv(4, 3), nn.LayerNorm(), nn.Relu(), nn.Flatten())
    kernel = jax.jit(convolutional.kernel)(spoiled)
    for k in kernel:
        np.testing.assert_array_equal(np.isnan(k), [[False, True], [True, True]])
    compiled = jax.jit(lambda x: nn.Sequential(nn.Dense(1)).kernel(x).nngp)
    assert compiled(jnp.asarray(HOLED[0])).shape == (5, 5)


def test_only_all_pairs_of_positions_are_estimated(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 5000)
    flat = nn.Sequential(nn.Conv(4, 1), nn.Flatten())
    assert flat.kernel(SERIES).nngp.shape == (2, 2)
    # Two kernels before and after a layer, of 4 pairs of examples and their own: 25 x 8 bytes each.
    with pytest.raises(ValueError, match=r"about 6.4 KB, and 5 KB are available: give fewer"):
        pooled(SERIES)
    monkeypatch.setattr(memory, "available", lambda: None)
    assert pooled(SERIES).nngp.shape == (2, 2)


def test_available_memory_is_known():
    there = memory.available()
    assert there is None or there > 10**6
