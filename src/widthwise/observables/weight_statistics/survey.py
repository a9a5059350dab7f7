"""All matrices of a checkpoint against noise of their shapes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from widthwise.networks.checkpoints import (
    Checkpoint,
    WeightMatrix,
    load_weights,
    weight_matrices,
)
from widthwise.networks.checkpoints.stored import Layout
from widthwise.numerics.threads import one_thread_per_core
from widthwise.observables.weight_statistics.layer import LayerStatistics, layer_statistics
from widthwise.weights import LikelihoodRatio, likelihood_ratio

_FEWEST = 3  # matrices for the covariance of the trivial part


@dataclass(frozen=True, eq=False)
class SurveyedLayer:
    """One matrix of a checkpoint with its statistics."""

    matrix: WeightMatrix
    statistics: LayerStatistics


@dataclass(frozen=True, eq=False)
class Stack:
    """Square matrices of one role and size in one network, tested together.

    They were trained together and are not independent: the p-value is a guide, no proof.

    Attributes
    ----------
    role, size
        What they have in common.
    names
        The matrices.
    test
        Whether rows and columns count the same neurons.
    """

    role: str
    size: int
    names: tuple[str, ...]
    test: LikelihoodRatio


@dataclass(frozen=True, eq=False)
class Survey:
    """Statistics of a whole checkpoint.

    Attributes
    ----------
    checkpoint
        The file.
    layers
        Its matrices with their statistics, in the order of the file.
    others
        Names of all other arrays, with the reason why they are left out.
    stacks
        Square matrices of one role, tested together.
    """

    checkpoint: Checkpoint
    layers: tuple[SurveyedLayer, ...]
    others: Mapping[str, str]
    stacks: tuple[Stack, ...]

    @property
    def parameters(self) -> int:
        """Numbers in all arrays of the file."""
        return sum(math.prod(entry.shape) for entry in self.checkpoint.stored.values())

    @property
    def surveyed(self) -> int:
        """Numbers in the matrices."""
        return sum(math.prod(layer.matrix.shape) for layer in self.layers)


def survey(
    weights: Checkpoint | str | Path,
    *,
    roles: Mapping[str, str] | None = None,
    layout: Layout | None = None,
    draws: int = 99,
) -> Survey:
    """Measure every matrix of a checkpoint, on all cores, a few in memory at a time.

    Parameters
    ----------
    weights
        A file or folder, or what `load_weights` returned.
    roles
        Regular expressions and the role of the arrays they fit.
    layout
        Whether all matrices lie with outputs or inputs first, if you know better than the format.
    draws
        Random matrices of each shape for the null distributions.

    Returns
    -------
    Survey

    Raises
    ------
    OSError, ValueError
        As `load_weights`, or if there are no matrices, or one cannot be measured.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> file = Path(tempfile.mkdtemp()) / "weights.npz"
    >>> np.savez(file, a=np.random.default_rng(0).standard_normal((32, 16)), bias=np.ones(32))
    >>> found = survey(file)
    >>> [layer.matrix.name for layer in found.layers], dict(found.others)
    (['a'], {'bias': 'bias'})
    """
    checkpoint = weights if isinstance(weights, Checkpoint) else load_weights(weights)
    matrices, others = weight_matrices(checkpoint, roles=roles, layout=layout)
    if not matrices:
        raise ValueError(f"{checkpoint.path} holds no matrices of at least 8 x 8")

    def measured(matrix: WeightMatrix) -> SurveyedLayer:
        try:
            return SurveyedLayer(matrix, layer_statistics(matrix.read(), draws=draws))
        except ValueError as error:
            raise ValueError(f"{matrix.name} of {checkpoint.path}: {error}") from None

    with one_thread_per_core() as pool:
        layers = tuple(pool.map(measured, matrices))
    return Survey(checkpoint, layers, others, _stacks(matrices))


def _stacks(matrices: list[WeightMatrix]) -> tuple[Stack, ...]:
    groups: dict[tuple[str, int], list[WeightMatrix]] = {}
    for matrix in matrices:
        if matrix.shape[0] == matrix.shape[1]:
            groups.setdefault((matrix.role, matrix.shape[0]), []).append(matrix)
    return tuple(
        Stack(role, size, tuple(matrix.name for matrix in group), _tested(group))
        for (role, size), group in groups.items()
        if len(group) >= _FEWEST
    )


def _tested(group: list[WeightMatrix]) -> LikelihoodRatio:
    """Test matrices that are first given the same variance: depth changes the scale."""
    return likelihood_ratio(np.stack([w / w.std() for w in (matrix.read() for matrix in group)]))
