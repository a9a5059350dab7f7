"""The generator of Gaussian numbers: known answers and statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from widthwise.numerics.draws import Draws, threefry


def word(value):
    return jnp.uint32(value)


def test_threefry_known_answer():
    """13 rounds of the Random123 library at key and counter zero."""
    out = threefry((jnp.uint32(0), jnp.uint32(0)), (jnp.uint32(0), jnp.uint32(0)))
    assert tuple(int(o) for o in out) == (0x9D1C5EC6, 0x8BD50731)


def test_every_bit_of_the_counter_and_key_matters():
    """Flipping one bit of key or counter flips each output bit with probability 1/2."""
    rng = np.random.default_rng(0)
    words = jnp.asarray(rng.integers(0, 2**32, (4, 4000), dtype=np.uint32))
    base = threefry((words[0], words[1]), (words[2], words[3]))
    for row in range(4):
        for bit in (0, 1, 15, 30, 31):
            changed = words.at[row].set(words[row] ^ jnp.uint32(1 << bit))
            other = threefry((changed[0], changed[1]), (changed[2], changed[3]))
            for a, b in zip(base, other, strict=True):
                flips = np.unpackbits(np.asarray(a ^ b).view(np.uint8)).reshape(-1, 32).mean(0)
                assert np.abs(flips - 0.5).max() < 5.5 * 0.5 / np.sqrt(4000)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("many", [False, True])
def test_normality(dtype, many):
    """Moments, distribution and tails, of one long array and of many keys' first numbers."""
    if many:
        keys = jax.random.split(jax.random.key(3), 2000)
        z = jax.jit(jax.vmap(lambda key: Draws(key).normal((10, 10), dtype)))(keys)
    else:
        z = Draws(jax.random.key(3)).normal((400, 500), dtype)
    assert z.dtype == dtype
    z = np.asarray(z, np.float64).ravel()
    n = len(z)
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert abs(np.mean(z**power) - moment) < 4 * np.sqrt(variance / n), power
    assert stats.kstest(z, "norm").pvalue > 1e-3
    tail = np.mean(np.abs(z) > 3.5)
    expected = 2 * stats.norm.sf(3.5)
    assert abs(tail - expected) < 4 * np.sqrt(expected / n)
    for lag in (1, 2, 10, 100):
        assert abs(np.mean(z[lag:] * z[:-lag])) < 4 / np.sqrt(n - lag), lag
        assert abs(np.mean(z[lag:] ** 2 * z[:-lag] ** 2) - 1) < 4 * np.sqrt(8 / (n - lag)), lag


def test_calls_and_keys_are_independent():
    draws = Draws(jax.random.key(0))
    first, second = draws.normal((20_000,), jnp.float32), draws.normal((20_000,), jnp.float32)
    other = Draws(jax.random.key(1)).normal((20_000,), jnp.float32)
    for a, b in ((first, second), (first, other)):
        assert abs(float(jnp.mean(a * b))) < 4 / np.sqrt(20_000)
        assert abs(float(jnp.mean(a**2 * b**2)) - 1) < 4 * np.sqrt(8 / 20_000)


def test_other_kinds_of_keys_and_short_types():
    key = jax.random.key(0, impl="rbg")
    z = Draws(key).normal((1000,), jnp.float32)
    assert abs(float(z.mean())) < 0.15
    half = Draws(key).normal((1000,), jnp.bfloat16)
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(half, np.float32), z, rtol=0.01, atol=1e-6)
