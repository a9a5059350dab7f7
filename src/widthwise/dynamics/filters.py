r"""What linear training does to one mode of the kernel.

Under squared loss the error along an eigenvector of the kernel with eigenvalue ``lambda`` evolves
alone, and every training rule here is known by one scalar function, its filter
``phi(lambda) = (1 - r(lambda)) / lambda``, where ``r`` is the fraction of the error that remains.
Functions of this file take ``x = rate * lambda``, dimensionless, and return ``phi / rate``.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def _saturation(z: Float[Array, "*s"], time: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Return ``(1 - exp(-z t)) / z``, which is ``t`` at ``z = 0``; ``z >= 0``."""
    positive = z > 0
    z = jnp.where(positive, z, 1.0)
    return jnp.where(positive, -jnp.expm1(-z * time) / z, time)


@jax.jit
def flow_filter(x: Float[Array, " n"], time: Float[Array, " t"]) -> Float[Array, "t n"]:
    """Gradient flow: ``r = exp(-x t)``.

    Parameters
    ----------
    x
        Eigenvalues times the rate, not negative.
    time
        Finite times.

    Notes
    -----
    Source: Lee et al. (2019, arXiv:1902.06720), equation 10.
    """
    return _saturation(*jnp.broadcast_arrays(x[None, :], time[:, None]))


@jax.jit
def heavy_ball_filter(
    x: Float[Array, " n"], time: Float[Array, " t"], momentum: Float[Array, ""]
) -> Float[Array, "t n"]:
    """Momentum in continuous time: ``r'' + (1 - momentum) r' + x r = 0``, at rest from ``r = 1``.

    Parameters
    ----------
    x
        Eigenvalues times the rate, not negative.
    time
        Finite times.
    momentum
        In [0, 1).

    Notes
    -----
    Derived: the damped oscillator. Overdamped modes are written by differences of saturating
    exponentials, which lose no digits as ``x`` goes to 0.
    """
    x, time = jnp.broadcast_arrays(x[None, :], time[:, None])
    half = (1.0 - momentum) / 2
    split = half**2 - x
    mu, omega = jnp.sqrt(jnp.maximum(split, 0.0)), jnp.sqrt(jnp.maximum(-split, 0.0))
    fast = half + mu
    slow = x / fast
    # far from critical damping; r_- and r_+ are the two decay rates
    distinct = mu > half / 2
    gap = jnp.where(distinct, 2 * mu, 1.0)
    overdamped = (_saturation(slow, time) - _saturation(fast, time)) / gap
    # near it and beyond, where x is of the order of the damping squared
    rising = (1 + jnp.exp(-2 * mu * time)) / 2 + half * _saturation(2 * mu, time)
    swinging = jnp.cos(omega * time) + half * time * jnp.sinc(omega * time / jnp.pi)
    remaining = jnp.where(
        split > 0, jnp.exp(-slow * time) * rising, jnp.exp(-half * time) * swinging
    )
    return jnp.where(distinct, overdamped, (1 - remaining) / jnp.where(distinct, 1.0, x))


@jax.jit
def descent_filter(
    x: Float[Array, " n"], steps: Int[Array, " t"], momentum: Float[Array, ""]
) -> Float[Array, "t n"]:
    """Gradient descent in steps: ``r = (1 - x)^steps``, or heavy-ball momentum.

    ``p = (1 - r) / x`` starts at 0, and ``p_next = 1 + (1 + momentum - x) p - momentum p_before``.

    Parameters
    ----------
    x
        Eigenvalues times the rate, in [0, 2 (1 + momentum)].
    steps
        Numbers of steps.
    momentum
        In [0, 1).

    Notes
    -----
    Derived from Polyak's iteration. The recursion is the power of a 3 x 3 matrix, so its cost is
    logarithmic in the steps, and it holds at ``x = 0``.
    """
    one, zero = jnp.ones_like(x), jnp.zeros_like(x)
    rows = [[one + momentum - x, -momentum * one, one], [one, zero, zero], [zero, zero, one]]
    base = jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)
    power = jnp.broadcast_to(jnp.eye(3, dtype=x.dtype), (len(steps), *base.shape))

    def product(a: Array, b: Array) -> Array:
        return jnp.einsum("...ij,...jk->...ik", a, b, precision=jax.lax.Precision.HIGHEST)

    def advance(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        power, base, left = state
        odd = (left % 2 == 1)[:, None, None, None]
        return jnp.where(odd, product(power, base[None]), power), product(base, base), left // 2

    power, _, _ = jax.lax.while_loop(
        lambda state: jnp.any(state[2] > 0), advance, (power, base, steps)
    )
    return power[..., 0, 2]
