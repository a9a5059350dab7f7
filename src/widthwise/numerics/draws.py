"""Gaussian numbers for weights: a counter-based generator in one fused, branch-free loop.

Sampling an ensemble of narrow networks is mostly the drawing of Gaussian numbers. The generator is
Threefry-2x32 with 13 rounds (Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3",
where this is the fewest that pass the BigCrush tests). JAX's default keys use 20 rounds of the
same function, in a loop which keeps them from being vectorized on a CPU. Each number is
r cos(2 pi t), the pair (r, t) from one block of 64 random bits (Box & Muller, 1958), of 128 bits
in float64. The sine is not used: leaving it out costs less than the branch that would place it.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, DTypeLike, Float, Key, UInt32

_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_PARITY = 0x1BD11BDA
_ROUNDS = 13
_KEYS = 1024  # keys made at once
# sin(pi t) / t in powers of t^2 for |t| <= 1/2 (Chebyshev fit): the sine is right to 7e-9.
_SINE = (3.14159264013071, -5.16771008350786, 2.55007752321403, -0.598291285617076,
         0.0776576602993552)  # fmt: skip

# log(1 + t) / t in powers of t for sqrt(1/2) <= 1 + t < sqrt(2): right to 2e-7.
_LOG = (0.999999943, -0.500003631, 0.333351141, -0.249700717,
        0.19898565, -0.172470133, 0.162341898, -0.101340568)  # fmt: skip


class Draws:
    """A source of Gaussian arrays, all determined by one random key.

    Successive calls give independent arrays: the number of the call is part of the generator's
    counter, so no keys need to be split.

    Parameters
    ----------
    key
        A random key.
    """

    def __init__(self, key: jax.Array) -> None:
        words = jax.random.key_data(key)
        if words.shape != (2,):  # another kind of key: draw the two words from it
            words = jax.random.bits(key, (2,), jnp.uint32)
        self._key = (words[0], words[1])
        self._calls = 0

    def normal(self, shape: tuple[int, ...], dtype: DTypeLike) -> Float[Array, "..."]:
        """Draw independent N(0, 1) numbers.

        Parameters
        ----------
        shape, dtype
            Of the array; types shorter than float32 are rounded from it.
        """
        return _normal(self._key, self._next(), shape=shape, dtype=jnp.dtype(dtype))

    def uniform(self, shape: tuple[int, ...], dtype: DTypeLike) -> Float[Array, "..."]:
        """Draw independent uniform numbers of mean 0 and variance 1.

        Parameters
        ----------
        shape, dtype
            Of the array; types shorter than float64 are rounded from 31 random bits.
        """
        bits = self.bits(shape)
        unit = _unit64(bits, self.bits(shape)) if dtype == jnp.float64 else _unit32(bits)
        return ((2.0 * unit - 1.0) * 3.0**0.5).astype(dtype)

    def bits(self, shape: tuple[int, ...]) -> UInt32[Array, "..."]:
        """Draw independent uniform 32-bit numbers."""
        counter = (_linear_index(shape), jnp.broadcast_to(self._next(), shape))
        return threefry(self._key, counter)[0]

    def _next(self) -> UInt32[Array, ""]:
        call, self._calls = self._calls, self._calls + 2
        return jnp.uint32(call)


def numbered_keys(key: Key[Array, ""], start: int, stop: int) -> Key[Array, " n"]:
    """Return ``jax.random.fold_in(key, i)`` for ``start <= i < stop``.

    In blocks of one size, whatever the number: nothing more is compiled for another one.

    Raises
    ------
    ValueError
        If the range is empty or starts below zero.

    Examples
    --------
    >>> keys = numbered_keys(jax.random.key(0), 5, 8)
    >>> bool(keys[1] == jax.random.fold_in(jax.random.key(0), 6))
    True
    """
    if not 0 <= start < stop:
        raise ValueError(f"keys {start} to {stop} were asked for; give 0 <= start < stop")
    count = stop - start
    blocks = np.arange(start, start + -(-count // _KEYS) * _KEYS).reshape(-1, _KEYS)
    data = np.concatenate([np.asarray(_fold(key, block)) for block in blocks])[:count]
    return jax.random.wrap_key_data(jnp.asarray(data), impl=str(jax.random.key_impl(key)))


@jax.jit
def _fold(key: jax.Array, indices: Array) -> Array:
    return jax.random.key_data(jax.vmap(jax.random.fold_in, (None, 0))(key, indices))


@partial(jax.jit, static_argnames=("shape", "dtype"))
def _normal(
    key: tuple[UInt32[Array, ""], UInt32[Array, ""]],
    call: UInt32[Array, ""],
    *,
    shape: tuple[int, ...],
    dtype: np.dtype,
) -> Float[Array, "..."]:
    """Draw the numbers with counters (position, call) and, in float64, (position, call + 1)."""
    index = _linear_index(shape)
    first, second = threefry(key, (index, jnp.broadcast_to(call, shape)))
    if dtype == np.float64:
        turns = _unit64(*threefry(key, (index, jnp.broadcast_to(call + jnp.uint32(1), shape))))
        radius = jnp.sqrt(-2.0 * jnp.log(_unit64(first, second)))
        return radius * jnp.cos(2.0 * jnp.pi * turns)
    radius = jnp.sqrt(-2.0 * _log32(_unit32(first)))
    return (radius * _cosine_of_turns(second)).astype(dtype)


def threefry(
    key: tuple[UInt32[Array, "*#n"], UInt32[Array, "*#n"]],
    counter: tuple[UInt32[Array, "*n"], UInt32[Array, "*n"]],
) -> tuple[UInt32[Array, "*n"], UInt32[Array, "*n"]]:
    """Threefry-2x32-13: 64 random bits for every value of a 64-bit counter."""
    schedule = (*key, key[0] ^ key[1] ^ jnp.uint32(_PARITY))
    x, y = counter[0] + schedule[0], counter[1] + schedule[1]
    for turn in range(_ROUNDS):
        rotation = _ROTATIONS[turn % 8]
        x = x + y
        y = x ^ ((y << jnp.uint32(rotation)) | (y >> jnp.uint32(32 - rotation)))
        if turn % 4 == 3:
            step = turn // 4 + 1
            x = x + schedule[step % 3]
            y = y + schedule[(step + 1) % 3] + jnp.uint32(step)
    return x, y


def _linear_index(shape: tuple[int, ...]) -> UInt32[Array, "..."]:
    """Position of every entry in row-major order."""
    index, stride = jnp.zeros(shape, jnp.uint32), 1
    for axis in reversed(range(len(shape))):
        index = index + lax.broadcasted_iota(jnp.uint32, shape, axis) * jnp.uint32(stride)
        stride *= shape[axis]
    return index


def _unit32(bits: UInt32[Array, "*n"]) -> Float[Array, "*n"]:
    """Uniform float32 in (0, 1]: 31 bits, converted as signed integers, which is fast."""
    signed = (bits >> jnp.uint32(1)).astype(jnp.int32)
    return signed.astype(jnp.float32) * jnp.float32(2.0**-31) + jnp.float32(2.0**-32)


def _unit64(high: UInt32[Array, "*n"], low: UInt32[Array, "*n"]) -> Float[Array, "*n"]:
    """Uniform float64 in (0, 1]."""
    return high.astype(jnp.float64) * 2.0**-32 + (low.astype(jnp.float64) + 0.5) * 2.0**-64


def _cosine_of_turns(bits: UInt32[Array, "*n"]) -> Float[Array, "*n"]:
    """Cosine of a uniform angle, 2 pi bits / 2^32, as 1 - 2 sin(half the angle)^2."""
    t = lax.bitcast_convert_type(bits, jnp.int32).astype(jnp.float32) * jnp.float32(2.0**-32)
    sine = t * _series(_SINE, t * t)
    return 1.0 - 2.0 * sine * sine


def _log32(u: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Logarithm of normal float32 numbers: half the cost of the general one."""
    bits = lax.bitcast_convert_type(u, jnp.int32)
    exponent = (bits - jnp.int32(0x3F3504F3)) >> jnp.int32(23)  # so that the rest is near 1
    rest = lax.bitcast_convert_type(bits - (exponent << jnp.int32(23)), jnp.float32) - 1.0
    return exponent.astype(jnp.float32) * jnp.float32(math.log(2)) + rest * _series(_LOG, rest)


def _series(coefficients: tuple[float, ...], t: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Polynomial in float32, lowest power first."""
    value = jnp.full_like(t, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * t + jnp.float32(coefficient)
    return value
