"""Inputs without the symmetry: a gap between classes slows the angle, stretching bends the pull.

Under a symmetric law the pull across w does not depend on its norm. For stretched inputs it is
exact too, in whitened coordinates, and depends on it; the tolerance is half the distance between
the two predictions, so that a measurement decides for one of them.
"""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from widthwise.data import gaussian_inputs
from widthwise.dynamics.directional import directional_flow, population_gradient
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.directional_convergence.common import (
    COSINE,
    LAWS,
    NORM,
    layers_of,
    trained,
)

if TYPE_CHECKING:
    from widthwise.studies.directional_convergence.study import DirectionalConvergence

PART = "inputs"
DEPTHS = (1, 2)
RATE, AT = 0.05, np.arange(0, 401, 25)
"""Learning rate, and after how many steps to record."""
ANGLE = float(np.arccos(COSINE))
POINTS = np.array([[1.0, 0.3], [0.2, 1.0]])
"""Inputs with their labels: two points and their mirror images, the first nine times as often."""
SHARE = 0.9
LIMIT = np.array([0.7, 0.8]) / np.hypot(0.7, 0.8)
"""The direction of largest margin: both points have equal margins."""
STRETCH = (1.0, 2.0)
"""Standard deviation of the second coordinate of Gaussian inputs, that of the others being one."""
RADII = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
OPENING = 1.0
"""Angle at which the pull is measured."""
DRAWS = 20_000


def draw_points(key: jax.Array, count: int) -> jax.Array:
    """Draw two points, or their mirror images: no law that rotations leave unchanged."""
    which, sign = jax.random.split(key)
    first = jax.random.bernoulli(which, SHARE, (count, 1))
    side = jnp.where(jax.random.bernoulli(sign, 0.5, (count, 1)), 1.0, -1.0)
    one, two = (jnp.asarray(row)[None] for row in POINTS)
    return side * jnp.where(first, one, two)


def predict(study: "DirectionalConvergence") -> xr.Dataset:
    """Angles under the symmetric law, and the pull across w for stretched inputs."""
    del study
    times = AT * RATE
    angles = [
        directional_flow(LAWS["circle"], times, depth=n, norm=NORM, angle=ANGLE).angle
        for n in DEPTHS
    ]
    law = gaussian_inputs(3)
    pull = np.empty((len(STRETCH), len(RADII)))
    for i, stretch in enumerate(STRETCH):
        root = np.array([1.0, stretch, 1.0])
        v, across = _frame()
        teacher = root * v / np.linalg.norm(root * v)
        for j, r in enumerate(RADII):
            # In whitened coordinates the inputs are symmetric, and so is the gradient exact.
            w = r * _direction()
            pull[i, j] = -(root * population_gradient(law, root * w, teacher)) @ across
    return xr.Dataset(
        {"angle": (("depth", "time"), np.stack(angles)), "pull": (("stretch", "radius"), pull)},
        coords={
            "depth": list(DEPTHS),
            "time": times,
            "stretch": list(STRETCH),
            "radius": RADII,
        },
    )


def shards(study: "DirectionalConvergence") -> list[Shard]:
    """One."""
    return shards_of(PART, {}, members=study.members, batch=study.members)


