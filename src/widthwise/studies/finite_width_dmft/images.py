"""Real inputs: two classes of Fashion-MNIST, training and test images.

Mean-field dynamics beside networks of many widths, on images they are trained on and on others.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise import activations, data
from widthwise.dynamics import dmft
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics import fits, statistics
from widthwise.plotting import Picture, diagonal, legend, log_axis, measured, new_figure, power_law
from widthwise.studies.finite_width_dmft.deep import SAMPLING
from widthwise.studies.finite_width_dmft.networks import (
    Data,
    chain,
    kept,
    members_at,
    trained,
)

if TYPE_CHECKING:
    from widthwise.studies.finite_width_dmft.study import FiniteWidthDmft

PART = "images"
CLASSES = (0, 9)
"""T-shirts and ankle boots."""
LEARNING_RATE, RICHNESS = 0.05, 1.0


def predict(study: "FiniteWidthDmft") -> xr.Dataset:
    """Outputs at infinite width after the last step, with their standard errors."""
    known, x_test, y_test = images(study)
    solution = dmft(
        chain(activations.get(study.activation), study.depth),
        known,
        steps=study.image_steps,
        learning_rate=LEARNING_RATE,
        richness=RICHNESS,
        loss="sum",
        x_test=x_test,
        sites=study.image_sites,
        key=jax.random.key(study.seed + 2),
        method="sampled",
        tolerance=0.1,
    )
    return xr.Dataset(
        {
            "output": ("input", solution.output[-1]),
            "output_standard_error": ("input", solution.standard_error["output"][-1]),
            "target": ("input", np.concatenate([known[1], y_test]).astype(float)),
        },
        attrs={"source": f"mean-field dynamics, {solution.sites} neurons"},
    )


def shards(study: "FiniteWidthDmft") -> list[Shard]:
    """Wide networks are fewer."""
    return [
        shard
        for width in study.image_widths
        for shard in shards_of(
            PART,
            {"width": width},
            members=members_at(study.image_members, width, max(study.image_widths)),
            batch=10**9,
        )
    ]


def measure(study: "FiniteWidthDmft", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Outputs of trained networks on training and test images."""
    known, x_test, _ = images(study)
    history = trained(
        chain(activations.get(study.activation), study.depth, int(shard.settings["width"])),
        known,
        key=key,
        members=shard.members,
        steps=study.image_steps,
        learning_rate=LEARNING_RATE,
        richness=RICHNESS,
        record=("output",),
        x_test=x_test,
    ).isel(step=-1)
    both = [history[name].values.reshape(shard.size, -1) for name in ("output", "test_output")]
    return xr.Dataset({"output": (("member", "input"), np.concatenate(both, axis=1))})


def claims(
    study: "FiniteWidthDmft", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Distance of the mean from infinite width, and power of the variance."""
    widest, narrow = max(study.image_widths), min(study.image_widths)
    test = slice(study.image_count, None)
    where = f"{study.image_count} test images of Fashion-MNIST"
    # Along the direction of the targets: the margin, the mean of output times target.
    sign = prediction.target.values[test]
    limit = float(np.mean(prediction.output.values[test] * sign))
    error = float(np.sqrt(np.mean(prediction.output_standard_error.values[test] ** 2)))
    margin = statistics.mean(np.mean(kept(measurement, "output", width=widest)[:, test] * sign, 1))
    law = fits.fit_power_law(np.array(study.image_widths), *_variances(study, measurement, test))
    return [
        Claim(
            name="images-margin",
            statement=f"Mean of output times target on {where}, width {widest}",
            predicted=limit,
            measured=float(margin.value),
            standard_error=float(margin.standard_error),
            tolerance=SAMPLING * error + 2 * abs(limit) / widest,
            members=study.image_members,
        ),
        Claim(
            name="images-exponent",
            statement=f"Power of width in the variance of the output on {where}",
            predicted=-1.0,
            measured=law.exponent,
            standard_error=law.exponent_error,
            tolerance=2 * study.depth / narrow,
        ),
    ]


def pictures(
    study: "FiniteWidthDmft", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Outputs against their prediction, and variance against width."""
    titles = ("outputs after training", "variance over networks")
    figure, (left, right) = new_figure(2, titles=titles)
    widths = np.array(study.image_widths)
    count = study.image_count
    mean = statistics.mean(kept(measurement, "output", width=int(widths.max())))
    diagonal(left)
    parts = (("training images", slice(0, count)), ("test images", slice(count, None)))
    for i, (label, part) in enumerate(parts):
        at, error = mean.value[part], mean.standard_error[part]
        measured(left, prediction.output.values[part], at, error, label, color=i)
        value, spread = _variances(study, measurement, part)
        measured(right, widths, value, spread, label, color=i)
        if i == 0:
            power_law(right, widths, (float(widths[0]), float(value[0])), exponent=-1)
    left.set_xlabel("infinite width")
    left.set_ylabel(f"mean over networks, width {widths.max()}")
    log_axis(right, "x", base=2, ticks=widths.tolist())
    log_axis(right, "y")
    right.set_xlabel("width")
    right.set_ylabel("variance of the output")
    legend(left)
    legend(right)
    return [
        Picture(
            "images",
            "Images: outputs at infinite width, and how networks scatter around them",
            f"{study.activation}, {study.depth} hidden layers, {count} training and {count} test "
            f"images of two classes of Fashion-MNIST, {study.image_steps} steps of size "
            f"{LEARNING_RATE:g}, richness {RICHNESS:g}. Horizontal: mean-field dynamics. Points: "
            "networks, with standard errors.",
            figure,
        )
    ]


def images(study: "FiniteWidthDmft") -> tuple[Data, np.ndarray, np.ndarray]:
    """Training images with targets +1 and -1, test images, and their targets; |x|^2 = 784."""
    found = []
    for split in ("train", "test"):
        x, labels = data.fashion_mnist_subset(split=split)
        half = study.image_count // 2
        chosen = np.concatenate([np.flatnonzero(labels == c)[:half] for c in CLASSES])
        inputs = np.asarray(data.as_unit_inputs(x[chosen], subtract_mean=True), np.float32)
        found += [inputs, np.repeat([1.0, -1.0], half).astype(np.float32)]
    x, y, x_test, y_test = found
    return (x, y), x_test, y_test


def _variances(
    study: "FiniteWidthDmft", measurement: xr.Dataset, part: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Variance over members, averaged over images, at every width."""
    values, errors = [], []
    for width in study.image_widths:
        outputs = kept(measurement, "output", width=width)[:, part]
        squares = np.mean((outputs - outputs.mean(axis=0)) ** 2, axis=1)
        spread = statistics.mean(squares * len(outputs) / (len(outputs) - 1))
        values.append(float(spread.value))
        errors.append(float(spread.standard_error))
    return np.array(values), np.array(errors)
