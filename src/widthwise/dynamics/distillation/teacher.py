"""Linear teachers that memorize random labels, in the limit of many inputs and samples.

n samples x ~ N(0, I/d) with random labels y = +-1 at the load alpha = n/d. A teacher minimizes
(lambda/2)|w|^2 + sum loss(h) over the margins h = y x.w. Leaving one sample out, its margin would
be a field omega ~ N(0, q) with q = |w|^2/d; with it, h = omega + (chi + s) a where a = -loss'(h).
The response chi and q solve

    chi = 1 / (lambda + V),   V = -alpha E[da/domega],   q = chi^2 alpha E[a^2].

s is what a sample has to itself (the diagonal of a kernel beyond its linear part). The share of
directions that the data pin is v = V chi.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from widthwise.dynamics.distillation.nodes import REACH, Nodes, normal_nodes, pieces
from widthwise.numerics.brackets import root

_LOG_VARIANCE = (-14.0, 14.0)
_TIGHT = 1e-13


@dataclass(frozen=True, eq=False)
class LinearTeacher:
    """A teacher of binary labels in the limit n, d to infinity at n/d = load.

    Attributes
    ----------
    load
        alpha = n/d, samples over inputs.
    variance
        q = |w|^2 / d, the variance of its outputs on new inputs x ~ N(0, I/d).
    response
        chi.
    pinned
        v, the share of directions that the data pin, between 0 and 1.
    private
        s, the part of the kernel's diagonal that a sample shares with none.
    nodes
        Fields, forces and margins over which averages are taken.
    """

    load: float | int
    variance: float | int
    response: float | int
    pinned: float | int
    private: float | int
    nodes: Nodes

    @property
    def accuracy(self) -> float:
        """Share of the labels that it memorizes."""
        return self.nodes.mean((self.nodes.margin > 0).astype(float))


def hard_margin_teacher(load: float | int, *, private: float | int = 0.0) -> LinearTeacher:
    """Largest margin: where gradient descent on logistic losses ends for separable labels.

    Parameters
    ----------
    load
        alpha = n/d. Without a private part, below 2: more labels are not separable (Cover, 1965).
    private
        s of a kernel a1 x.x' + a* [x = x'], in units of a1.

    Returns
    -------
    LinearTeacher
        In units where the margin is 1: q = 1/kappa^2.

    Raises
    ------
    ValueError
        If the load is not positive, or too large; if ``private`` is negative.

    Notes
    -----
    kappa solves 1/alpha = (1 + kappa^2) Phi(kappa) + kappa phi(kappa) (Gardner, 1988).

    Examples
    --------
    >>> round(hard_margin_teacher(1.0).variance ** -0.5, 7)
    0.4706554
    """
    _check(load, private=private)
    if private == 0 and load >= 2:
        raise ValueError(
            f"load is {load}: 2 samples per input or more are not separable, give less than 2, "
            "or use logistic_teacher"
        )

    def response(variance: float | int) -> float:
        share = load * float(norm.cdf(variance**-0.5))
        b = private + share - 1
        return (-b + math.sqrt(b * b + 4 * private)) / 2

    def excess(log_variance: float | int) -> float:
        q = math.exp(log_variance)
        kappa = q**-0.5
        force = q * ((1 + kappa**2) * norm.cdf(kappa) + kappa * norm.pdf(kappa))
        chi = response(q)
        ratio = chi / (chi + private) if private else 1.0
        return math.log(load * ratio**2 * force) - log_variance

    q = math.exp(root(excess, *_LOG_VARIANCE, _TIGHT))
    chi = response(q)
    field, weight = normal_nodes((1.0, 0.0), deviation=q**0.5)
    force = np.maximum(1 - field, 0) / (chi + private)
    margin = field + (chi + private) * force
    return LinearTeacher(load, q, chi, 1 - chi, private, Nodes(field, force, margin, weight))


def logistic_teacher(
    load: float | int, *, ridge: float | int = 0.0, private: float | int = 0.0
) -> LinearTeacher:
    """Regularized logistic regression, or its maximum likelihood above two samples per input.

    Parameters
    ----------
    load
        alpha = n/d.
    ridge
        lambda of the penalty (lambda/2)|w|^2, for inputs of squared length one.
    private
        As in :func:`hard_margin_teacher`.

    Raises
    ------
    ValueError
        If the load is not positive, a number is negative, or the ridge is zero and the labels are
        separable, so that the weights grow for ever: then use :func:`hard_margin_teacher`.

    Examples
    --------
    >>> round(logistic_teacher(3.0).accuracy, 6)
    0.764748
    """
    _check(load, ridge=ridge, private=private)
    if ridge == 0 and (load <= 2 or private > 0):
        raise ValueError(
            f"load is {load} and ridge 0: up to 2 samples per input, or with a private part, the "
            "labels are separable and the weights grow for ever; give a ridge, or use "
            "hard_margin_teacher"
        )

    def solved(log_variance: float | int) -> tuple[float, Nodes]:
        q = math.exp(log_variance)

        def surplus(log_response: float | int) -> float:
            chi = math.exp(log_response)
            return chi * (ridge + load * _stiffness(_logistic_nodes(q, chi + private), chi)) - 1

        high = math.log(1e3 * (1 + q**0.5)) if ridge == 0 else -math.log(ridge)
        chi = math.exp(root(surplus, -40.0, high, _TIGHT))
        return chi, _logistic_nodes(q, chi + private)

    def _stiffness(nodes: Nodes, chi: float | int) -> float:
        curvature = nodes.force * (1 - nodes.force)
        return nodes.mean(curvature / (1 + (chi + private) * curvature))

    def excess(log_variance: float | int) -> float:
        chi, nodes = solved(log_variance)
        return math.log(chi**2 * load * nodes.mean(nodes.force**2)) - log_variance

    log_variance = root(excess, *_LOG_VARIANCE, 1e-11)
    chi, nodes = solved(log_variance)
    return LinearTeacher(load, math.exp(log_variance), chi, 1 - ridge * chi, private, nodes)


def _logistic_nodes(variance: float | int, reaction: float | int) -> Nodes:
    """Nodes in the margin, of which the field h - reaction sigma(-h) is an increasing function."""
    reach = REACH * variance**0.5

    def field(h: float | int) -> float:
        return h - reaction * float(expit(-h))

    ends = [
        root(lambda h, f=edge: field(h) - f, edge - 1, edge + reaction + 1, 1e-10)
        for edge in (-reach, -2 * variance**0.5, 2 * variance**0.5, reach)
    ]
    margin, weight = pieces(sorted({*ends, *(c for c in (0.0, 3.0) if ends[0] < c < ends[-1])}))
    force = expit(-margin)
    omega = margin - reaction * force
    density = norm.pdf(omega / variance**0.5) / variance**0.5
    slope = 1 + reaction * force * (1 - force)
    return Nodes(omega, force, margin, weight * density * slope)


def least_squares_teacher(load: float | int) -> LinearTeacher:
    """Least squares on labels +-1, of smallest norm: what gradient descent from zero finds.

    Parameters
    ----------
    load
        alpha = n/d, not 1.

    Raises
    ------
    ValueError
        If the load is not positive, or is 1, where the weights have no finite norm.

    Examples
    --------
    >>> round(least_squares_teacher(3.0).accuracy, 6)
    0.76025
    """
    _check(load)
    if load == 1:
        raise ValueError("load is 1: least squares has no finite norm there, give another load")
    # Below 1 sample per input it interpolates: all margins are 1.
    fits = load < 1
    q = load / (1 - load) if fits else 1 / (load - 1)
    chi = 1 - load if fits else 1 / (load - 1)
    field, weight = normal_nodes((-chi, 0.0), deviation=q**0.5)
    force = (1 - field) / (chi if fits else 1 + chi)
    margin = np.ones_like(field) if fits else field + chi * force
    return LinearTeacher(load, q, chi, min(load, 1.0), 0.0, Nodes(field, force, margin, weight))


def _check(load: float | int, **others: float | int) -> None:
    if not (math.isfinite(load) and load > 0):
        raise ValueError(f"load is {load}: give samples over inputs, a positive number")
    for name, value in others.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} is {value}: give a finite number of at least 0")
