"""Two hidden layers of linear neurons: the covariance of all kernels while features are learned.

To first order in 1/width it is the inverse Hessian of the action of the mean-field theory.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise import activations
from widthwise.dynamics.fluctuations import fluctuations
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics import statistics
from widthwise.plotting import Picture, legend, measured, new_figure, theory
from widthwise.studies.finite_width_dmft.networks import ONE_POINT, chain, kept, trained

if TYPE_CHECKING:
    from widthwise.studies.finite_width_dmft.study import FiniteWidthDmft

PART = "deep_linear"
DEPTH, STEPS, LEARNING_RATE = 2, 10, 0.05
NAMES = ("output", "feature_kernel", "gradient_kernel")


def predict(study: "FiniteWidthDmft") -> xr.Dataset:
    """Variances of output and kernels at every step."""
    del study
    found = fluctuations(
        chain(activations.identity, DEPTH),
        ONE_POINT,
        steps=STEPS,
        learning_rate=LEARNING_RATE,
        loss="sum",
    )
    size = sum(np.sum(found.variance(name)[0]) for name in NAMES)
    table: dict[str, tuple] = {"initial_variance": ((), size)}
    for name in NAMES:
        axes = ("step",) if name == "output" else ("step", "layer")
        shape = (STEPS + 1, DEPTH)[: len(axes)]
        table[name] = (axes, found.mean[name].reshape(shape))
        table[f"{name}_variance"] = (axes, found.variance(name).reshape(shape))
    coords = {"step": np.arange(STEPS + 1), "layer": np.arange(1, DEPTH + 1)}
    return xr.Dataset(table, coords=coords, attrs={"source": "inverse Hessian of the action"})


def shards(study: "FiniteWidthDmft") -> list[Shard]:
    """One shard."""
    members = study.linear_members
    return shards_of(PART, {}, members=members, batch=members)


def measure(study: "FiniteWidthDmft", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Output and kernels of real networks after every step."""
    history = trained(
        chain(activations.identity, DEPTH, study.linear_width),
        ONE_POINT,
        key=key,
        members=shard.members,
        steps=STEPS,
        learning_rate=LEARNING_RATE,
        richness=1.0,
        record=NAMES,
    )
    shape = (shard.size, STEPS + 1)
    table: dict[str, tuple] = {"output": (("member", "step"), history.output.values.reshape(shape))}
    for name in NAMES[1:]:
        values = history[name].transpose("member", "step", "layer", ...).values
        table[name] = (("member", "step", "layer"), values.reshape(*shape, DEPTH))
    return xr.Dataset(table)


def claims(
    study: "FiniteWidthDmft", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Variances after the last step."""
    found = []
    width = study.linear_width
    expansion = float(prediction.initial_variance) / width
    for name, words, layer in _quantities():
        first = float(np.ravel(prediction[f"{name}_variance"].isel(step=-1))[layer])
        values = kept(measurement, name)[:, -1].reshape(-1, 1 if name == "output" else DEPTH)
        spread = statistics.variance(values[:, layer])
        found.append(
            Claim(
                name=f"linear-{name}" + ("" if name == "output" else f"-{layer + 1}"),
                statement=f"Width times the variance over networks: {words}, linear, {DEPTH} "
                f"hidden layers, {STEPS} steps, width {width}",
                predicted=first,
                measured=width * float(spread.value),
                standard_error=width * float(spread.standard_error),
                tolerance=2 * expansion * first,
                members=study.linear_members,
            )
        )
    return found


def pictures(
    study: "FiniteWidthDmft", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Variances during training: features accumulate forwards, gradients backwards."""
    titles = ("output", "feature kernels", "gradient kernels")
    figure, axes = new_figure(3, titles=titles)
    width = study.linear_width
    for name, words, layer in _quantities():
        ax = axes[NAMES.index(name)]
        line = prediction[f"{name}_variance"]
        values = kept(measurement, name)
        if name != "output":
            line, values = line.isel(layer=layer), values[:, :, layer]
        spread = statistics.variance(values)
        theory(ax, line.step, line, words, color=layer)
        measured(
            ax, line.step, width * spread.value, width * spread.standard_error, words, color=layer
        )
    for ax in axes:
        ax.set_xlabel("steps")
        ax.set_ylabel("width × variance")
        ax.set_ylim(bottom=0)
        legend(ax)
    return [
        Picture(
            "deep_linear",
            "Deep linear networks: fluctuations of every layer",
            f"{DEPTH} hidden layers, one point, step size {LEARNING_RATE:g}, richness 1. Lines: "
            f"first order in 1/width. Points: {study.linear_members} networks of width {width}, "
            "with standard errors.",
            figure,
        )
    ]


def _quantities() -> list[tuple[str, str, int]]:
    return [
        ("output", "output", 0),
        *(("feature_kernel", f"feature kernel of layer {i + 1}", i) for i in range(DEPTH)),
        *(("gradient_kernel", f"gradient kernel of layer {i + 1}", i) for i in range(DEPTH)),
    ]
