"""Laws of inputs, starts and statistics that the parts share."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.data import SphericalLaw, gaussian_inputs, radial_inputs, sphere_inputs
from widthwise.dynamics.directional import balanced_weights
from widthwise.ensembles import train_directions
from widthwise.experiments import Shard, shards_of
from widthwise.numerics import statistics

if TYPE_CHECKING:
    from widthwise.studies.directional_convergence.study import DirectionalConvergence

LAWS: dict[str, SphericalLaw] = {
    "circle": sphere_inputs(2),
    "gaussian": gaussian_inputs(5),
    "radial": radial_inputs(4, np.ones_like, support=(0.5, 1.5), name="uniform radius"),
}
NORM, COSINE = 1.0, -0.8
"""Where the published figures start: norm, and cosine of the angle to the teacher."""
HIDDEN = 2
"""Hidden neurons; the theory of balanced networks does not depend on their number."""


def plane_start(dimension: int, *, norm: float, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a teacher and the product of layers at an angle to it."""
    teacher, start = np.zeros(dimension), np.zeros(dimension)
    teacher[1] = 1.0
    start[:2] = norm * np.sin(angle), norm * np.cos(angle)
    return teacher, start


def shards_by_law(study: "DirectionalConvergence", part: str) -> list[Shard]:
    """One for each law: networks of all depths see the same samples."""
    return [
        shard
        for name in study.laws
        for shard in shards_of(part, {"law": name}, members=study.members, batch=study.members)
    ]


def layers_of(product: np.ndarray, depth: int) -> list[np.ndarray]:
    """Return balanced layers with this product."""
    return balanced_weights(product, (HIDDEN,) * (depth - 1))


def trained(
    draw: Callable[[jax.Array, int], jax.Array],
    networks: Sequence[Sequence[np.ndarray]],
    teacher: np.ndarray,
    *,
    keys: jax.Array,
    learning_rates: Sequence[float],
    batch_size: int,
    at: np.ndarray,
) -> list[xr.Dataset]:
    """Train members, all from the same layers, and keep what theory speaks of."""
    members = len(keys)
    found = train_directions(
        draw,
        [[np.broadcast_to(w, (members, *w.shape)) for w in layers] for layers in networks],
        teacher,
        keys=keys,
        learning_rates=learning_rates,
        batch_size=batch_size,
        at=at,
    )
    return [in_the_plane(each, teacher) for each in found]


def in_the_plane(found: xr.Dataset, teacher: np.ndarray) -> xr.Dataset:
    """Return the parts of the product along the teacher, across it in the first plane, and norm.

    Across is signed: noise of the samples averages out of it, unlike out of the angle.
    """
    w = found["product"].values
    v = teacher / np.linalg.norm(teacher)
    along = w @ v
    rest = w - along[..., None] * v
    first = rest[:, :1] / np.linalg.norm(rest[:, :1], axis=-1, keepdims=True)
    clock = ("member", "record")
    return xr.Dataset(
        {
            "along": (clock, along),
            "across": (clock, np.sum(rest * first, axis=-1)),
            "norm": (clock, np.linalg.norm(w, axis=-1)),
            "loss": (clock, found["loss"].values),
        }
    )


def log_tangent(measured: xr.Dataset) -> statistics.Estimate:
    """Logarithm of tan(theta / 2) at every time, of the mean direction of the members."""
    return statistics.of_means(_log_ratio, _parts(measured))


def log_tangent_change(measured: xr.Dataset, first: int, last: int) -> statistics.Estimate:
    """Its change from one record to another."""
    parts = _parts(measured)
    both = np.concatenate([parts[:, :, first], parts[:, :, last]], axis=1)
    return statistics.of_means(lambda m: _log_ratio(m[2:]) - _log_ratio(m[:2]), both)


def _parts(measured: xr.Dataset) -> np.ndarray:
    table = measured.transpose("member", "record", ...)
    return np.stack([table.across.values, table.norm.values + table.along.values], axis=1)


def _log_ratio(means: np.ndarray) -> np.ndarray:
    # A mean that noise has carried across the teacher has no logarithm: its claim is undecided.
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.log(means[0] / means[1]))


def sampling_noise(rate: float, batch_size: int) -> float:
    """What fresh samples change in one network, to first order: sqrt(rate / batch size)."""
    return float(np.sqrt(rate / batch_size))
