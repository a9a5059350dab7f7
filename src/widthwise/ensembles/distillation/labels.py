"""Inputs with labels that only memory can know; what of them a student sees; soft labels."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from scipy.special import log_softmax


class RandomLabels(NamedTuple):
    """Inputs and labels that are independent of them.

    Attributes
    ----------
    x
        Inputs, each entry N(0, 1/d): of squared length about one.
    y
        Labels 0 to c - 1.
    """

    x: Float[np.ndarray, "n d"]
    y: Int[np.ndarray, " n"]


class Split(NamedTuple):
    """Positions of the samples that a student sees, and of those that it does not."""

    seen: Int[np.ndarray, " a"]
    held_out: Int[np.ndarray, " b"]


def random_labels(
    rng: np.random.Generator, samples: int, *, inputs: int, classes: int = 2
) -> RandomLabels:
    """Draw inputs and labels, of each class equally many (up to one), in random order.

    Parameters
    ----------
    rng
        Source of random numbers.
    samples, inputs, classes
        n, d and c.

    Raises
    ------
    ValueError
        If there are fewer than two classes, fewer samples than classes, or no inputs.

    Examples
    --------
    >>> data = random_labels(np.random.default_rng(0), 6, inputs=4, classes=3)
    >>> np.bincount(data.y).tolist()
    [2, 2, 2]
    """
    if classes < 2:
        raise ValueError(f"classes is {classes}: give at least 2")
    if samples < classes:
        raise ValueError(
            f"{samples} samples have {classes} classes: give more samples than classes"
        )
    if inputs < 1:
        raise ValueError(f"inputs is {inputs}: give at least 1")
    x = rng.standard_normal((samples, inputs)) / math.sqrt(inputs)
    return RandomLabels(x, rng.permutation(np.arange(samples) % classes))


def split_classes(
    rng: np.random.Generator, labels: Int[np.ndarray, " n"], fraction: float | int
) -> Split:
    """Choose what a student sees: the same fraction of every class, rounded down.

    Parameters
    ----------
    rng
        Source of random numbers.
    labels
        Whole numbers.
    fraction
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the fraction is not between 0 and 1, or leaves no sample on one of the sides.
    """
    if not 0 < fraction < 1:
        raise ValueError(
            f"fraction is {fraction}: give the share of samples that the student sees, between 0 "
            "and 1"
        )
    seen = []
    for label in np.unique(labels):
        at = rng.permutation(np.flatnonzero(labels == label))
        seen.append(at[: int(fraction * len(at) + 1e-9)])
    chosen = np.sort(np.concatenate(seen))
    rest = np.setdiff1d(np.arange(len(labels)), chosen)
    if len(chosen) == 0 or len(rest) == 0:
        raise ValueError(
            f"fraction is {fraction}: of {len(labels)} samples it leaves {len(chosen)} for the "
            f"student and {len(rest)} unseen; give one that leaves both"
        )
    return Split(chosen, rest)


def shuffled_in_classes(
    rng: np.random.Generator, labels: Int[np.ndarray, " n"]
) -> Int[np.ndarray, " n"]:
    """Return an order of the samples that mixes each class in itself.

    Soft labels in this order still name the right label, but belong to other inputs.
    """
    order = np.arange(len(labels))
    for label in np.unique(labels):
        at = np.flatnonzero(labels == label)
        order[at] = rng.permutation(at)
    return order


def soft_labels(
    outputs: Float[ArrayLike, "n c"], temperature: float | int
) -> Float[np.ndarray, "n c"]:
    """Return softmax(outputs / temperature), in the precision of the outputs.

    Parameters
    ----------
    outputs
        Logits, one row for each sample.
    temperature
        tau, positive and finite.

    Raises
    ------
    ValueError
        If the temperature is not positive and finite, or outputs are not finite.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature is {temperature}: give a positive, finite number")
    z = np.asarray(outputs)
    if z.ndim != 2 or z.shape[1] < 2 or not np.all(np.isfinite(z)):
        raise ValueError(
            f"outputs have shape {z.shape}: give finite numbers, a row for each sample and a "
            "column for each of at least 2 classes"
        )
    return np.exp(log_softmax(z / z.dtype.type(temperature), axis=1))
