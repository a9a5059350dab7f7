"""The kernel state of features with positions: pixels, time steps, nodes of a graph."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Shaped

from widthwise.networks.place import Features
from widthwise.networks.state import DenseState, same_examples


class SpatialState(eqx.Module):
    """Kernel state of features with one channel axis after one or more axes of positions.

    It has one of two layouts, which the shapes tell apart. The full one holds all pairs of
    positions: ``nngp`` is (n, m, *P, *P'), ``variance1`` (n, *P, *P'). The aligned one, enough
    when no later layer combines different positions, holds a position with itself: (n, m, *P)
    and (n, *P). Where only matching pairs of inputs are wanted, the axis m is missing.

    Parameters
    ----------
    nngp, ntk
        The kernels of one channel, for every pair of inputs.
    variance1, variance2
        ``nngp`` of each first, and each second, input with itself.
    features
        What one example looks like here.
    same
        Which pairs are one and the same example; None if none are.
    mask1, mask2
        Which positions of each first, and each second, input are real, (n, *P); None if all are.
        Kernels of padding are zero.
    """

    nngp: Float[Array, "*pairs"]
    ntk: Float[Array, "*pairs"]
    variance1: Float[Array, "n *positions"]
    variance2: Float[Array, "m *positions"]
    features: Features = eqx.field(static=True)
    same: Bool[Array, "*examples"] | None = None
    mask1: Bool[Array, "n *real"] | None = None
    mask2: Bool[Array, "m *real"] | None = None

    @property
    def axes(self) -> int:
        """Number of axes of positions."""
        return len(self.features.shape) - 1

    @property
    def aligned(self) -> bool:
        """Whether only positions with themselves are held."""
        return self.variance1.ndim == 1 + self.axes

    @property
    def pairwise(self) -> bool:
        """Whether all pairs of inputs are held, or only matching ones."""
        return self.nngp.ndim == self.variance1.ndim + 1

    def position_axes(self, axis: int) -> tuple[int, ...]:
        """Array axes, counted from the end, of the ``axis``-th axis of positions."""
        if self.aligned:
            return (axis - self.axes,)
        return axis - 2 * self.axes, axis - self.axes

    def marginals(self) -> tuple[Float[Array, "*first"], Float[Array, "*second"]]:
        """Variances of both members of each pair; they broadcast against ``nngp``."""
        return self._across(*self.own_variances())

    def own_variances(self) -> tuple[Float[Array, "n *positions"], Float[Array, "m *positions"]]:
        """Variances of each first, and each second, input at each position, (n, *P)."""
        if self.aligned:
            return self.variance1, self.variance2
        first, second = (position_diagonal(v, self.axes) for v in (self.variance1, self.variance2))
        return first, second

    def divided(
        self, m1: Float[Array, "n *positions"], m2: Float[Array, "m *positions"]
    ) -> "SpatialState":
        """Divide the features at each position by the square root of its m, given as (n, *P)."""
        first, second = self._across(m1, m2)
        root = jnp.sqrt(first * second)
        own1, own2 = m1, m2
        if not self.aligned:
            own1, own2 = (jnp.sqrt(a * b) for a, b in (outer(m1, self.axes), outer(m2, self.axes)))
        return replace(
            self,
            nngp=self.nngp / root,
            ntk=self.ntk / root,
            variance1=self.variance1 / own1,
            variance2=self.variance2 / own2,
        ).tied()

    def _across(self, q1: Array, q2: Array) -> tuple[Array, Array]:
        """Give numbers of first and second inputs and positions the axes of ``nngp``."""
        if not self.aligned:
            q1, q2 = outer(q1, self.axes)[0], outer(q2, self.axes)[1]
        return (q1[:, None], q2[None]) if self.pairwise else (q1, q2)

    def remasked(self, f: Callable[[Array], Array]) -> "SpatialState":
        """Apply a map to the masks, if there are any."""
        if self.mask1 is None or self.mask2 is None:
            return self
        return replace(self, mask1=f(self.mask1), mask2=f(self.mask2))

    def zeroed(self) -> "SpatialState":
        """Set the kernels of padding to zero."""
        if self.mask1 is None or self.mask2 is None:
            return self
        first, second = self._across(self.mask1, self.mask2)
        own1, own2 = self.mask1, self.mask2
        if not self.aligned:
            own1, own2 = (a & b for a, b in (outer(own1, self.axes), outer(own2, self.axes)))
        return replace(
            self,
            nngp=jnp.where(first & second, self.nngp, 0.0),
            ntk=jnp.where(first & second, self.ntk, 0.0),
            variance1=jnp.where(own1, self.variance1, 0.0),
            variance2=jnp.where(own2, self.variance2, 0.0),
        )

    def counts(self) -> tuple[Float[Array, " n"], Float[Array, " m"]]:
        """Numbers of real positions of each first, and each second, input; at least one."""

        def count(variance: Array, mask: Array | None) -> Array:
            positions = self.features.shape[:-1]
            real = jnp.ones((len(variance), *positions), bool) if mask is None else mask
            number = jnp.sum(real, axis=tuple(range(1, real.ndim)))
            return jnp.maximum(number, 1).astype(variance.dtype)

        return count(self.variance1, self.mask1), count(self.variance2, self.mask2)

    def linear(self, f: Callable[[Array], Array], features: Features) -> "SpatialState":
        """Apply a linear map of the trailing axes of positions to all kernels."""
        return replace(
            self,
            nngp=f(self.nngp),
            ntk=f(self.ntk),
            variance1=f(self.variance1),
            variance2=f(self.variance2),
            features=features,
        )

    def collapsed(self, f: Callable[[Array], Array], features: Features) -> DenseState:
        """Apply a linear map that removes the axes of positions."""
        variance1, variance2 = f(self.variance1), f(self.variance2)
        if self.pairwise:
            variance1, variance2 = variance1[:, None], variance2[None, :]
        state = DenseState(f(self.nngp), f(self.ntk), variance1, variance2, features, self.same)
        return state.tied()

    def tied(self) -> "SpatialState":
        """Give an example paired with itself exactly its own variance again, after rounding."""
        if self.same is None:
            return self
        own = self.variance1[:, None] if self.pairwise else self.variance1
        return replace(self, nngp=jnp.where(self.same_pairs(), own, self.nngp))

    def same_pairs(self) -> Bool[Array, "*pairs"]:
        """``same``, with axes that broadcast against ``nngp``."""
        if self.same is None:
            return jnp.zeros((1,) * self.nngp.ndim, bool)
        return self.same.reshape(self.same.shape + (1,) * (self.nngp.ndim - self.same.ndim))

    def same_positions(self) -> Bool[Array, "*positions"]:
        """Which pairs of positions are one position, (*P, *P')."""
        positions = self.features.shape[:-1]
        return jnp.eye(math.prod(positions), dtype=bool).reshape(positions + positions)


State = DenseState | SpatialState


def outer(
    q: Shaped[Array, "n *positions"], axes: int
) -> tuple[Shaped[Array, "n *first"], Shaped[Array, "n *second"]]:
    """Shape what positions have for the first, and the second, of each pair of positions."""
    n, positions, ones = len(q), q.shape[1:], (1,) * axes
    return q.reshape((n, *positions, *ones)), q.reshape((n, *ones, *positions))


def position_diagonal(k: Float[Array, "*pairs"], axes: int) -> Float[Array, "*aligned"]:
    """Entries (..., p, p) of an array (..., *P, *P'), as (..., *P)."""
    lead, positions = k.shape[: k.ndim - 2 * axes], k.shape[k.ndim - axes :]
    size = math.prod(positions)
    square = k.reshape((*lead, size, size))
    return jnp.diagonal(square, axis1=-2, axis2=-1).reshape(lead + positions)


@partial(jax.jit, static_argnames=("diagonal", "aligned"))
def spatial_state(
    x1: Float[Array, "n *shape"],
    x2: Float[Array, "m *shape"] | None = None,
    *,
    diagonal: bool = False,
    aligned: bool = False,
) -> SpatialState:
    """Kernel state of the data themselves: nngp = sum over channels of x1 x2 / channels, ntk = 0.

    Parameters
    ----------
    x1, x2
        Inputs, (n, *P, channels) and (m, *P, channels); ``x2=None`` means x1 again, and then an
        example's kernel with itself is exactly its variance.
    diagonal
        Only the pairs (x1[i], x2[i]).
    aligned
        Only positions with themselves.
    """
    channels, positions = x1.shape[-1], x1.shape[1:-1]
    own, pairs = ("ipc,iqc->ipq", "ipc,jqc->ijpq")
    if aligned:
        own, pairs = ("ipc,ipc->ip", "ipc,jpc->ijp")
    tail = positions if aligned else positions + positions

    def gram(pattern: str, a: Array, b: Array) -> Array:
        flat = [y.reshape(len(y), -1, channels) for y in (a, b)]
        k = jnp.einsum(pattern, *flat, precision=jax.lax.Precision.HIGHEST) / channels
        return k.reshape(k.shape[: k.ndim - (1 if aligned else 2)] + tail)

    variance1 = gram(own, x1, x1)
    variance2 = variance1 if x2 is None else gram(own, x2, x2)
    nngp = gram(own if diagonal else pairs, x1, x1 if x2 is None else x2)
    features = Features(x1.shape[1:], dtype=nngp.dtype)
    same = same_examples(len(x1), diagonal=diagonal) if x2 is None else None
    state = SpatialState(nngp, jnp.zeros_like(nngp), variance1, variance2, features, same)
    return state.tied()
