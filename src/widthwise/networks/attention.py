"""Self-attention between all positions of an example."""

import math
from dataclasses import KW_ONLY, dataclass, replace
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from widthwise.networks.attention_map import MECHANISMS, Attention, attended
from widthwise.networks.dense import Affine
from widthwise.networks.layer import Layer
from widthwise.networks.linear import Scales, draw, gains, scales, through
from widthwise.networks.masks import Mask
from widthwise.networks.parametrization import Real, check_std
from widthwise.networks.place import Features, Place
from widthwise.networks.position_embedding import PositionEmbedding
from widthwise.networks.positions import positions_of, spatial
from widthwise.networks.spatial_state import SpatialState, State
from widthwise.numerics.choices import check_choice
from widthwise.numerics.draws import Draws


class Maps(NamedTuple):
    """Scales of the weights of keys, values, readout and queries, and what each reads."""

    key: Scales
    value: Scales
    out: Scales
    query: Scales
    read: int
    valued: int


@dataclass(frozen=True)
class SelfAttention(Layer):
    """Self-attention, in the scalings that have a limit of infinite width.

    Parameters
    ----------
    width
        Number of output channels.
    heads
        Number of heads; it does not grow.
    head_width
        Keys of one head; None means ``width``.
    value_width
        Values of one head; None means as many as keys.
    mechanism
        What makes weights of logits: ``"softmax"`` over the positions attended to, or
        ``"identity"``, ``"relu"``, ``"abs"`` entry by entry.
    scaling
        ``"linear"``: keys and queries are one map, and logits are divided by its width.
        ``"sqrt"``: they are independent, and logits are divided by the square root; the limit is
        known with ``mechanism="identity"`` only.
    positions
        Embeddings of positions that keys and queries read; None for none.
    key_std, query_std, value_std, out_std, bias_std
        Gains; None takes those of the network's parametrization. Where keys and queries are one
        map, its gain is the geometric mean of theirs.
    bias
        False leaves the bias of the outputs out whatever the parametrization says; keys, queries
        and values have none.

    Notes
    -----
    As the heads grow wide, with linear scaling the attention weights become a fixed function of
    the covariance of an example's positions, in every head the same. With square roots they stay
    random, Gaussian, and the covariance of the outputs is its mean over them, approached as the
    number of heads grows too. Hron, Bahri, Sohl-Dickstein & Novak (2020, arXiv:2006.10540).
    """

    width: int
    heads: int = 1
    _: KW_ONLY
    head_width: int | None = None
    value_width: int | None = None
    mechanism: str = "softmax"
    scaling: str = "linear"
    positions: PositionEmbedding | None = None
    key_std: Real | None = None
    query_std: Real | None = None
    value_std: Real | None = None
    out_std: Real | None = None
    bias_std: Real | None = None
    bias: bool = True

    def __post_init__(self) -> None:
        for name in ("width", "heads", "head_width", "value_width"):
            value = getattr(self, name)
            if value is None and name.endswith("_width"):
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"{name} of SelfAttention is {value!r}: give a whole number of at least 1"
                )
        check_choice("mechanism of SelfAttention", self.mechanism, list(MECHANISMS))
        check_choice("scaling of SelfAttention", self.scaling, ("linear", "sqrt"))
        for name in ("key_std", "query_std", "value_std", "out_std", "bias_std"):
            check_std(name, getattr(self, name))

    @property
    def inner(self) -> tuple[int, int]:
        """Keys and values of all heads together."""
        keys = self.head_width or self.width
        return self.heads * keys, self.heads * (self.value_width or keys)

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`."""
        positions = positions_of(self, features)
        return replace(features, shape=(*positions, self.width), wide=not place.last, law="fresh")

    def maps(self, features: Features, place: Place) -> Maps:
        """Scales of all weights."""
        common = place.parametrization.weight_std
        key, query = (common if s is None else s for s in (self.key_std, self.query_std))
        if self.scaling == "linear":
            key = query = (key * query) ** 0.5
        inside, (keys, values) = place.inside(), self.inner
        read = valued = features.shape[-1]
        if self.positions is not None:
            read = self.positions.joined(features).shape[-1]
            valued = read if self.positions.values else valued

        def reading(width: int, fan_in: int, std: Real | None) -> Scales:
            return scales(features, inside, fan_in=fan_in, width=width, weight_std=std, bias=False)

        out = scales(
            replace(features, wide=True), place,
            fan_in=values, width=self.width, weight_std=self.out_std,
            bias_std=self.bias_std, bias=self.bias,
        )  # fmt: skip
        return Maps(
            key=reading(keys, read, key),
            value=reading(values, valued, self.value_std),
            out=out,
            query=reading(keys, read, query),
            read=read,
            valued=valued,
        )

    def build(self, draws: Draws, features: Features, place: Place) -> Attention:
        """See :class:`Layer`."""
        maps, (keys, values) = self.maps(features, place), self.inner

        def affine(rows: Scales, width: int, fan_in: int) -> Affine:
            return Affine(*draw(draws, features, rows, weight=(width, fan_in), bias=(width,)))

        key = affine(maps.key, keys, maps.read)
        value = affine(maps.value, values, maps.valued)
        out = affine(maps.out, self.width, values)
        query = affine(maps.query, keys, maps.read) if self.scaling == "sqrt" else None
        embedding = None
        if self.positions is not None:
            embedding = self.positions.build(draws, features, place.inside())
        return Attention(key, value, out, query, embedding, self.heads, self.mechanism)

    def propagate(self, state: State, place: Place) -> SpatialState:
        """See :class:`Layer`.

        With linear scaling and attention weights G = zeta(gain of keys and queries times
        K(x, x)), G K G'^T and G T G'^T go through values and readout as through two linear
        layers; keys and queries move the outputs less than these by a factor of the head's width.
        With the square root see ``_random_weights``.
        """
        state = spatial(self, state)
        output, maps = self.output(state.features, place), self.maps(state.features, place)
        read = state
        if self.positions is not None:
            read = self.positions.propagate(state, place.inside())
        valued = read if self.positions is not None and self.positions.values else state
        mix = self._fixed_weights if self.scaling == "linear" else self._random_weights
        return through(mix(read, valued, maps), gains(maps.out, self.inner[1]), output)

    def _fixed_weights(self, read: SpatialState, valued: SpatialState, maps: Maps) -> SpatialState:
        axes, gain = read.axes, gains(maps.key, maps.read).gain
        g1, g2 = (
            attended(self.mechanism, gain * _square(v, axes), _line(mask))
            for v, mask in ((read.variance1, read.mask1), (read.variance2, read.mask2))
        )

        def mixed(k: Array, left: Array, right: Array) -> Array:
            return (left @ _square(k, axes) @ jnp.swapaxes(right, -1, -2)).reshape(k.shape)

        first, second = (g1[:, None], g2[None]) if read.pairwise else (g1, g2)
        state = replace(
            valued,
            nngp=mixed(valued.nngp, first, second),
            ntk=mixed(valued.ntk, first, second),
            variance1=mixed(valued.variance1, g1, g1),
            variance2=mixed(valued.variance2, g2, g2),
        )
        return through(state.tied(), gains(maps.value, maps.valued), read.features)

    def _random_weights(self, read: SpatialState, valued: SpatialState, maps: Maps) -> SpatialState:
        """Means over logits that are Gaussian, of covariance Q(p, p') K(q, q').

        With Q, K, V the kernels of queries, keys and values, and S the sum over q and q' of K V,
        the kernel of a head is Q S. Each factor of this product moves the head by its own tangent
        kernel.
        """
        if self.mechanism != "identity":
            raise ValueError(
                f"{self!r} has no known kernel: with scaling 'sqrt' give mechanism 'identity', or "
                "take scaling 'linear'"
            )
        features = read.features
        q = through(read, gains(maps.query, maps.read), features)
        k = through(read, gains(maps.key, maps.read), features)
        v = through(valued, gains(maps.value, maps.valued), features)

        def total(pairs: Array) -> Array:
            return jnp.sum(pairs, axis=tuple(range(-2 * read.axes, 0)), keepdims=True)

        both = total(k.nngp * v.nngp)
        moved = total(k.ntk * v.nngp + k.nngp * v.ntk)
        return replace(
            q,
            nngp=q.nngp * both,
            ntk=q.ntk * both + q.nngp * moved,
            variance1=q.variance1 * total(k.variance1 * v.variance1),
            variance2=q.variance2 * total(k.variance2 * v.variance2),
        ).tied()

    def needs_all_positions(self, wanted: bool) -> bool:
        """See :class:`Layer`."""
        del wanted
        return True

    def resized(self, width: int, place: Place) -> "SelfAttention":
        """See :class:`Layer`."""
        return replace(
            self,
            width=self.width if place.last else width,
            head_width=width,
            value_width=None,
            positions=None if self.positions is None else self.positions.resized(width),
        )


def _line(mask: Mask | None) -> Mask | None:
    """Positions in one axis."""
    return None if mask is None else mask.reshape(len(mask), -1)


def _square(k: Float[Array, "*pairs"], axes: int) -> Float[Array, "*square"]:
    """Positions in one axis each: (..., *P, *P') to (..., p, p')."""
    size = math.prod(k.shape[k.ndim - axes :])
    return k.reshape((*k.shape[: k.ndim - 2 * axes], size, size))
