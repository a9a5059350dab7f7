"""How far weights have moved between checkpoints, and what of that shows in their law."""

from dataclasses import dataclass, replace

import numpy as np

from widthwise.observables.weight_spectra import weight_spectra
from widthwise.observables.weight_statistics.survey import Survey
from widthwise.weights import BipartiteGaussian, Fit, squared_wasserstein


@dataclass(frozen=True)
class Change:
    """What happened to one matrix between two checkpoints.

    Attributes
    ----------
    name, role
        Of the matrix.
    moved
        Norm of the difference, relative to the norm of the first matrix.
    wasserstein
        Wasserstein-2 distance between the Gaussian laws fitted to both, relative to the norm of the
        first matrix: the least motion that changes the one law into the other. It is far below
        ``moved`` where entries moved without changing their statistics.
    parts
        The shares of its square: ``mean``, ``rows``, ``columns`` and ``entries``. The first three
        are of order 1/width for neurons that stay alike; all zero where nothing moved.
    floor
        The same distance between two independent draws of the first law.
    effective_rank
        Of the difference: exponential of the entropy of its singular values; not-a-number if there
        is none.
    """

    name: str
    role: str
    moved: float
    wasserstein: float
    parts: dict[str, float]
    floor: float
    effective_rank: float


def changes(first: Survey, second: Survey) -> list[Change]:
    """Compare the matrices that two checkpoints share, by name and shape.

    Parameters
    ----------
    first, second
        Surveys of two checkpoints, such as two epochs of one training.

    Returns
    -------
    One for each matrix in both, in the order of the first; empty if there are none.
    """
    later = {layer.matrix.name: layer for layer in second.layers}
    found = []
    for layer in first.layers:
        other = later.get(layer.matrix.name)
        if other is None or other.matrix.shape != layer.matrix.shape:
            continue
        start, end = layer.matrix.read(), other.matrix.read()
        norm = float(np.linalg.norm(start))
        moved = float(np.linalg.norm(end - start))
        laws = _known(layer.statistics.law.model), _known(other.statistics.law.model)
        squares = squared_wasserstein(*laws)
        total = squares.total
        shares = {name: value for name, value in squares.parts.items() if name != "total"}
        rank = weight_spectra(end, initial=start, top=1).effective_rank if moved > 0 else np.nan
        found.append(
            Change(
                layer.matrix.name,
                layer.matrix.role,
                moved / norm,
                total**0.5 / norm,
                {name: value / total if total > 0 else 0.0 for name, value in shares.items()},
                _floor(layer.statistics.law) / norm,
                float(np.asarray(rank)),
            )
        )
    return found


def _floor(found: Fit[BipartiteGaussian]) -> float:
    """Expected distance of two draws; their means differ as their entries do."""
    return (2 * (found.wasserstein_floor + found.model.entries)) ** 0.5


def _known(model: BipartiteGaussian) -> BipartiteGaussian:
    """Take the total of one matrix as it is: one matrix has no variance of it."""
    return replace(model, total=0.0)
