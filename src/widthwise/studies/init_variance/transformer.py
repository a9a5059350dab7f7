"""A GPT trained from scratch: the variance of its attention weights, beside its equilibrium."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from widthwise import data
from widthwise.dynamics.adamw import adamw_variance
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.experiments.claim import Kind
from widthwise.numerics import statistics
from widthwise.numerics.generators import numpy_generator
from widthwise.plotting import Picture, legend, measured, new_figure, theory
from widthwise.studies.init_variance import gpt_training

if TYPE_CHECKING:
    from widthwise.studies.init_variance.study import InitVariance

PART = "transformer"
BETAS = 0.9, 0.95
RECORDS = 20
FACTOR = 2.0
"""By which learning may change the variance that noise alone would give."""


def schedule(study: "InitVariance", rate: float) -> gpt_training.Schedule:
    """Learning rates, (records, steps between them), and the decay of the time constant."""
    steps = RECORDS * study.text_steps
    rates = gpt_training.learning_rates(rate, study.text_warmup, steps)
    decay = 1 / (2 * rate * study.text_time)
    return gpt_training.Schedule(rates.reshape(RECORDS, study.text_steps), decay)


def predict(study: "InitVariance") -> xr.Dataset:
    """Logarithm of the weights' standard deviation at each record, if gradients were noise."""
    steps = study.text_steps * np.arange(1, RECORDS + 1)
    rows = []
    for rate in study.text_rates:
        plan = schedule(study, rate)
        rows.append(
            adamw_variance(
                study.text_std,
                np.asarray(plan.rates).ravel(),
                weight_decay=float(plan.weight_decay),
                beta1=BETAS[0],
                beta2=BETAS[1],
            )[steps]
        )
    return xr.Dataset(
        {"log_std": (("rate", "step"), np.log(rows) / 2), "trend": 0.0},
        coords={"rate": list(study.text_rates), "step": steps},
    )


def shards(study: "InitVariance") -> list[Shard]:
    """All learning rates."""
    members = study.text_members
    return [
        shard
        for rate in study.text_rates
        for shard in shards_of(PART, {"rate": rate}, members=members, batch=members)
    ]