def measure(study: "DirectionalConvergence", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Train on the points; average gradients over draws."""
    side = np.array([LIMIT[1], -LIMIT[0]])
    start = NORM * (np.cos(ANGLE) * LIMIT + np.sin(ANGLE) * side)
    runs = trained(
        draw_points,
        [layers_of(start, depth) for depth in DEPTHS],
        LIMIT,
        keys=member_keys(key, 0, shard.members),
        learning_rates=[RATE] * len(DEPTHS),
        batch_size=study.batch_size,
        at=AT,
    )
    angle = np.stack([np.arctan2(np.abs(r.across), r.along).values for r in runs], axis=1)
    v, across = _frame()
    pull = np.empty((shard.size, len(STRETCH), len(RADII)))
    for member, own in enumerate(member_keys(key, 10**6, shard.members)):
        z = np.asarray(gaussian_inputs(3).draw(own, DRAWS), np.float64)
        for i, stretch in enumerate(STRETCH):
            x = z * np.array([1.0, stretch, 1.0])
            y = np.where(x @ v >= 0, 1.0, -1.0)
            margins = y[:, None] * (x @ _direction())[:, None] * RADII
            slopes = 1 / (1 + np.exp(margins))
            pull[member, i] = np.mean(slopes * (y * (x @ across))[:, None], axis=0)
    return xr.Dataset(
        {
            "angle": (("member", "depth", "time"), angle),
            "pull": (("member", "stretch", "radius"), pull),
        },
        coords={"time": AT * RATE, "depth": list(DEPTHS)},
    )


def claims(
    study: "DirectionalConvergence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Slower without the symmetry; a pull that depends on the norm with stretched inputs."""
    found = []
    for i, depth in enumerate(DEPTHS):
        mean = statistics.mean(measurement.angle.transpose("member", ...).values[:, i, -1])
        found.append(
            Claim(
                f"slower-{depth}",
                f"Angle to its limit at time {AT[-1] * RATE:g} on two points with a margin, "
                f"{depth} layer(s): at least that under the symmetric law",
                float(prediction.angle[i, -1]),
                float(mean.value),
                float(mean.standard_error),
                0.0,
                "at_least",
                members=study.members,
            )
        )
    ratios = prediction.pull.values[:, -1] / prediction.pull.values[:, 0]
    pull = measurement.pull.transpose("member", ...).values
    for i, stretch in enumerate(STRETCH):
        ends = np.stack([pull[:, i, -1], pull[:, i, 0]], axis=1)
        ratio = statistics.of_means(lambda m: m[0] / m[1], ends)
        found.append(
            Claim(
                f"pull-{stretch:g}",
                f"Pull across w at norm {RADII[-1]:g} over that at norm {RADII[0]:g}: Gaussian "
                f"inputs, one coordinate stretched by {stretch:g}",
                float(ratios[i]),
                float(ratio.value),
                float(ratio.standard_error),
                float(abs(ratios[0] - ratios[1]) / 2),
                members=study.members,
            )
        )
    return found


def pictures(
    study: "DirectionalConvergence", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Angles with and without symmetry; the pull against the norm."""
    del study
    figure, (left, right) = new_figure(2, titles=("angle", "pull across w"))
    time = prediction.time.values
    for i, depth in enumerate(DEPTHS):
        words = f"{depth} layer{'s' if depth > 1 else ''}"
        theory(left, time, prediction.angle[i], f"symmetric, {words}", color=i)
        mean = statistics.mean(measurement.angle.transpose("member", ...).values[:, i])
        measured(left, time, mean.value, mean.standard_error, f"two points, {words}", color=i)
    for i, stretch in enumerate(STRETCH):
        theory(right, RADII, prediction.pull[i], f"stretched by {stretch:g}", color=i)
        mean = statistics.mean(measurement.pull.transpose("member", ...).values[:, i])
        measured(right, RADII, mean.value, mean.standard_error, f"by {stretch:g}", color=i)
    log_axis(left, "y")
    log_axis(right, "x", base=2)
    left.set_xlabel("learning rate × steps")
    left.set_ylabel("angle to the limit")
    right.set_xlabel("norm of w")
    right.set_ylabel("pull")
    legend(left)
    legend(right)
    return [
        Picture(
            "inputs",
            "Without the symmetry the direction is slow, and its pull depends on the norm",
            "Left: lines, the flow under the symmetric law; points, networks on two points with a "
            "margin. Right: Gaussian inputs; flat if the law is symmetric.",
            figure,
        )
    ]


def _frame() -> tuple[np.ndarray, np.ndarray]:
    """Return the teacher, and the direction across w towards it."""
    v = np.array([0.6, 0.8, 0.0])
    w = _direction()
    across = v - (v @ w) * w
    return v, across / np.linalg.norm(across)


def _direction() -> np.ndarray:
    v = np.array([0.6, 0.8, 0.0])
    side = np.array([0.8, -0.6, 0.0])
    return np.cos(OPENING) * v + np.sin(OPENING) * side
