"""Two and more hidden layers, one point: kernels of features and gradients, layer by layer.

At infinite width the mean-field equations are solved by sampling neurons; their own standard error
and the next order, 1/width, are the tolerance. How networks scatter around it is not known in
closed form when features move, but its order is: the variance falls like 1/width.
"""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise import activations
from widthwise.dynamics import dmft
from widthwise.experiments import Claim, Shard, shards_of
from widthwise.numerics import fits, statistics
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, power_law, theory
from widthwise.studies.finite_width_dmft.networks import (
    ONE_POINT,
    chain,
    kept,
    members_at,
    trained,
)

if TYPE_CHECKING:
    from widthwise.studies.finite_width_dmft.study import FiniteWidthDmft

PART = "deep"
SAMPLING = 5.0
"""A sampled prediction is claimed up to this many of its own standard errors."""
RECORD = ("output", "feature_kernel", "gradient_kernel")


def predict(study: "FiniteWidthDmft") -> xr.Dataset:
    """Output and kernels of every layer at infinite width, with their standard errors."""
    solution = dmft(
        chain(activations.get(study.activation), study.depth),
        ONE_POINT,
        steps=study.deep_steps,
        learning_rate=study.deep_learning_rate,
        richness=study.deep_richness,
        loss="sum",
        sites=study.sites,
        key=jax.random.key(study.seed + 1),
        method="sampled",
    )
    found = solution.to_dataset().isel(input=0, input2=0, drop=True)
    names = [name for name in found.data_vars if str(name).startswith(RECORD)]
    return found[names].assign_attrs(source=f"mean-field dynamics, {solution.sites} neurons")


def shards(study: "FiniteWidthDmft") -> list[Shard]:
    """Wide networks are fewer."""
    return [
        shard
        for width in study.deep_widths
        for shard in shards_of(
            PART,
            {"width": width},
            members=members_at(study.deep_members, width, max(study.deep_widths)),
            batch=10**9,
        )
    ]


def measure(study: "FiniteWidthDmft", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Output and kernels of real networks after every step."""
    history = trained(
        chain(activations.get(study.activation), study.depth, int(shard.settings["width"])),
        ONE_POINT,
        key=key,
        members=shard.members,
        steps=study.deep_steps,
        learning_rate=study.deep_learning_rate,
        richness=study.deep_richness,
        record=RECORD,
    )
    shape = (shard.size, study.deep_steps + 1)
    table: dict[str, tuple] = {"output": (("member", "step"), history.output.values.reshape(shape))}
    for name in RECORD[1:]:
        values = history[name].transpose("member", "step", "layer", ...).values
        table[name] = (("member", "step", "layer"), values.reshape(*shape, study.depth))
    return xr.Dataset(table, coords={"layer": np.arange(1, study.depth + 1)})


def claims(
    study: "FiniteWidthDmft", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """Means at the largest width, and the power of width in the variance."""
    found = []
    widest = max(study.deep_widths)
    at = f"{study.activation}, {study.depth} hidden layers, richness {study.deep_richness:g}"
    for name, words, layer in _quantities(study):
        limit = prediction.isel(step=-1) if layer is None else prediction.sel(layer=layer)
        predicted, error = (
            float(np.ravel(limit[key])[-1]) for key in (name, f"{name}_standard_error")
        )
        mean = statistics.mean(_last(measurement, name, layer, widest))
        found.append(
            Claim(
                name=f"{name}-{layer}" if layer else name,
                statement=f"{words.capitalize()} after {study.deep_steps} steps: {at}, "
                f"width {widest}",
                predicted=predicted,
                measured=float(mean.value),
                standard_error=float(mean.standard_error),
                tolerance=SAMPLING * error + 2 * abs(predicted) / widest,
                members=members_at(study.deep_members, widest, widest),
            )
        )
    for name, words, layer in _quantities(study):
        law = fits.fit_power_law(
            np.array(study.deep_widths), *_variances(study, measurement, name, layer)
        )
        found.append(
            Claim(
                name=f"exponent-{name}-{layer}" if layer else f"exponent-{name}",
                statement=f"Power of width in the variance over networks: {words}, {at}",
                predicted=-1.0,
                measured=law.exponent,
                standard_error=law.exponent_error,
                tolerance=2 * study.depth / min(study.deep_widths),
            )
        )
    return found


def pictures(
    study: "FiniteWidthDmft", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Output and kernels during training, and their variance against width."""
    titles = ("output", "feature kernels", "gradient kernels", "variance over networks")
    figure, (first, features, gradients, spread) = new_figure(4, titles=titles)
    widest = max(study.deep_widths)
    steps = np.arange(study.deep_steps + 1)
    theory(first, steps, prediction.output, "infinite width")
    mean = statistics.mean(kept(measurement, "output", width=widest))
    measured(first, steps, mean.value, mean.standard_error, "networks")
    for ax, name in ((features, "feature_kernel"), (gradients, "gradient_kernel")):
        for i in range(study.depth):
            theory(ax, steps, prediction[name].isel(layer=i), f"layer {i + 1}", color=i)
            mean = statistics.mean(kept(measurement, name, width=widest)[:, :, i])
            measured(ax, steps, mean.value, mean.standard_error, f"layer {i + 1}", color=i)
    widths = np.array(study.deep_widths)
    for i, (name, words, layer) in enumerate(_quantities(study)):
        value, error = _variances(study, measurement, name, layer)
        measured(spread, widths, value, error, words, color=i)
        if name == "output":
            power_law(spread, widths, (float(widths[0]), float(value[0])), exponent=-1)
    log_axis(spread, "x", base=2, ticks=list(study.deep_widths))
    log_axis(spread, "y")
    spread.set_xlabel("width")
    spread.set_ylabel("variance")
    for ax in (first, features, gradients):
        ax.set_xlabel("steps")
    first.set_ylabel("f")
    features.set_ylabel("Φ")
    gradients.set_ylabel("G")
    for ax in (first, features, gradients):
        legend(ax)
    legend(spread, place="outside")
    return [
        Picture(
            "deep",
            "Deeper networks that learn features",
            f"{study.activation}, {study.depth} hidden layers, one point, step size "
            f"{study.deep_learning_rate:g}, richness {study.deep_richness:g}. Lines: mean-field "
            f"dynamics at infinite width. Points: networks of width {widest}, with standard "
            "errors; bottom right, after the last step, of every width.",
            figure,
        )
    ]


def _quantities(study: "FiniteWidthDmft") -> list[tuple[str, str, int | None]]:
    """Name, words and layer of all that is compared."""
    layers = range(1, study.depth + 1)
    return [
        ("output", "output", None),
        *(("feature_kernel", f"feature kernel of layer {layer}", layer) for layer in layers),
        *(("gradient_kernel", f"gradient kernel of layer {layer}", layer) for layer in layers),
    ]


def _last(measurement: xr.Dataset, name: str, layer: int | None, width: int) -> np.ndarray:
    """Values of the members after the last step."""
    values = kept(measurement, name, width=width)[:, -1]
    return values if layer is None else values[:, layer - 1]


def _variances(
    study: "FiniteWidthDmft", measurement: xr.Dataset, name: str, layer: int | None
) -> tuple[np.ndarray, np.ndarray]:
    found = [
        statistics.variance(_last(measurement, name, layer, width)) for width in study.deep_widths
    ]
    return np.array([f.value for f in found]), np.array([f.standard_error for f in found])
