"""What an ensemble says: means and variances over its members, with their errors."""

import warnings

import jax
import numpy as np
import xarray as xr
from jaxtyping import Array, Key

from widthwise.numerics import statistics
from widthwise.numerics.generators import numpy_generator

STATISTICS = ("mean", "standard_error", "variance", "variance_error", "lower", "upper")


def summarize(
    dataset: xr.Dataset,
    *,
    key: Key[Array, ""] | None = None,
    level: float = 0.95,
    resamples: int = 1000,
) -> xr.Dataset:
    """Summarize an ensemble over its members.

    Parameters
    ----------
    dataset
        What :func:`train` returned.
    key
        Random key of the bootstrap; ``jax.random.key(0)`` if None.
    level
        Of the interval.
    resamples
        How many times the members are drawn again, at least 2.

    Returns
    -------
    xarray.Dataset
        Every variable with a dimension ``statistic`` in the place of ``member``: ``mean``,
        ``standard_error`` of the mean, unbiased ``variance`` over members, ``variance_error``
        (its standard error, from the fourth moment), and ``lower`` and ``upper``, the percentile
        bootstrap interval of the mean. ``members`` counts the networks that these rest on, and
        ``diverged`` those that were left out: a network that diverged at any time is left out at
        all times. With fewer than two left all statistics are NaN, and there is a warning.

    Raises
    ------
    ValueError
        If the dataset has no members and ``diverged_at``, or a number is out of range.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> loss = ("member", "step"), np.array([[1.0, 2.0], [3.0, 4.0], [np.nan, np.nan]])
    >>> made = xr.Dataset({"loss": loss, "diverged_at": ("member", [-1, -1, 0])})
    >>> summary = summarize(made)
    >>> summary.loss.sel(statistic="mean").values.tolist(), int(summary.diverged)
    ([2.0, 3.0], 1)
    """
    if "member" not in dataset.dims or "diverged_at" not in dataset:
        raise ValueError("the dataset has no dimension member, or no diverged_at: give what train "
                         "returned")  # fmt: skip
    if not 0 < level < 1 or resamples < 2:
        raise ValueError(f"level={level}, resamples={resamples} were given: give 0 to 1, and >= 2")
    groups = [dim for dim in dataset.diverged_at.dims if dim != "member"]
    healthy = (dataset.diverged_at < 0).transpose(*groups, "member").values
    draws = _resampled(jax.random.key(0) if key is None else key, healthy, resamples)
    found: dict[str, xr.DataArray] = {}
    for name, variable in dataset.drop_vars("diverged_at").data_vars.items():
        if "member" not in variable.dims:
            continue
        rest = [dim for dim in variable.dims if dim not in (*groups, "member")]
        values = variable.transpose(*groups, "member", *rest).values.astype(np.float64)
        out = np.full((len(STATISTICS), *healthy.shape[:-1], *values.shape[healthy.ndim :]), np.nan)
        for place in np.ndindex(healthy.shape[:-1]):
            if np.sum(healthy[place]) >= 2:
                out[(slice(None), *place)] = _statistics(
                    values[place][healthy[place]], draws[place], level
                )
        found[str(name)] = xr.DataArray(out, dims=("statistic", *groups, *rest)).transpose(
            *groups, "statistic", *rest
        )
    count = np.sum(healthy, axis=-1)
    if np.any(count < 2):
        warnings.warn(
            f"{int(np.sum(count < 2))} of {count.size} ensembles have fewer than two networks that "
            "did not diverge: their statistics are NaN; smaller learning rates may help",
            stacklevel=2,
        )
    found["members"] = xr.DataArray(count, dims=groups)
    found["diverged"] = xr.DataArray(healthy.shape[-1] - count, dims=groups)
    kept = {str(key): value for key, value in dataset.coords.items() if "member" not in value.dims}
    return xr.Dataset(found, {**kept, "statistic": list(STATISTICS)})


def _resampled(
    key: Key[Array, ""], healthy: np.ndarray, resamples: int
) -> dict[tuple[int, ...], np.ndarray]:
    """Weights of the members of each ensemble in each resample, (resamples, members left)."""
    rng = numpy_generator(key)
    found = {}
    for place in np.ndindex(healthy.shape[:-1]):
        count = int(np.sum(healthy[place]))
        if count >= 2:
            found[place] = rng.multinomial(count, [1 / count] * count, size=resamples) / count
    return found


def _statistics(samples: np.ndarray, weights: np.ndarray, level: float) -> np.ndarray:
    """Return all statistics of independent samples along the first axis."""
    mean, spread = statistics.mean(samples), statistics.variance(samples)
    flat = samples.reshape(len(samples), -1)
    size = max(1, 2**24 // len(weights))
    tails = [(1 - level) / 2, (1 + level) / 2]
    interval = [
        np.quantile(weights @ flat[:, start : start + size], tails, axis=0)
        for start in range(0, flat.shape[1], size)
    ]
    lower, upper = np.concatenate(interval, axis=1).reshape(2, *samples.shape[1:])
    errors = mean.standard_error, spread.value, spread.standard_error
    return np.stack([mean.value, *errors, lower, upper])
