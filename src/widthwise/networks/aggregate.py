"""Sums over the neighbours in a graph."""

from dataclasses import dataclass, replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from widthwise.networks.layer import Layer
from widthwise.networks.place import Features, Place
from widthwise.networks.positions import positions_of, spatial
from widthwise.networks.spatial_state import SpatialState, State
from widthwise.numerics.draws import Draws

Matrix = tuple[tuple[float, ...], ...]


class Neighbours(eqx.Module):
    """The map x -> A x of one example, A acting on its nodes."""

    adjacency: Matrix = eqx.field(static=True)

    def __call__(self, x: Float[Array, "p c"]) -> Float[Array, "q c"]:
        """Apply the map."""
        return jnp.asarray(self.adjacency, x.dtype) @ x


@dataclass(frozen=True, init=False, repr=False)
class Aggregate(Layer):
    """Every node's sum over its neighbours, channel by channel; examples are (nodes, channels).

    Parameters
    ----------
    adjacency
        Matrix A of real weights, (nodes after, nodes before): y[p] = sum over q of A[p, q] x[q].
        It is fixed, the same for all examples.
    """

    adjacency: Matrix

    def __init__(self, adjacency: Float[ArrayLike, "q p"]) -> None:
        matrix = np.asarray(adjacency, float)
        if matrix.ndim != 2 or not matrix.size or not np.isfinite(matrix).all():
            raise ValueError(
                f"the adjacency of Aggregate has shape {matrix.shape}: give a matrix of finite "
                "numbers"
            )
        object.__setattr__(self, "adjacency", tuple(map(tuple, matrix.tolist())))

    def __repr__(self) -> str:
        return f"Aggregate({len(self.adjacency)} x {len(self.adjacency[0])})"

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`: sums of Gaussian features are Gaussian."""
        del place
        positions, nodes = positions_of(self, features), len(self.adjacency[0])
        if positions != (nodes,):
            raise ValueError(
                f"{self!r} reads {nodes} nodes, but an example has shape {features.shape} here: "
                "give (nodes, channels)"
            )
        return replace(features, shape=(len(self.adjacency), features.shape[-1]))

    def build(self, draws: Draws, features: Features, place: Place) -> Neighbours:
        """See :class:`Layer`."""
        del draws, features, place
        return Neighbours(self.adjacency)

    def propagate(self, state: State, place: Place) -> SpatialState:
        """See :class:`Layer`: A K A^T and A T A^T, over the nodes."""
        state = spatial(self, state)
        matrix = jnp.asarray(self.adjacency, state.nngp.dtype)
        precise = jax.lax.Precision.HIGHEST

        def both(k: Array) -> Array:
            return jnp.einsum("pr,...rs,qs->...pq", matrix, k, matrix, precision=precise)

        return state.linear(both, self.output(state.features, place)).tied()

    def needs_all_positions(self, wanted: bool) -> bool:
        """See :class:`Layer`."""
        del wanted
        return True

    def resized(self, width: int, place: Place) -> "Aggregate":
        """See :class:`Layer`."""
        del width, place
        return self
