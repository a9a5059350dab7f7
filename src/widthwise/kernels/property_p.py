r"""Property P of a random function, of a random wide network, and the first correction for width.

A network with ``n`` outputs reads the ``2^m`` inputs ``x`` in ``{-1, 1}^m``. It *violates* at ``x``
when all its outputs are below zero (strictly: a dead output of exactly zero does not count). ``N``
is the number of violations, and property P is ``N = 0``.

Source: J. Dunbar and S. Aaronson, "Wide Neural Networks as a Baseline for the Computational
No-Coincidence Conjecture" (2025, arXiv 2510.06527). The formulas are derived where they stand.
"""

import math
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Real

from widthwise.activations import Activation
from widthwise.kernels.hypercube import check_sizes, hypercube_correlations
from widthwise.kernels.moments import finite_width
from widthwise.numerics import statistics
from widthwise.numerics.statistics import Estimate


@dataclass(frozen=True)
class Baseline:
    """Property P in a model where the ``2^m`` inputs, or their antipodal pairs, are independent.

    Attributes
    ----------
    probability
        Probability that there is no violation.
    mean, variance
        Mean and variance of the number of violations.
    """

    probability: float
    mean: float
    variance: float


@dataclass(frozen=True)
class ViolationSummary:
    """What a sample of violation counts says.

    Attributes
    ----------
    probability
        Share with no violation. Its error is that of the share with half a count added on either
        side, so that a share of zero or one does not claim to be exact.
    mean, variance
        Mean and unbiased variance of the count.
    """

    probability: Estimate
    mean: Estimate
    variance: Estimate


def baseline(m: int, n_outputs: int, *, parity: Literal["odd", "even"] | None = None) -> Baseline:
    """Property P of a random function, aware of an exact symmetry under ``x -> -x``.

    Signs of the outputs are fair and independent, so an input violates with probability
    ``p = 2^-n``. Without symmetry the ``2^m`` inputs are independent. An odd function violates at
    ``x`` or at ``-x`` but never at both: ``2^(m-1)`` independent pairs with one violation with
    probability ``2 p``. An even function violates at both or at neither: two violations with
    probability ``p``.

    Parameters
    ----------
    m
        Number of input bits, 1 to 1000.
    n_outputs
        Number of outputs, at least 1.
    parity
        Symmetry of the function: None, "odd" or "even" (an `Activation` of that parity without
        biases makes the whole network so, at every width and depth).

    Returns
    -------
    Baseline

    Raises
    ------
    ValueError
        If a number is out of range or the parity is unknown.

    Examples
    --------
    >>> round(baseline(4, 2).probability, 12), baseline(6, 4).variance
    (0.010022595758, 3.75)
    >>> baseline(6, 4, parity="odd").variance
    3.5
    """
    check_sizes(m, n_outputs, largest=1000)
    groups, chance, violations = {
        None: (2.0**m, 2.0**-n_outputs, 1),
        "odd": (2.0 ** (m - 1), 2.0 ** (1 - n_outputs), 1),
        "even": (2.0 ** (m - 1), 2.0**-n_outputs, 2),
    }.get(parity, (0.0, 0.0, 0))
    if not groups:
        raise ValueError(f"parity {parity!r} was given; it must be None, 'odd' or 'even'")
    probability = 0.0 if chance == 1 else math.exp(groups * math.log1p(-chance))
    mean = groups * violations * chance
    return Baseline(probability, mean, groups * violations**2 * chance * (1 - chance))


