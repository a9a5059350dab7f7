"""Several classes: how many random labels a linear classifier memorizes, and what a student gets.

A teacher of largest margin keeps the output of each sample's label above all others by kappa, so
that the field g ~ N(0, I_c) of a sample is moved to the nearest point of a convex cone: the largest
outputs and that of the label meet at a common level. Averages over fields are taken by randomized
quasi-Monte Carlo and carry its standard error.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri
from scipy.stats import qmc

from widthwise.dynamics.distillation.student import check_fraction
from widthwise.numerics import statistics
from widthwise.numerics.brackets import root
from widthwise.numerics.statistics import Estimate

_REPEATS = 8
_LARGEST_MARGIN = 60.0


@dataclass(frozen=True, eq=False)
class SoftmaxTeacher:
    """A teacher of largest margin of several classes, in the limit of many inputs and samples.

    Attributes
    ----------
    load
        alpha = n/d; per class and input it is n/(d c).
    classes
        c, equally many samples of each.
    margin
        kappa, by which the label's output leads on the samples, over the standard deviation of
        outputs on new inputs; one value for each repetition of the averages.
    pinned
        v, the share of directions that the data pin; likewise.
    fields
        g and independent noise at the points of the averages.
    """

    load: float | int
    classes: int
    margin: Float[np.ndarray, " r"]
    pinned: Float[np.ndarray, " r"]
    fields: Float[np.ndarray, "r n two_c"]


@dataclass(frozen=True)
class SoftmaxStudent:
    """A student of the outputs of a teacher of several classes.

    Attributes
    ----------
    fraction
        rho, the share of the teacher's samples that it saw.
    accuracy
        Share of the memorized labels that it gets right where it saw nothing; chance is 1/c. It
        agrees with its teacher as often.
    fresh_agreement
        How often it agrees with the teacher on new inputs.
    overlap, footprint
        As of a :class:`~widthwise.dynamics.distillation.LinearStudent`.
    """

    fraction: float | int
    accuracy: Estimate
    fresh_agreement: Estimate
    overlap: Estimate
    footprint: Estimate


def softmax_teacher(
    load: float | int, classes: int, *, draws: int = 2**14, seed: int = 0
) -> SoftmaxTeacher:
    """Predict the classifier of largest margin: where softmax regression on labels ends.

    Parameters
    ----------
    load
        alpha = n/d, below the capacity, see :func:`memorization_capacity`.
    classes
        c, at least 2.
    draws
        Points of each of 8 repetitions of the averages.
    seed
        Of them.

    Raises
    ------
    ValueError
        If there are fewer than two classes, or the load is not positive or above capacity.
    """
    _check_classes(classes)
    if not (math.isfinite(load) and load > 0):
        raise ValueError(f"load is {load}: give samples over inputs, a positive number")
    fields = _fields(2 * classes, draws, seed)
    margins, pinned = [], []
    for g in fields[..., :classes]:
        label, others = _sorted(g)

        def excess(kappa: float | int, label=label, others=others) -> float:
            return load * _moved(label, others, kappa)[1] - (classes - 1)

        if excess(0.0) >= 0:
            raise ValueError(
                f"load is {load}: {classes} classes are not separable above "
                f"{float(memorization_capacity(classes).value):.4g} samples per input; give less"
            )
        kappa = root(excess, 0.0, _LARGEST_MARGIN, 1e-9)
        margins.append(kappa)
        met = _moved(label, others, kappa)[0]
        pinned.append(load * float(np.mean(met)) / (classes - 1))
    return SoftmaxTeacher(load, classes, np.array(margins), np.array(pinned), fields)


def softmax_student(teacher: SoftmaxTeacher, fraction: float | int) -> SoftmaxStudent:
    """Predict a student of minimal norm on a fraction of the teacher's samples.

    Parameters
    ----------
    teacher
        From :func:`softmax_teacher`.
    fraction
        rho, between 0 and 1. From 1/load on the student is the teacher.

    Raises
    ------
    ValueError
        If the fraction is not between 0 and 1.

    Examples
    --------
    >>> student = softmax_student(softmax_teacher(1.0, 3), 0.6)
    >>> round(float(student.accuracy.value), 2)
    0.55
    """
    check_fraction(fraction)
    one = np.ones(len(teacher.margin))
    if fraction * teacher.load >= 1:
        columns = np.array([one, one, one, one]).T
    else:
        columns = np.array(
            [
                _student(teacher, fraction, kappa, v, fields)
                for kappa, v, fields in zip(
                    teacher.margin, teacher.pinned, teacher.fields, strict=True
                )
            ]
        )
    return SoftmaxStudent(fraction, *(statistics.mean(column) for column in columns.T))


def memorization_capacity(classes: int, *, draws: int = 2**14, seed: int = 0) -> Estimate:
    """Return how many random labels per input a linear classifier of c classes memorizes.

    alpha_c = (c - 1) / E dist^2, with dist the distance of a normal vector from the cone in which
    its first entry is the largest; 2 for two classes (Cover, 1965), 12/5 for three.

    Parameters
    ----------
    classes, draws, seed
        As of :func:`softmax_teacher`.

    Examples
    --------
    >>> round(float(memorization_capacity(3).value), 2)
    2.4
    """
    _check_classes(classes)
    found = []
    for g in _fields(classes, draws, seed):
        found.append((classes - 1) / _moved(*_sorted(g), 0.0)[1])
    return statistics.mean(np.array(found))


def _student(
    teacher: SoftmaxTeacher,
    fraction: float | int,
    kappa: float | int,
    v: float | int,
    fields: np.ndarray,
) -> tuple[float, float, float, float]:
    c, alpha = teacher.classes, teacher.load
    g, noise = fields[:, :c], fields[:, c:]
    r = fraction * (alpha - v) / (1 - fraction * v)
    overlap = (fraction * (1 - v) + r * (1 - fraction)) / (1 - fraction * v)
    spread = math.sqrt(overlap * (1 - overlap))
    level = _level(*_sorted(g), kappa)[0]
    moved = np.minimum(g, level[:, None])
    moved[:, 0] = level + kappa
    fresh = overlap * g + spread * noise
    held_out = fresh + r * (moved - g)
    right = np.mean(np.argmax(held_out, axis=1) == 0)
    agrees = np.mean(np.argmax(fresh, axis=1) == np.argmax(g, axis=1))
    return float(right), float(agrees), overlap, r


def _fields(dimension: int, draws: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, dimension])
    points = [qmc.Sobol(dimension, rng=rng).random(draws) for _ in range(_REPEATS)]
    return ndtri(np.clip(np.array(points), 1e-12, 1 - 1e-12))


def _sorted(g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the label's field, and the others in descending order."""
    return g[:, 0], -np.sort(-g[:, 1:], axis=1)


def _level(
    label: np.ndarray, others: np.ndarray, kappa: float | int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the common level, and how many other outputs are lowered to it."""
    sums = np.cumsum(np.concatenate([(label - kappa)[:, None], others], axis=1), axis=1)
    levels = sums / np.arange(1, sums.shape[1] + 1)[None]
    met = np.sum(others > levels[:, :-1], axis=1)
    return np.take_along_axis(levels, met[:, None], axis=1)[:, 0], met


def _moved(label: np.ndarray, others: np.ndarray, kappa: float | int) -> tuple[np.ndarray, float]:
    """Return how many outputs meet the label's, and the mean squared distance moved."""
    level, met = _level(label, others, kappa)
    over = np.maximum(others - level[:, None], 0)
    return met, float(np.mean((level - label + kappa) ** 2 + np.sum(over**2, axis=1)))


def _check_classes(classes: int) -> None:
    if classes < 2:
        raise ValueError(f"classes is {classes}: give at least 2")