def measure(study: "InitVariance", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Train, and record the standard deviations of query, key and value matrices."""
    text = data.shakespeare()
    plan = schedule(study, float(shard.settings["rate"]))
    keys = member_keys(key, study.text_width, shard.members)
    last = len(text.codes) - study.text_length - 1
    shape = (RECORDS, study.text_steps, study.text_batch)
    starts = np.stack([numpy_generator(k).integers(last, size=shape) for k in keys])
    squares, losses = gpt_training.trained(
        gpt_training.Setting(
            study.text_width, study.text_depth, study.text_head, study.text_length,
            len(text.alphabet), study.text_std, *BETAS,
        ),
        jnp.asarray(text.codes),
        jnp.asarray(starts, jnp.int32),
        gpt_training.Schedule(jnp.asarray(plan.rates, jnp.float32), plan.weight_decay),
        keys,
    )  # fmt: skip
    return xr.Dataset(
        {
            "log_std": (
                ("member", "step", "layer", "tensor"),
                np.log(np.asarray(squares, np.float64)) / 2,
            ),
            "loss": (("member", "step"), np.asarray(losses, np.float64)),
        },
        coords={
            "step": study.text_steps * np.arange(1, RECORDS + 1),
            "layer": range(study.text_depth),
            "tensor": list(gpt_training.TENSORS),
        },
    )


def late(rows: xr.DataArray) -> xr.DataArray:
    """Mean over the last quarter of the records."""
    return rows.isel(step=slice(-(RECORDS // 4), None)).mean("step")


def early(study: "InitVariance", rows: xr.DataArray) -> xr.DataArray:
    """Return the record nearest to the time constant after the warm-up."""
    return rows.sel(step=study.text_warmup + study.text_time, method="nearest")


def trend(rows: xr.DataArray) -> np.ndarray:
    """Change from the first to the last block, by least squares, one number for each member."""
    place = np.linspace(-0.5, 0.5, rows.sizes["layer"])
    values = rows.mean("tensor").transpose("member", "layer").values
    return values @ place / np.sum(place**2)


def claims(study: "InitVariance", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """The balance at every learning rate, their ratio, and what the paper has seen."""
    low, high = min(study.text_rates), max(study.text_rates)
    half = np.log(FACTOR) / 2
    expected, found = prediction.log_std, measurement.log_std
    at, fast = expected.sel(rate=high), found.sel(rate=high)
    rows: list[tuple[str, str, Any, np.ndarray, float, Kind]] = []
    for tensor in gpt_training.TENSORS:
        rows.append(
            (
                f"{tensor}-after-one-time",
                f"Logarithm of the standard deviation of {tensor} weights after one time constant, "
                f"rate {high:g}",
                early(study, at), early(study, fast.sel(tensor=tensor).mean("layer")).values,
                half, "equal",
            )
        )  # fmt: skip
        rows.append(
            (
                f"{tensor}-settled",
                f"Logarithm of the standard deviation of {tensor} weights in the last quarter, "
                f"rate {high:g}",
                late(at), late(fast.sel(tensor=tensor).mean("layer")).values, half, "equal",
            )
        )  # fmt: skip
    gap = late(expected.sel(rate=high) - expected.sel(rate=low))
    gaps = late(found.sel(rate=high) - found.sel(rate=low)).mean(("layer", "tensor"))
    rows.append(
        (
            "rates",
            f"By how much the logarithm is larger at rate {high:g} than at {low:g}, last quarter",
            gap, gaps.values, half, "equal",
        )
    )  # fmt: skip
    grown = late(fast).min(("layer", "tensor")).values - np.log(study.text_std)
    rows.append(
        (
            "every-matrix-expands",
            f"Least growth of the logarithm of a matrix's standard deviation, rate {high:g}",
            prediction.trend, grown, 0.0, "at_least",
        )
    )  # fmt: skip
    if study.text_depth > 1:
        rows.append(
            (
                "shallow-first",
                "Change of the logarithm from the first to the last block after one time constant",
                prediction.trend, trend(early(study, fast)), 0.0, "at_most",
            )
        )  # fmt: skip
    made = []
    for name, statement, predicted, samples, tolerance, kind in rows:
        estimate = statistics.mean(samples)
        made.append(
            Claim(
                name=name,
                statement=statement,
                predicted=float(predicted),
                measured=float(estimate.value),
                standard_error=max(float(estimate.standard_error), 1e-6),
                tolerance=tolerance,
                kind=kind,
                members=estimate.count,
            )
        )
    return made


def pictures(
    study: "InitVariance", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Standard deviations over training: query, key and value, and the mean at every rate."""
    titles = [*gpt_training.TENSORS, "all"]
    figure, axes = new_figure(4, columns=2, titles=titles)
    steps, high = prediction["step"].values, max(study.text_rates)
    found = np.exp(measurement.log_std)
    blocks = sorted({0, study.text_depth // 2, study.text_depth - 1})
    for ax, tensor in zip(axes, gpt_training.TENSORS, strict=False):
        at = found.sel(rate=high, tensor=tensor)
        for i, block in enumerate(blocks):
            value = statistics.mean(at.sel(layer=block).transpose("member", "step").values)
            measured(ax, steps, value.value, value.standard_error, f"block {block + 1}", color=i)
        line = np.exp(prediction.log_std.sel(rate=high))
        theory(ax, steps, line, "noise and decay", color=len(blocks))
    for i, rate in enumerate(study.text_rates):
        at = found.sel(rate=rate).mean(("layer", "tensor")).transpose("member", "step").values
        value = statistics.mean(at)
        label = f"rate {rate:g}"
        measured(axes[3], steps, value.value, value.standard_error, label, color=i)
        theory(axes[3], steps, np.exp(prediction.log_std.sel(rate=rate)), label, color=i)
    for i, ax in enumerate(axes):
        if i % 2 == 0:
            ax.set_ylabel("standard deviation of weights")
        if i >= 2:
            ax.set_xlabel("step")
    legend(axes[1], place="outside")
    legend(axes[3], place="outside")
    return [
        Picture(
            "transformer",
            "Attention weights grow towards the balance of noise and decay",
            f"A GPT of {study.text_depth} blocks of width {study.text_width} learns to predict the "
            f"next character under AdamW, in blocks at rate {high:g} and on average at every rate. "
            "Lines: the variance at which the noise of gradients balances the decay.",
            figure,
        )
    ]
