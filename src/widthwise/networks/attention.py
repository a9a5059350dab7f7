"""Self-attention between all positions of an example."""

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from widthwise.networks.dense import Affine
from widthwise.networks.layer import Layer
from widthwise.networks.linear import Scales, draw, gains, scales, through
from widthwise.networks.masks import Mask, Masking
from widthwise.networks.parametrization import Real, check_std
from widthwise.networks.place import Features, Place
from widthwise.networks.positions import positions_of, spatial
from widthwise.networks.spatial_state import SpatialState, State
from widthwise.numerics.choices import check_choice
from widthwise.numerics.draws import Draws

_MECHANISMS: dict[str, Callable[[Array], Array]] = {
    "softmax": jax.nn.softmax,
    "identity": lambda logits: logits,
    "relu": jax.nn.relu,
    "abs": jnp.abs,
}


class Attention(Masking):
    """Self-attention of one example: ``sum_q zeta(k_p . k_q / key width) v_q`` in every head.

    The three maps of all heads stand side by side: keys, which are the queries too, values, and
    the readout of the heads' values.
    """

    key: Affine
    value: Affine
    out: Affine
    heads: int = eqx.field(static=True)
    mechanism: str = eqx.field(static=True)

    def __call__(self, x: Float[Array, "*positions c"]) -> Float[Array, "*positions k"]:
        """Apply the map."""
        return self._attend(x, None)

    def masked(
        self, x: Float[Array, "*positions c"], mask: Mask, key: Key[Array, ""] | None
    ) -> tuple[Float[Array, "*positions k"], Mask]:
        """See :class:`Masking`: only real positions are attended to."""
        del key
        return self._attend(x, mask), mask

    def _attend(self, x: Array, mask: Mask | None) -> Array:
        tokens = x.reshape(-1, x.shape[-1])
        keys, values = (
            f(tokens).reshape(len(tokens), self.heads, -1) for f in (self.key, self.value)
        )
        logits = jnp.einsum("phd,qhd->hpq", keys, keys) / keys.shape[-1]
        weights = _attended(self.mechanism, logits, None if mask is None else mask.reshape(-1))
        mixed = jnp.einsum("hpq,qhd->phd", weights, values).reshape(len(tokens), -1)
        return self.out(mixed).reshape(*x.shape[:-1], -1)


