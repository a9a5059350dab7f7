"""Random embeddings of positions, added to features or put beside them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from widthwise.networks.linear import Linear, scales
from widthwise.networks.parametrization import Real, Scale, check_std
from widthwise.networks.place import Features, Place
from widthwise.networks.spatial_state import SpatialState
from widthwise.numerics.choices import check_choice
from widthwise.numerics.draws import Draws

Decay = Callable[[Any], Any]
_NEGATIVE = 1e-8  # eigenvalues of rounding, relative to the largest


@dataclass(frozen=True)
class PositionEmbedding:
    r"""How embeddings of positions are drawn and joined to features.

    Parameters
    ----------
    join
        ``"sum"`` adds them to the features, ``"concatenation"`` puts them behind the channels.
    std
        Standard deviation of their entries, where ``decay`` is 1.
    decay
        Covariance of the embeddings of two positions, a function of their distance (an array);
        None makes different positions independent.
    power
        The distance is the sum over axes of the differences of coordinates to this power.
    width
        Channels of the embeddings; None means as many as the features have. Sums need None.
    values
        Whether values read them too, and not only keys and queries.

    Notes
    -----
    The embeddings are trained parameters, in the parametrizations' role of a bias. Their products
    with the features vanish as both grow wide; for data of c channels, like 1 / sqrt(c).
    Hron, Bahri, Sohl-Dickstein & Novak (2020, arXiv:2006.10540).
    """

    join: str = "sum"
    std: Real = 1.0
    decay: Decay | None = None
    power: float | int = 2
    width: int | None = None
    values: bool = False

    def __post_init__(self) -> None:
        check_choice("join of PositionEmbedding", self.join, ("sum", "concatenation"))
        check_std("std of PositionEmbedding", self.std)
        if self.width is not None and (self.join == "sum" or self.width < 1):
            raise ValueError(
                f"width of PositionEmbedding is {self.width} with join {self.join!r}: give None, "
                "or at least 1 channel with 'concatenation'"
            )

    def channels(self, features: Features) -> int:
        """Channels of the embeddings beside given features."""
        return features.shape[-1] if self.width is None else self.width

    def joined(self, features: Features) -> Features:
        """Features with embeddings."""
        if self.join == "sum":
            return features
        *positions, own = features.shape
        return replace(features, shape=(*positions, own + self.channels(features)))

    def build(self, draws: Draws, features: Features, place: Place) -> "Embedding":
        """Draw embeddings of all positions."""
        shape = (*features.shape[:-1], self.channels(features))
        scale = self._scale(features, place)
        numbers = scale.init_std * draws.normal(shape, features.dtype)
        # a gain may be traced, and the scale has it
        return Embedding(numbers, None, scale, None, replace(self, std=1.0))

    def propagate(self, state: SpatialState, place: Place) -> SpatialState:
        """Kernels of the features with embeddings: sums, weighted by channels if put beside."""
        features, scale = state.features, self._scale(state.features, place)
        joined = self.joined(features)
        part = 1.0 if self.join == "sum" else features.shape[-1] / joined.shape[-1]
        rest = 1.0 if self.join == "sum" else 1.0 - part
        positions = features.shape[:-1]
        law = jnp.asarray(_covariance(self.decay, self.power, positions), features.dtype)
        law = law.reshape(positions + positions)
        covariance = rest * (scale.multiplier * scale.init_std) ** 2 * law
        tangent = rest * scale.sgd * scale.multiplier**2 * law

        def added(k: Array, own: Array) -> Array:
            return part * k + jnp.broadcast_to(own, k.shape)

        return replace(
            state,
            nngp=added(state.nngp, covariance),
            ntk=added(state.ntk, tangent),
            variance1=added(state.variance1, covariance),
            variance2=added(state.variance2, covariance),
            features=joined,
        ).zeroed()

    def resized(self, width: int) -> "PositionEmbedding":
        """Return the same with the width of its own, if it has one, set to ``width``."""
        return self if self.width is None else replace(self, width=width)

    def _scale(self, features: Features, place: Place) -> Scale:
        _, scale = scales(
            features, place,
            fan_in=1, width=self.channels(features), weight_std=None, bias_std=self.std,
        )  # fmt: skip
        assert scale is not None
        return scale


class Embedding(Linear):
    """Embeddings of the positions of one example; ``weight`` has shape (*positions, channels)."""

    rule: PositionEmbedding = eqx.field(static=True)

    def __call__(self, x: Float[Array, "*positions c"]) -> Float[Array, "*positions d"]:
        """Join them to the features of one example."""
        numbers, positions = self.scaled(self.weight), x.shape[:-1]
        if self.rule.decay is not None:
            root = jnp.asarray(_root(self.rule.decay, self.rule.power, positions), x.dtype)
            numbers = (root @ numbers.reshape(len(root), -1)).reshape(numbers.shape)
        return x + numbers if self.rule.join == "sum" else jnp.concatenate([x, numbers], -1)


@lru_cache(maxsize=8)
def _covariance(
    decay: Decay | None, power: float | int, positions: tuple[int, ...]
) -> Float[np.ndarray, "p p"]:
    """Covariance of the embeddings of all pairs of positions.

    Raises
    ------
    ValueError
        If it is not one number for each pair, or none of random variables.
    """
    points = np.stack(np.meshgrid(*map(np.arange, positions), indexing="ij"), -1)
    points = points.reshape(-1, len(positions)).astype(float)
    if decay is None:
        return np.eye(len(points))
    distance = np.sum(np.abs(points[:, None] - points[None]) ** power, axis=-1)
    with jax.ensure_compile_time_eval(), np.errstate(all="ignore"):
        found = np.asarray(decay(distance), float)
    if found.shape != distance.shape or not np.isfinite(found).all():
        raise ValueError(
            f"decay made {found.shape} of distances {distance.shape}, or numbers that are not "
            "finite: give a function that acts on every distance, finite at 0 too"
        )
    lowest, *_, largest = np.linalg.eigvalsh(found) if len(found) > 1 else (found[0, 0],) * 2
    if lowest < -_NEGATIVE * largest:
        raise ValueError(
            f"decay is not a covariance: of the positions {positions} its smallest eigenvalue is "
            f"{lowest:.3g}; give a positive definite function, such as exp(-distance)"
        )
    return found


@lru_cache(maxsize=8)
def _root(decay: Decay, power: float | int, positions: tuple[int, ...]) -> Float[np.ndarray, "p p"]:
    """Matrix whose product with its transpose is the covariance."""
    values, vectors = np.linalg.eigh(_covariance(decay, power, positions))
    return vectors * np.sqrt(np.maximum(values, 0.0))
