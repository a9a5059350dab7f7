"""Lines and power laws through points with errors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

Points = ArrayLike | Sequence[float | int]


@dataclass(frozen=True)
class LineFit:
    """A straight line through points, ``y = intercept + slope * x``.

    Attributes
    ----------
    slope, intercept
        The line.
    slope_error, intercept_error
        Standard errors. They rest on the errors given with the points, or, where none were given,
        on the scatter of the points around the line.
    chi_squared
        Sum of the squared residuals, each in units of its error (NaN if none were given).
    degrees
        Degrees of freedom: points less two.
    """

    slope: float
    intercept: float
    slope_error: float
    intercept_error: float
    chi_squared: float
    degrees: int

    @property
    def p_value(self) -> float:
        """Probability of at least this chi-squared if the line is true (NaN without errors)."""
        return float(chdtrc(self.degrees, self.chi_squared)) if self.degrees else math.nan


def fit_line(x: Points, y: Points, error: Points | None = None) -> LineFit:
    """Least-squares line through points, weighted by their errors.

    Parameters
    ----------
    x, y
        Points: two or more different ``x`` if errors are given, else three or more points.
    error
        Standard error of each ``y``, independent, positive.

    Returns
    -------
    LineFit

    Raises
    ------
    ValueError
        If there are too few points, numbers that are not finite, or errors that are not positive.

    Examples
    --------
    >>> fit = fit_line([0, 1, 2], [1, 3, 5], [0.1, 0.1, 0.1])
    >>> round(fit.slope, 12), round(fit.intercept, 12), round(fit.slope_error, 6)
    (2.0, 1.0, 0.070711)
    """
    x, y, sigma = _points(x, y, error)
    weight = sigma**-2
    centre = np.sum(weight * x) / np.sum(weight)
    spread = np.sum(weight * (x - centre) ** 2)
    if spread == 0:
        raise ValueError("All x are equal; a line needs two different ones.")
    slope = np.sum(weight * (x - centre) * y) / spread
    height = np.sum(weight * y) / np.sum(weight)
    degrees = len(x) - 2
    squares = float(np.sum(weight * (y - height - slope * (x - centre)) ** 2))
    scale = math.sqrt(squares / degrees) if error is None else 1.0
    return LineFit(
        slope=float(slope),
        intercept=float(height - slope * centre),
        slope_error=scale / math.sqrt(spread),
        intercept_error=scale * math.sqrt(1 / np.sum(weight) + centre**2 / spread),
        chi_squared=math.nan if error is None else squares,
        degrees=degrees,
    )


@dataclass(frozen=True)
class PowerLaw:
    """A power law through points, ``y = amplitude * x ** exponent``.

    Attributes
    ----------
    exponent, amplitude
        The law.
    exponent_error, amplitude_error
        Standard errors, to first order.
    line
        The line through the logarithms, with its chi-squared.
    """

    exponent: float
    amplitude: float
    exponent_error: float
    amplitude_error: float
    line: LineFit


def fit_power_law(x: Points, y: Points, error: Points | None = None) -> PowerLaw:
    """Fit a power law: a line through the logarithms.

    Parameters
    ----------
    x, y
        Positive points.
    error
        Standard error of each ``y``; small against ``y``, or the logarithm is biased.

    Returns
    -------
    PowerLaw

    Raises
    ------
    ValueError
        As [`fit_line`][widthwise.numerics.fits.fit_line], or if a point is not positive.

    Examples
    --------
    >>> law = fit_power_law([1, 2, 4], [3.0, 0.75, 0.1875])
    >>> round(law.exponent, 12), round(law.amplitude, 12)
    (-2.0, 3.0)
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if not (np.all(x > 0) and np.all(y > 0)):
        raise ValueError(
            "A power law was asked for points that are not all positive; leave them out."
        )
    relative = None if error is None else np.asarray(error, np.float64) / y
    line = fit_line(np.log(x), np.log(y), relative)
    amplitude = math.exp(line.intercept)
    return PowerLaw(line.slope, amplitude, line.slope_error, amplitude * line.intercept_error, line)


def _points(
    x: Points, y: Points, error: Points | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    sigma = np.ones_like(y) if error is None else np.asarray(error, np.float64)
    needed = 3 if error is None else 2
    if x.ndim != 1 or x.shape != y.shape or x.shape != sigma.shape or len(x) < needed:
        raise ValueError(
            f"Points of shapes {x.shape}, {y.shape} and errors of shape {sigma.shape} were given; "
            f"give equally many of each, at least {needed}."
        )
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y)) and np.all(np.isfinite(sigma))):
        raise ValueError("Points that are not finite were given; find out why, or leave them out.")
    if not np.all(sigma > 0):
        raise ValueError(
            "Errors that are not positive were given; each point needs a positive one."
        )
    return x, y, sigma
