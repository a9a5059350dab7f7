"""The residual connection."""

from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, Key

from widthwise.networks.keyed import Keyed, call
from widthwise.networks.layer import Layer
from widthwise.networks.masks import Mask, Masking, common, run
from widthwise.networks.place import Features, Place
from widthwise.networks.spatial_state import State
from widthwise.numerics.draws import Draws


class Skip(Keyed, Masking):
    """The map x -> x + multiplier * branch(x) of one example."""

    branch: Any
    multiplier: float = eqx.field(static=True)

    def __call__(
        self, x: Float[Array, "*shape"], *, key: Key[Array, ""] | None = None
    ) -> Float[Array, "*shape"]:
        """Apply the map."""
        return x + self.multiplier * call(self.branch, x, key)

    def masked(
        self, x: Float[Array, "*positions c"], mask: Mask, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, "*positions c"], Mask | None]:
        """See :class:`Masking`."""
        y, after = run(self.branch, x, mask, key)
        return x + self.multiplier * y, common([mask, after])


@dataclass(frozen=True, repr=False)
class Residual(Layer):
    """Identity plus a branch, times the parametrization's branch multiplier.

    The multiplier is 1, except under DepthMuP: 1 / sqrt(number of residual branches).

    Parameters
    ----------
    branch
        A layer whose outputs have the shape of its inputs; it should end in a Dense layer, so
        that identity and branch are uncorrelated.
    """

    branch: Layer

    def __repr__(self) -> str:
        return f"Residual({self.branch!r})"

    def multiplier(self, place: Place) -> float:
        """Factor of the branch."""
        return float(place.depth) ** place.parametrization.branch

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`."""
        branched = self.branch.output(features, place.branch())
        if branched.shape != features.shape:
            raise ValueError(
                f"the branch of a Residual maps shape {features.shape} to {branched.shape}: "
                "end it with the width it starts from"
            )
        gaussian = features.law != "other" and branched.law != "other"
        return replace(features, law="gaussian" if gaussian else "other")

    def build(self, draws: Draws, features: Features, place: Place) -> Skip:
        """See :class:`Layer`."""
        branch = self.branch.build(draws, features, place.branch())
        return Skip(branch, self.multiplier(place))

    def propagate(self, state: State, place: Place) -> State:
        """See :class:`Layer`."""
        branch = self.branch.propagate(state, place.branch())
        if branch.features.law != "fresh":
            raise ValueError(
                f"{self!r} has no kernel: end the branch with a Dense layer or a convolution, "
                "which makes it uncorrelated with the identity"
            )
        square = self.multiplier(place) ** 2
        return replace(
            state,
            nngp=state.nngp + square * branch.nngp,
            ntk=state.ntk + square * branch.ntk,
            variance1=state.variance1 + square * branch.variance1,
            variance2=state.variance2 + square * branch.variance2,
            features=self.output(state.features, place),
        )

    def needs_all_positions(self, wanted: bool) -> bool:
        """See :class:`Layer`."""
        return wanted or self.branch.needs_all_positions(wanted)

    def resized(self, width: int, place: Place) -> "Residual":
        """See :class:`Layer`."""
        return Residual(self.branch.resized(width, place.branch()))
