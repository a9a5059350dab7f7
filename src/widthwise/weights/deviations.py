"""How far invariants of an ensemble are from what a Gaussian model predicts, and how surely."""

import warnings
from collections.abc import Sequence

import jax
import numpy as np
import xarray as xr

from widthwise.numerics.choices import check_choice
from widthwise.weights.components import Matrices, checked_matrices
from widthwise.weights.evaluate import evaluate
from widthwise.weights.families import FAMILIES, Gaussian
from widthwise.weights.fit import fits
from widthwise.weights.graphs import Graph, published_graphs
from widthwise.weights.wick import expected, expected_by_each


def deviations(
    matrices: Matrices,
    model: str | Gaussian = "tied",
    graphs: Sequence[Graph] | None = None,
    *,
    key: jax.Array | None = None,
    resamples: int = 200,
) -> xr.Dataset:
    """Compare invariants of an ensemble with their exact means under a Gaussian model.

    The fitted models reproduce all averages of degree one and two that they know; what cubic and
    quartic invariants then miss is not Gaussian, or not of the symmetry that was assumed.

    Parameters
    ----------
    matrices
        Independent matrices (matrix, row, column), at least two.
    model
        The family that is fitted, ``"tied"``, ``"bipartite"`` or ``"isotropic"``; or a model that
        knows nothing of the matrices, such as the law they started from.
    graphs
        The invariants; if left out the 39 cubic and quartic ones of the paper, for rectangular
        matrices those of them that are bipartite.
    key
        JAX random key, for a calibrated significance: as many ensembles are drawn from the model,
        fitted and compared in the same way as ``resamples`` says. Without it there is none.
    resamples
        At least 20.

    Returns
    -------
    xarray.Dataset
        Along ``graph``: the ``measured`` average, its ``spread`` over matrices (divided by K), the
        ``predicted`` mean, and the ``deviation``, measured less predicted in units of the spread:
        the effect size, whose absolute value is the published measure. With a key, ``z``, the
        deviation less its average over resamples in units of their standard deviation (of a
        further one), and ``p_value``, the share of ensembles, resamples and this one, that are at
        least as far from the average of all.

    Raises
    ------
    ValueError
        If there are fewer than two matrices, fewer than 20 resamples, or a graph or the family
        does not fit the shape.

    Warns
    -----
    UserWarning
        If an invariant is the same for all matrices: its deviation is not-a-number.

    Notes
    -----
    The deviation times sqrt(K) is no z: a fit takes up part of the variance, another part for each
    graph. Source: Hirst & Ramgoolam (2025, arXiv:2510.05218), whose measure has no error.

    Examples
    --------
    >>> import jax, numpy as np
    >>> w = np.random.default_rng(0).uniform(-1, 1, (200, 6, 6))
    >>> found = deviations(w, "isotropic", [Graph("ab ab ab ab")], key=jax.random.key(0))
    >>> bool(found.deviation < 0), bool(found.z < -5)
    (True, True)
    """
    w = checked_matrices(matrices)
    if len(w) < 2:
        raise ValueError(
            "one matrix was given: a spread needs an ensemble of at least two independent ones"
        )
    if isinstance(model, str):
        check_choice("model", model, tuple(FAMILIES))
    elif w.shape[1:] != model.shape:
        raise ValueError(f"matrices are {w.shape[1:]} and the model is of {model.shape}")
    if key is not None and resamples < 20:
        raise ValueError(f"resamples is {resamples}: give at least 20")
    chosen = _chosen(graphs, w.shape[1] == w.shape[2])
    law = fits(w, model)(slice(None)).model if isinstance(model, str) else model
    values = evaluate(chosen, w)
    predicted = expected(chosen, law)
    measured, spread = values.mean(axis=0), values.std(axis=0)
    deviation = _in_spreads(measured - predicted, spread)
    if np.isnan(deviation).any():
        same = ", ".join(str(g) for g, s in zip(chosen, np.isnan(deviation), strict=True) if s)
        warnings.warn(
            f"the matrices have no spread in {same}: deviations are not numbers", stacklevel=2
        )
    found = {
        "measured": measured,
        "spread": spread,
        "predicted": predicted,
        "deviation": deviation,
    }
    if key is not None:
        again = _resampled(law, model, chosen, key=key, members=len(w), resamples=resamples)
        scale = again.std(axis=0, ddof=1) * (1 + 1 / resamples) ** 0.5
        found["z"] = (deviation - again.mean(axis=0)) / scale
        every = np.concatenate([deviation[None], again])  # exchangeable, were the model true
        distance = np.abs(every - every.mean(axis=0)[None])
        share = np.mean(distance >= distance[:1], axis=0)
        found["p_value"] = np.where(np.isnan(deviation), np.nan, share)
    names = [str(graph) for graph in chosen]
    degrees = [graph.degree for graph in chosen]
    return xr.Dataset(
        {name: ("graph", array) for name, array in found.items()},
        coords={"graph": names, "degree": ("graph", degrees)},
    )


def _chosen(graphs: Sequence[Graph] | None, square: bool) -> list[Graph]:
    if graphs is not None:
        return list(graphs)
    return [graph for graph in published_graphs()[13:] if square or graph.bipartite]


def _in_spreads(distance: np.ndarray, spread: np.ndarray) -> np.ndarray:
    return np.where(spread > 0, distance / np.where(spread > 0, spread, 1.0), np.nan)


def _resampled(
    law: Gaussian,
    model: str | Gaussian,
    graphs: Sequence[Graph],
    *,
    key: jax.Array,
    members: int,
    resamples: int,
) -> np.ndarray:
    """Deviations (resample, graph) of ensembles drawn from the model."""
    found = []
    together = max(1, 2**22 // (members * law.shape[0] * law.shape[1]))
    for index, start in enumerate(range(0, resamples, together)):
        count = min(together, resamples - start)
        drawn = law.sample(jax.random.fold_in(key, index), count * members)
        values = evaluate(graphs, drawn).reshape(count, members, len(graphs))
        if isinstance(model, str):
            of = fits(drawn, model)
            refitted = [of(slice(i * members, (i + 1) * members)).model for i in range(count)]
            predicted = expected_by_each(graphs, refitted)
        else:
            predicted = expected(graphs, law)[None]
        found.append(_in_spreads(values.mean(axis=1) - predicted, values.std(axis=1)))
    return np.concatenate(found)
