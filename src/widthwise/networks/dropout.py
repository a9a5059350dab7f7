"""Dropout."""

from dataclasses import dataclass, replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from widthwise.networks.keyed import Keyed
from widthwise.networks.layer import Layer
from widthwise.networks.place import Features, Place
from widthwise.networks.spatial_state import SpatialState, State
from widthwise.numerics.draws import Draws


class Dropping(Keyed):
    """Set numbers of one example to zero at random, and divide the others by ``keep``.

    Without a key it is the identity.
    """

    keep: float = eqx.field(static=True)

    def __call__(
        self, x: Float[Array, "*shape"], *, key: Key[Array, ""] | None = None
    ) -> Float[Array, "*shape"]:
        """Apply the map."""
        if key is None:
            return x
        return jnp.where(jax.random.bernoulli(key, self.keep, x.shape), x / self.keep, 0.0)


@dataclass(frozen=True)
class Dropout(Layer):
    """Every number is kept with probability ``keep`` and then divided by it, otherwise zero.

    A finite network does so when it is called with a key, ``model(x, key=key)``, and otherwise
    leaves the numbers alone. The kernels are those of calls with a key of its own for every
    example: only the kernel of an example, at one position, with itself is divided by ``keep``.
    That of ``kernel(x1)`` with itself; a batch given twice counts as different examples.

    Parameters
    ----------
    keep
        Probability, above 0 and at most 1.
    """

    keep: float

    def __post_init__(self) -> None:
        if not 0.0 < self.keep <= 1.0:
            raise ValueError(f"keep of Dropout is {self.keep}: give a number above 0, at most 1")

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`."""
        del place
        return replace(features, law="other")

    def build(self, draws: Draws, features: Features, place: Place) -> Dropping:
        """See :class:`Layer`."""
        del draws, features, place
        return Dropping(self.keep)

    def propagate(self, state: State, place: Place) -> State:
        """See :class:`Layer`: K and T of an entry of one example with itself, divided by keep."""
        features = self.output(state.features, place)

        def dropped(k: Array, same: Bool[Array, "..."]) -> Array:
            return jnp.where(same, k / self.keep, k)

        always = jnp.ones((), bool)
        if isinstance(state, SpatialState) and not state.aligned:
            always = state.same_positions()
        own = always.reshape((1,) * (state.variance1.ndim - always.ndim) + always.shape)
        pairs = always.reshape((1,) * (state.nngp.ndim - always.ndim) + always.shape)
        pairs = pairs & state.same_pairs()
        return replace(
            state,
            nngp=dropped(state.nngp, pairs),
            ntk=dropped(state.ntk, pairs),
            variance1=dropped(state.variance1, own),
            variance2=dropped(state.variance2, own),
            features=features,
        )

    def resized(self, width: int, place: Place) -> "Dropout":
        """See :class:`Layer`."""
        del width, place
        return self