@dataclass(frozen=True)
class SelfAttention(Layer):
    """Self-attention with equal weights for keys and queries, and logits divided by their width.

    Parameters
    ----------
    width
        Number of output channels.
    heads
        Number of heads; it does not grow.
    head_width
        Keys, and values, of one head; None means ``width``.
    mechanism
        What makes weights of logits: ``"softmax"`` over the positions attended to, or
        ``"identity"``, ``"relu"``, ``"abs"`` entry by entry.
    key_std, query_std, value_std, out_std, bias_std
        Gains; None takes those of the network's parametrization. Keys and queries are one map,
        whose gain is the geometric mean of theirs.
    bias
        False leaves the bias of the outputs out whatever the parametrization says; keys, queries
        and values have none.

    Notes
    -----
    As the heads grow wide, the attention weights become a fixed function of the covariance of an
    example's positions, in every head the same. Hron, Bahri, Sohl-Dickstein & Novak (2020,
    arXiv:2006.10540), linear scaling.
    """

    width: int
    heads: int = 1
    _: KW_ONLY
    head_width: int | None = None
    mechanism: str = "softmax"
    key_std: Real | None = None
    query_std: Real | None = None
    value_std: Real | None = None
    out_std: Real | None = None
    bias_std: Real | None = None
    bias: bool = True

    def __post_init__(self) -> None:
        for name in ("width", "heads", "head_width"):
            value = getattr(self, name)
            if value is None and name == "head_width":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"{name} of SelfAttention is {value!r}: give a whole number of at least 1"
                )
        check_choice("mechanism of SelfAttention", self.mechanism, list(_MECHANISMS))
        for name in ("key_std", "query_std", "value_std", "out_std", "bias_std"):
            check_std(name, getattr(self, name))

    @property
    def inner(self) -> int:
        """Values (and keys) of all heads together."""
        return self.heads * (self.head_width or self.width)

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`."""
        positions = positions_of(self, features)
        return replace(features, shape=(*positions, self.width), wide=not place.last, law="fresh")

    def scales(self, features: Features, place: Place) -> tuple[Scales, Scales, Scales]:
        """Scales of keys, values and readout."""
        common = place.parametrization.weight_std
        key, query = (common if s is None else s for s in (self.key_std, self.query_std))
        inside, channels = place.inside(), features.shape[-1]
        return (
            scales(
                features, inside,
                fan_in=channels, width=self.inner, weight_std=(key * query) ** 0.5, bias=False,
            ),
            scales(
                features, inside,
                fan_in=channels, width=self.inner, weight_std=self.value_std, bias=False,
            ),
            scales(
                replace(features, wide=True), place,
                fan_in=self.inner, width=self.width, weight_std=self.out_std,
                bias_std=self.bias_std, bias=self.bias,
            ),
        )  # fmt: skip

    def build(self, draws: Draws, features: Features, place: Place) -> Attention:
        """See :class:`Layer`."""
        sizes = (self.inner, features.shape[-1]), (self.inner, features.shape[-1]), (
            self.width, self.inner,
        )  # fmt: skip
        key, value, out = (
            Affine(*draw(draws, features, rows, weight=shape, bias=shape[:1]))
            for rows, shape in zip(self.scales(features, place), sizes, strict=True)
        )
        return Attention(key, value, out, self.heads, self.mechanism)

    def propagate(self, state: State, place: Place) -> SpatialState:
        """See :class:`Layer`.

        With attention weights G = zeta(gain of keys and queries times K(x, x)), G K G'^T and
        G T G'^T go through values and readout as through two linear layers. Keys and queries
        move the outputs less than these by a factor of the head's width.
        """
        state = spatial(self, state)
        axes, features, output = state.axes, state.features, self.output(state.features, place)
        keys, values, out = self.scales(features, place)
        gain = gains(keys, features.shape[-1]).gain
        g1, g2 = (
            _attended(self.mechanism, gain * _square(v, axes), _line(mask))
            for v, mask in ((state.variance1, state.mask1), (state.variance2, state.mask2))
        )

        def mixed(k: Array, left: Array, right: Array) -> Array:
            return (left @ _square(k, axes) @ jnp.swapaxes(right, -1, -2)).reshape(k.shape)

        first, second = (g1[:, None], g2[None]) if state.pairwise else (g1, g2)
        state = replace(
            state,
            nngp=mixed(state.nngp, first, second),
            ntk=mixed(state.ntk, first, second),
            variance1=mixed(state.variance1, g1, g1),
            variance2=mixed(state.variance2, g2, g2),
        )
        state = through(state.tied(), gains(values, features.shape[-1]), features)
        return through(state, gains(out, self.inner), output)

    def needs_all_positions(self, wanted: bool) -> bool:
        """See :class:`Layer`."""
        del wanted
        return True

    def resized(self, width: int, place: Place) -> "SelfAttention":
        """See :class:`Layer`."""
        return replace(self, width=self.width if place.last else width, head_width=width)


def _attended(
    mechanism: str,
    logits: Float[Array, "*pairs p q"],
    mask: Bool[Array, "*examples q"] | None,
) -> Float[Array, "*pairs p q"]:
    """Attention weights, zero for padding; finite also where nothing is real."""
    if mask is None:
        return _MECHANISMS[mechanism](logits)
    real = mask[..., None, :]
    weights = _MECHANISMS[mechanism](jnp.where(real, logits, jnp.finfo(logits.dtype).min))
    return jnp.where(real, weights, 0.0)


def _line(mask: Mask | None) -> Mask | None:
    """Positions in one axis."""
    return None if mask is None else mask.reshape(len(mask), -1)


def _square(k: Float[Array, "*pairs"], axes: int) -> Float[Array, "*square"]:
    """Positions in one axis each: (..., *P, *P') to (..., p, p')."""
    size = math.prod(k.shape[k.ndim - axes :])
    return k.reshape((*k.shape[: k.ndim - 2 * axes], size, size))
