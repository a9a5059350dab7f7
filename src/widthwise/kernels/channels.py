"""What finite width does to correlations and to norms, in closed form at natural weights.

Both are special cases of the first-order recursion (see `widthwise.kernels.moments`). Between two
unrelated inputs and a zero-mean activation, ``V_(12)(12)`` obeys ``V' = 1 + b_1^2 V`` with
``b_1 = E[z s]^2 / E[s^2]``; for one input, ``V_1111`` obeys
``V' = E[s^4] / E[s^2]^2 - 1 + chi_par^2 V``. Derived.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from widthwise.activations import Activation
from widthwise.kernels.moments import RELIABLE
from widthwise.kernels.products import input_moments

_ROUNDING = 1e-9


@dataclass(frozen=True)
class NormStability:
    """Whether the natural weight variance keeps the norms of a finite network near one.

    Attributes
    ----------
    chi_par
        Factor by which a small change of the squared norm grows in one layer, at infinite width.
    relative_variance
        Variance over networks of the squared norm after all hidden layers, to first order:
        ``V_1111 / width``.
    marginal
        ``chi_par >= 1``: nothing pulls the norm back to one.
    reliable
        ``V_1111 / width <= 0.3``: first order in ``1 / width`` may be trusted.
    """

    chi_par: float
    relative_variance: float
    marginal: bool
    reliable: bool


def decorrelated_variance(phi: Activation, depth: int) -> Float[np.ndarray, " l"]:
    """``V_(12)(12)`` of two unrelated inputs after 0 to ``depth`` hidden layers, to first order.

    Parameters
    ----------
    phi
        A zero-mean activation.
    depth
        Number of hidden layers, at least 0.

    Returns
    -------
    numpy.ndarray
        ``(1 - b_1^(2 l)) / (1 - b_1^2)``.

    Raises
    ------
    ValueError
        If the mean of the activation under N(0, 1) is not zero.
    """
    return _geometric(1.0, _linear_share(phi) ** 2, depth)


def decorrelation_floor(phi: Activation, width: int) -> float:
    """Typical size of the correlation that finite width leaves, however deep the network.

    Parameters
    ----------
    phi
        A zero-mean activation.
    width
        Width of the hidden layers.

    Returns
    -------
    float
        ``1 / sqrt(width (1 - b_1^2))``; infinite for a linear activation.

    Raises
    ------
    ValueError
        If the mean of the activation under N(0, 1) is not zero.

    Examples
    --------
    >>> from widthwise import activations
    >>> round(decorrelation_floor(activations.relu.centered(), 100), 4)
    0.1471
    """
    rest = 1 - _linear_share(phi) ** 2
    return 1 / math.sqrt(width * rest) if rest > _ROUNDING else math.inf


def norm_variance(phi: Activation, depth: int) -> Float[np.ndarray, " l"]:
    """``V_1111`` of an input of unit norm after 0 to ``depth`` hidden layers, to first order.

    Parameters
    ----------
    phi
        Activation of the hidden layers.
    depth
        Number of hidden layers, at least 0.
    """
    with jax.enable_x64(True):
        second = float(phi.second_moment())
        fourth, slope, _ = (float(moment) for moment in input_moments(phi, jnp.asarray(1.0)))
    return _geometric(fourth / second**2 - 1, (slope / second) ** 2, depth)


def norm_stability(phi: Activation, *, depth: int, width: int) -> NormStability:
    """Say whether norms stay near one in networks of this depth and width.

    Parameters
    ----------
    phi
        Activation of the hidden layers.
    depth, width
        Number of hidden layers, and neurons in each.

    Returns
    -------
    NormStability

    Examples
    --------
    >>> from widthwise import activations
    >>> norm_stability(activations.relu.centered(), depth=32, width=256).reliable
    False
    """
    with jax.enable_x64(True):
        chi_par = float(phi.chi_par())
    relative = float(norm_variance(phi, depth)[-1]) / width
    return NormStability(chi_par, relative, chi_par >= 1 - _ROUNDING, relative <= RELIABLE)


def _linear_share(phi: Activation) -> float:
    """``b_1`` of a zero-mean activation."""
    with jax.enable_x64(True):
        a0, a1 = (float(a) for a in phi.hermite(1))
        second = float(phi.second_moment())
    if abs(a0) > _ROUNDING * math.sqrt(second):
        raise ValueError(
            f"{phi.name} has mean {a0:.6g} under N(0, 1); correlations vanish with depth only for "
            f"zero mean: take {phi.name}.centered()."
        )
    return a1**2 / second


def _geometric(source: float, factor: float, depth: int) -> np.ndarray:
    """Iterate ``V' = source + factor V`` from zero."""
    return source * np.concatenate([[0.0], np.cumsum(factor ** np.arange(depth))])
