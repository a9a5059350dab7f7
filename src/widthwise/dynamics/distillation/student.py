"""What a student of a linear teacher gets right of what it never saw, exactly in the limit.

The student sees the teacher's outputs on a share rho of its training inputs, and no labels. Of
minimal norm, its weights u are the projection of the teacher's on the span of these inputs. On a
held-out sample of the teacher,

    label times output = (m/q) omega + r chi a + noise of variance q_S - m^2/q:

r chi a is what is left of the pull of that sample on the teacher.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from widthwise.dynamics.distillation.teacher import LinearTeacher
from widthwise.numerics.brackets import root


@dataclass(frozen=True)
class LinearStudent:
    """A student in the limit of many inputs and samples.

    Attributes
    ----------
    fraction
        rho, the share of the teacher's samples that it saw.
    accuracy
        Share of the memorized labels that it gets right where it saw nothing; chance is 1/2.
    agreement
        How often it agrees with the teacher there.
    fresh_agreement
        How often it agrees with the teacher on new inputs.
    overlap
        m/q, student times teacher over the teacher's squared norm.
    footprint
        r, the part of a held-out sample's own pull that survives in the student.
    variance
        q_S, its squared norm over d.
    """

    fraction: float | int
    accuracy: float | int
    agreement: float | int
    fresh_agreement: float | int
    overlap: float | int
    footprint: float | int
    variance: float | int


def linear_student(
    teacher: LinearTeacher, fraction: float | int, *, ridge: float | None = None
) -> LinearStudent:
    """Predict a student of the teacher's outputs on a fraction of its samples.

    Parameters
    ----------
    teacher
        From :func:`~widthwise.dynamics.distillation.hard_margin_teacher` and others.
    fraction
        rho, between 0 and 1.
    ridge
        lambda_S of ridge regression on the teacher's outputs. None is the solution of smallest
        norm in the teacher's kernel, where gradient descent from zero ends, on outputs or on soft
        labels at any temperature: a ridge as large as the teacher's private part.

    Raises
    ------
    ValueError
        If the fraction is not between 0 and 1, or the ridge is negative.

    Notes
    -----
    Without ridge and private part the student is the teacher, to the last weight, as soon as it
    saw as many samples as there are inputs: fraction >= 1/load. Below,
    r = rho (alpha - v) / (1 - rho v) and m/q = (rho (1 - v) + r (1 - rho)) / (1 - rho v).

    Examples
    --------
    >>> from widthwise.dynamics.distillation import hard_margin_teacher
    >>> round(linear_student(hard_margin_teacher(1.5), 0.5).accuracy, 6)
    0.671706
    """
    check_fraction(fraction)
    ridge = teacher.private if ridge is None else ridge
    if not (math.isfinite(ridge) and ridge >= 0):
        raise ValueError(f"ridge is {ridge}: give a finite number of at least 0")
    if ridge == 0 and teacher.private == 0 and fraction * teacher.load >= 1:
        same = teacher.accuracy, 1.0, 1.0, 1.0, 1.0, teacher.variance
        return LinearStudent(fraction, *same)
    m, r, variance = _overlaps(teacher, fraction, ridge)
    q, nodes = teacher.variance, teacher.nodes
    noise = math.sqrt(max(variance - m * m / q, 1e-300))
    signal = m / q * nodes.field + r * teacher.response * nodes.force
    right = ndtr(signal / noise)
    agrees = np.where(nodes.margin > 0, right, 1 - right)
    cosine = min(1.0, max(-1.0, m / math.sqrt(q * variance)))
    return LinearStudent(
        fraction,
        accuracy=nodes.mean(right),
        agreement=nodes.mean(agrees),
        fresh_agreement=1 - math.acos(cosine) / math.pi,
        overlap=m / q,
        footprint=r,
        variance=variance,
    )


def _overlaps(
    teacher: LinearTeacher, fraction: float | int, ridge: float | int
) -> tuple[float, float, float]:
    """Return m, r and q_S."""
    alpha, v, q, chi = teacher.load, teacher.pinned, teacher.variance, teacher.response
    seen, s = fraction * alpha, teacher.private
    share = s / chi
    if ridge == 0:
        d = min(seen, 1.0)
    else:
        b = ridge + seen - 1
        d = 1 - (-b + math.sqrt(b * b + 4 * ridge)) / 2
    below = 1 - d * v / alpha
    r = d * (1 - (1 + share) * v / alpha) / below
    m = q * (d / alpha * (1 + share - r - v) + r) / below
    delta = chi * (1 - r) + s
    rest = (q - m) * v / (alpha * chi)
    own = delta * q / (chi**2 * alpha)
    k, free = d * d / seen, q - 2 * m + delta * (own - 2 * rest)
    return m, r, (k * free + 2 * d * r * chi * (own - rest) + r * r * q) / (1 - k)


def recovery_fraction(teacher: LinearTeacher, *, accuracy: float | None = None) -> float:
    """Return the fraction from which a student has the teacher, or a given accuracy.

    Parameters
    ----------
    teacher
        Without private part.
    accuracy
        On held-out memorized samples; None asks for the teacher itself, 1/load.

    Returns
    -------
    float
        Above 1 if even all samples are fewer than the inputs.

    Raises
    ------
    ValueError
        If the accuracy is not between chance and the teacher's own.

    Examples
    --------
    >>> from widthwise.dynamics.distillation import hard_margin_teacher
    >>> recovery_fraction(hard_margin_teacher(1.6))
    0.625
    """
    whole = 1 / teacher.load
    if accuracy is None:
        return whole
    if not 0.5 < accuracy <= teacher.accuracy:
        raise ValueError(
            f"accuracy is {accuracy}: give one between 1/2 and the teacher's own, "
            f"{teacher.accuracy:.4g}"
        )
    high = min(whole, 1.0) * (1 - 1e-9)

    def missing(fraction: float | int) -> float:
        return linear_student(teacher, fraction).accuracy - accuracy

    if missing(high) < 0:
        return whole
    return root(missing, 1e-6, high, 1e-10)


def shuffled_student_accuracy(teacher: LinearTeacher, fraction: float | int) -> float:
    """Predict the training accuracy of a student whose soft labels were shuffled in each class.

    Shuffled outputs of the teacher are no linear function of the inputs any more: with more
    samples than inputs, the student cannot fit them.

    Parameters
    ----------
    teacher, fraction
        As in :func:`linear_student`; without private part.

    Returns
    -------
    float
        E Phi(h / sqrt(E[h^2] (rho alpha - 1))), or 1 up to rho alpha = 1.

    Examples
    --------
    >>> from widthwise.dynamics.distillation import hard_margin_teacher
    >>> round(shuffled_student_accuracy(hard_margin_teacher(1.611), 0.8031), 3)
    0.765
    """
    check_fraction(fraction)
    nodes, over = teacher.nodes, fraction * teacher.load - 1
    if over <= 0:
        return nodes.mean((nodes.margin > 0).astype(float))
    square = nodes.mean(nodes.margin**2)
    return nodes.mean(ndtr(nodes.margin / math.sqrt(square * over)))


def check_fraction(fraction: float | int) -> None:
    """Refuse a share of the samples that leaves none on one side."""
    if not 0 < fraction < 1:
        raise ValueError(
            f"fraction is {fraction}: give the share of samples that the student sees, between 0 "
            "and 1"
        )
