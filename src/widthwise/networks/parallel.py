"""Branches side by side: their sum, product or concatenation."""

from dataclasses import dataclass, replace
from functools import reduce
from operator import add, mul
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from widthwise.networks.keyed import Keyed, call, split
from widthwise.networks.layer import Layer
from widthwise.networks.masks import Mask, Masking, common, run
from widthwise.networks.place import Features, Place
from widthwise.networks.spatial_state import SpatialState, State
from widthwise.numerics.choices import check_choice
from widthwise.numerics.draws import Draws


class Branches(Keyed, Masking):
    """The sum, product or concatenation (of channels) of maps of the same example."""

    branches: tuple[Any, ...]
    join: str = eqx.field(static=True)

    def __call__(
        self, x: Float[Array, "*shape"], *, key: Key[Array, ""] | None = None
    ) -> Float[Array, "*outputs"]:
        """Apply the map."""
        keys = split(key, len(self.branches))
        parts = [call(branch, x, k) for branch, k in zip(self.branches, keys, strict=True)]
        return self._joined(parts)

    def masked(
        self, x: Float[Array, "*positions c"], mask: Mask, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, "*outputs"], Mask | None]:
        """See :class:`Masking`: real is what all branches leave real."""
        keys = split(key, len(self.branches))
        parts = [run(branch, x, mask, k) for branch, k in zip(self.branches, keys, strict=True)]
        return self._joined([y for y, _ in parts]), common([after for _, after in parts])

    def _joined(self, parts: list[Array]) -> Array:
        if self.join == "concatenation":
            return jnp.concatenate(parts, axis=-1)
        return reduce(add if self.join == "sum" else mul, parts)


@dataclass(frozen=True, init=False, repr=False)
class Parallel(Layer):
    """Layers that read the same features, and whose outputs are joined.

    Parameters
    ----------
    branches
        The layers; ``Identity()`` hands its inputs on. Branches of a Parallel that ends the
        network end it too.
    join
        ``"sum"`` or ``"product"``, entry by entry, of outputs of one shape; ``"concatenation"``
        of channels. Sums and products have a kernel where all branches but one end in a layer
        with weights, so that they are uncorrelated.

    Notes
    -----
    The tangent kernel of a product is its mean over coordinates, which is what later layers see.
    Derived.
    """

    branches: tuple[Layer, ...]
    join: str

    def __init__(self, *branches: Layer, join: str = "sum") -> None:
        if len(branches) < 2:
            raise ValueError(f"Parallel was given {len(branches)} branches: give two or more")
        for branch in branches:
            if not isinstance(branch, Layer):
                raise TypeError(f"Parallel was given {branch!r}, which is not a Layer")
        check_choice("join of Parallel", join, ("sum", "product", "concatenation"))
        object.__setattr__(self, "branches", branches)
        object.__setattr__(self, "join", join)

    def __repr__(self) -> str:
        return f"Parallel({', '.join(map(repr, self.branches))}, join={self.join!r})"

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`."""
        parts = [branch.output(features, place) for branch in self.branches]
        shapes = [part.shape for part in parts]
        if self.join == "concatenation":
            if len({shape[:-1] for shape in shapes}) > 1:
                raise ValueError(
                    f"the branches of a Parallel have outputs of shapes {shapes}: give them the "
                    "same positions"
                )
            channels = sum(shape[-1] for shape in shapes)
            wide = any(part.wide for part in parts)
            return replace(parts[0], shape=(*shapes[0][:-1], channels), wide=wide, law="other")
        if len(set(shapes)) > 1:
            raise ValueError(
                f"the branches of a Parallel have outputs of shapes {shapes}: its {self.join} "
                "needs one shape"
            )
        laws = {part.law for part in parts}
        law = "fresh" if laws == {"fresh"} else "other" if "other" in laws else "gaussian"
        wide = all(part.wide for part in parts)
        return replace(parts[0], wide=wide, law="other" if self.join == "product" else law)

    def build(self, draws: Draws, features: Features, place: Place) -> Branches:
        """See :class:`Layer`."""
        built = tuple(branch.build(draws, features, place) for branch in self.branches)
        return Branches(built, self.join)

    def propagate(self, state: State, place: Place) -> State:
        """See :class:`Layer`.

        Sum: kernels add. Product: K = K1 K2 and T = T1 K2 + K1 T2. Concatenation: the mean over
        all channels.
        """
        output = self.output(state.features, place)
        parts = [branch.propagate(state, place) for branch in self.branches]
        if self.join == "concatenation":
            shares = [part.features.shape[-1] / output.shape[-1] for part in parts]
            parts = [_scaled(part, share) for part, share in zip(parts, shares, strict=True)]
        elif sum(part.features.law != "fresh" for part in parts) > 1:
            raise ValueError(
                f"{self!r} has no kernel: end all branches but one with a layer with weights, "
                "which makes them uncorrelated"
            )
        joined = reduce(_product if self.join == "product" else _sum, parts)
        if isinstance(joined, SpatialState):
            masks = [(p.mask1, p.mask2) for p in parts if isinstance(p, SpatialState)]
            mask1, mask2 = (common(side) for side in zip(*masks, strict=True))
            return replace(joined, features=output, mask1=mask1, mask2=mask2)
        return replace(joined, features=output)

    def needs_all_positions(self, wanted: bool) -> bool:
        """See :class:`Layer`."""
        return any(branch.needs_all_positions(wanted) for branch in self.branches)

    def resized(self, width: int, place: Place) -> "Parallel":
        """See :class:`Layer`."""
        return Parallel(*(b.resized(width, place) for b in self.branches), join=self.join)


def _scaled(state: State, factor: float) -> State:
    return replace(
        state,
        nngp=factor * state.nngp,
        ntk=factor * state.ntk,
        variance1=factor * state.variance1,
        variance2=factor * state.variance2,
    )


def _sum(a: State, b: State) -> State:
    return replace(
        a,
        nngp=a.nngp + b.nngp,
        ntk=a.ntk + b.ntk,
        variance1=a.variance1 + b.variance1,
        variance2=a.variance2 + b.variance2,
    )


def _product(a: State, b: State) -> State:
    return replace(
        a,
        nngp=a.nngp * b.nngp,
        ntk=a.ntk * b.nngp + a.nngp * b.ntk,
        variance1=a.variance1 * b.variance1,
        variance2=a.variance2 * b.variance2,
    )
