r"""What is proven about the angle under gradient descent with any learning rates, for one layer.

With ``b = rate c0 / pi`` and a the part of the new weights along the old ones, a step of a linear
classifier on all inputs of a spherically symmetric law turns it exactly by

    1 - cos' = (1 - cos) (1 - b (1 + cos) q / |w'|),    q = 1 - b cos / (|w'| + a).

The theorems bound q and the norm: q is at least 1 while the angle is obtuse, and at least
``delta / (1 + delta)`` where ``|w'| + a >= (1 + delta) b cos`` at every step.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from widthwise.data.spherical import SphericalLaw
from widthwise.dynamics.directional.weights import Directions

_PULL = 0.6  # twice the largest r G(r, theta), W(1/e) = 0.278..., as the theorems round it


class DescentBounds(NamedTuple):
    """Upper bounds of ``ln tan(theta / 2)`` at each step; NaN where a theorem does not apply.

    Parameters
    ----------
    opposite
        Up to the first step with an acute angle, from an obtuse start; at any learning rates.
    steady
        While the margin is positive.
    margin
        Largest delta with ``|w'| + a >= (1 + delta) b cos`` at all steps up to this one; infinite
        while the angle is obtuse.
    valid
        Whether the descent lies below both.
    """

    opposite: Float[np.ndarray, " n"]
    steady: Float[np.ndarray, " n"]
    margin: Float[np.ndarray, " n"]
    valid: Bool[np.ndarray, " n"]


def descent_bounds(
    law: SphericalLaw,
    descent: Directions,
    rates: Sequence[float] | Float[np.ndarray, " n"],
    teacher: Float[np.ndarray, " d"],
    *,
    since: int = 0,
) -> DescentBounds:
    r"""Bound the angle of a linear classifier under gradient descent on all inputs.

    Parameters
    ----------
    law
        Of the inputs.
    descent
        Of one layer, with every step: ``weights_descent(law, [w], teacher, rates)``.
    rates
        The learning rate of each step.
    teacher
        The unit vector whose signs are the labels.
    since
        The step from which the bounds start; what they need may hold only from there on.

    Raises
    ------
    ValueError
        If steps are missing, or ``since`` is none of them.

    Notes
    -----
    Lin, Sun & Zhang (NeurIPS 2021), theorems 2 and 3. Theorem 4 follows: with bounded rates and a
    growing norm the margin is positive from some step on (see :func:`steady_norm`), and -ln(1 -
    cos) grows at least as the square root of the number of steps, faster than any power decays.

    Examples
    --------
    >>> import numpy as np
    >>> from widthwise.data import sphere_inputs
    >>> from widthwise.dynamics.directional import weights_descent
    >>> law, v, rates = sphere_inputs(2), np.array([0.0, 1.0]), np.full(20, 0.5)
    >>> found = weights_descent(law, [np.array([[0.6, -0.8]])], v, rates)
    >>> bool(descent_bounds(law, found, rates, v).valid.all())
    True
    """
    eta = np.asarray(rates, np.float64)
    if len(descent.times) != len(eta) + 1 or not np.allclose(np.diff(descent.times), eta):
        raise ValueError(
            f"descent has {len(descent.times)} records for {len(eta)} learning rates: give one of "
            "these rates with all its steps, at=None"
        )
    if not 0 <= since < len(eta):
        raise ValueError(f"since is {since}: give a step from 0 to {len(eta) - 1}")
    c0, w, norm = law.plane_norm, descent.product, descent.norm
    cosine = w @ np.asarray(teacher, np.float64) / norm
    along = np.sum(w[1:] * w[:-1], axis=1) / norm[:-1]  # a
    push = eta * c0 / math.pi * np.maximum(cosine[:-1], 0.0)  # b cos
    with np.errstate(divide="ignore"):
        margins = np.where(push > 0, (norm[1:] + along) / push - 1, math.inf)
    eta, margins = eta[since:], margins[since:]
    margin = np.append(math.inf, np.minimum.accumulate(margins))
    gap = 2 * np.exp(2 * descent.log_tangent) / (1 + np.exp(2 * descent.log_tangent))  # 1 - cos
    size, opening = norm[since] ** 2 / c0**2, 2 - gap[since]

    squares = np.cumsum(eta**2)
    free = np.append(0.0, np.cumsum(eta / np.sqrt(size + squares)))
    held = np.append(0.0, np.cumsum(eta / np.sqrt(size + squares + _PULL * np.cumsum(eta) / c0**2)))
    obtuse = np.append(True, np.cumsum(cosine[since:-1] >= 0) == 0)
    part = np.where(np.isinf(margin), 1.0, margin / (1 + np.minimum(margin, 1e300)))
    first = gap[since] * np.exp(-opening / math.pi * free)
    second = gap[since] * np.exp(-opening / math.pi * part * held)
    opposite = np.where(obtuse & (cosine[since] < 0), first, np.nan)
    steady = np.where(margin > 0, second, np.nan)
    opposite, steady = (np.log(g / (2 - g)) / 2 for g in (opposite, steady))
    exact = descent.log_tangent[since:] - 1e-9
    valid = ~(exact > opposite) & ~(exact > steady)
    return DescentBounds(opposite, steady, margin, valid)


def steady_norm(law: SphericalLaw, rate: float | int, *, margin: float | int) -> float:
    """Norm from which on a step at this rate has at least this margin, whatever the angle."""
    return rate * law.plane_norm * (1 + (1 + margin) / (2 * math.pi))