def violation_variance(phi: Activation, m: int, n_outputs: int, depth: int) -> float:
    """Exact variance of the number of violations at infinite width.

    The outputs are independent Gaussian processes, and two Gaussians of correlation ``rho`` are
    both negative with probability ``1/4 + arcsin(rho) / (2 pi)`` (Sheppard). Hence
    ``Var N = 2^m sum_h binomial(m, h) [(1/4 + arcsin(rho_h) / (2 pi))^n - 4^-n]``.

    Parameters
    ----------
    phi
        Activation; the layers are tuned to pre-activation variance one, without biases.
    m
        Number of input bits, 1 to 1000.
    n_outputs
        Number of outputs, at least 1.
    depth
        Number of hidden layers, at least 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    check_sizes(m, n_outputs, depth, largest=1000)
    rho = hypercube_correlations(phi, m, depth)
    with np.errstate(divide="ignore"):  # rho = -1: the two inputs never violate together
        excess = np.expm1(n_outputs * np.log1p(2 / np.pi * np.arcsin(rho)))
    return float(4.0**-n_outputs * 2.0**m * np.sum(_pairs(m) * excess))


def width_correction(phi: Activation, m: int, n_outputs: int, depth: int, *, width: int) -> float:
    """First correction of finite width to the variance of the number of violations.

    Given the last hidden layer the outputs are independent Gaussians, so two inputs violate
    together with probability ``E[g(Khat)]``, ``g(K) = (1/4 + arcsin(rho) / (2 pi))^n``, over their
    random covariance ``Khat``, of mean ``K + H / width`` and covariance ``V / width`` (see
    `finite_width`). Hence
    ``Delta Var N = 2^m sum_h binomial(m, h) [dg/dK . H + (1/2) d^2 g/dK^2 : V] / width``. Equal
    inputs, and opposite ones if the activation has a parity, keep their correlation.

    Parameters
    ----------
    phi
        Activation; the layers are tuned to pre-activation variance one, without biases.
    m, n_outputs, depth
        As in `violation_variance`.
    width
        Width of the hidden layers, at least 1.

    Returns
    -------
    float
        What to add to `violation_variance`; an asymptotic statement, good while it is small.

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    check_sizes(m, n_outputs, depth, largest=1000)
    _check_width(width)

    start = [[1.0, 1 - 2 * h / m, 1.0] for h in range(m + 1)]
    moments = finite_width(phi, np.array(start), depth=depth)
    distance = np.arange(m + 1)
    fixed = (distance == 0) | ((distance == m) & (phi.parity is not None))
    k = np.where(fixed[:, None], np.array([[1.0, 0.0, 1.0]]), moments.K[-1])
    with jax.enable_x64(True):
        gradient, hessian = (np.asarray(d) for d in _derivatives(k, float(n_outputs)))
    drift = np.sum(gradient * moments.H[-1], axis=1)
    spread = np.sum(hessian * moments.V[-1], axis=(1, 2))
    change = np.where(fixed, 0.0, drift + spread / 2)
    return float(2.0**m * np.sum(_pairs(m) * change) / width)


@jax.jit
def _derivatives(
    k: Float[Array, "p 3"], n_outputs: Float[Array, ""]
) -> tuple[Float[Array, "p 3"], Float[Array, "p 3 3"]]:
    """Gradient and Hessian of the chance that two inputs violate together."""

    def together(k: Array) -> Array:
        rho = k[1] / jnp.sqrt(k[0] * k[2])
        return (0.25 + jnp.arcsin(rho) / (2 * np.pi)) ** n_outputs

    return jax.vmap(jax.grad(together))(k), jax.vmap(jax.hessian(together))(k)


def deep_width_correction(phi: Activation, m: int, n_outputs: int, *, width: int) -> float:
    """Limit of `width_correction` for deep networks that decorrelate all pairs of inputs.

    At correlation zero ``V' = 1 + b_1^2 V`` and ``H' = b_1 H + b_2 V`` from layer to layer, ``b_k``
    being the shares of the Hermite coefficients in the second moment. With the limits
    ``V = 1 / (1 - b_1^2)`` and ``H = b_2 V / (1 - b_1)``, over all ``4^m`` pairs,
    ``(4^m / 4^n) [binomial(n, 2) (2/pi)^2 V + n (2/pi) H] / width``. The second term vanishes for
    odd activations.

    Parameters
    ----------
    phi
        Nonlinear activation with mean zero at variance one.
    m, n_outputs, width
        As in `width_correction`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If a number is out of range, or the activation has a mean or is linear.
    """
    check_sizes(m, n_outputs, largest=1000)
    _check_width(width)
    with jax.enable_x64(True):
        shares = np.asarray(phi.hermite(2)) ** 2 / float(phi.second_moment())
    mean, b1, b2 = shares.tolist()
    if mean > 1e-9 or b1 > 1 - 1e-9:
        raise ValueError(
            f"{phi.name} does not decorrelate inputs (shares of mean and linear part: {mean:.2g}, "
            f"{b1:.2g}); use a nonlinear activation with mean zero, for example .centered()"
        )
    spread = 1 / (1 - b1**2)
    drift = b2 * spread / (1 - b1)
    slope = 2 / math.pi
    excess = math.comb(n_outputs, 2) * slope**2 * spread + n_outputs * slope * drift
    return 4.0 ** (m - n_outputs) * excess / width


def summarize(counts: Real[ArrayLike, " samples"]) -> ViolationSummary:
    """Estimate the chance of property P and the moments of ``N`` from counts, with errors.

    Parameters
    ----------
    counts
        Number of violations of each function or network; at least two.

    Returns
    -------
    ViolationSummary

    Raises
    ------
    ValueError
        If fewer than two counts are given.

    Examples
    --------
    >>> import jax.numpy as jnp

    """
    mean = statistics.mean(counts)
    share = float(np.mean(np.asarray(counts) == 0))
    padded = (share * mean.count + 0.5) / (mean.count + 1)
    error = math.sqrt(padded * (1 - padded) / mean.count)
    return ViolationSummary(
        Estimate(np.asarray(share), np.asarray(error), mean.count),
        mean,
        statistics.variance(counts),
    )


def _pairs(m: int) -> np.ndarray:
    """Return the number of inputs at each Hamming distance from a given one."""
    return np.array([float(math.comb(m, h)) for h in range(m + 1)])


def _check_width(width: int) -> None:
    if width < 1:
        raise ValueError(f"width = {width} was given; it must be at least 1")
