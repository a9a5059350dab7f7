"""Functions of a rescaled input: ``s(c z)``, with everything that is known about ``s``."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from jaxtyping import Array, Float, PyTree

from widthwise.activations.activation import Activation
from widthwise.activations.averages import ClosedForms, GapForm


@dataclass(frozen=True)
class _Rescaled:
    s: Callable
    factor: float

    def __call__(self, z: Array) -> Array:
        return self.s(self.factor * z)


@cache
def steeper(phi: Activation, factor: float | int) -> Activation:
    """Return ``phi(factor z)``, closed forms carried over.

    Parameters
    ----------
    phi
        The activation.
    factor
        What multiplies the input: finite, not zero.

    Raises
    ------
    ValueError
        If the factor is zero or not finite.

    Examples
    --------
    >>> from widthwise import activations
    >>> float(steeper(activations.relu, 2.0).dual(0.5)) == 4 * float(activations.relu.dual(0.5))
    True
    """
    c = float(factor)
    if c == 0 or not np.isfinite(c):
        raise ValueError(f"the factor of the input is {factor}: give a finite number, not zero")
    if c == 1.0:
        return phi
    return replace(
        phi,
        name=f"{phi.name}({c:g} z)",
        function=_Rescaled(phi.function, c),
        kinks=tuple(sorted(kink / c + 0.0 for kink in phi.kinks)),
        width=phi.width / abs(c),
        forms=None if phi.forms is None else _forms(phi.forms, c),
    )


def _forms(forms: ClosedForms, c: float) -> ClosedForms:
    """Averages under N(0, K) of the rescaled function: those of the function under N(0, c^2 K)."""
    square, slope, coefficients, gap = c * c, forms.dual_derivative, forms.hermite, forms.gap

    def dual_derivative(k12: Array, k11: Array, k22: Array) -> Array:
        assert slope is not None
        return square * slope(square * k12, square * k11, square * k22)

    def hermite(order: int, q: Float[Array, ""]) -> Float[Array, " k"]:
        assert coefficients is not None
        return coefficients(order, square * q) * np.sign(c) ** np.arange(order + 1)

    def pair(u: Array, first: PyTree, second: PyTree) -> tuple[Array, Array]:
        assert gap is not None
        after, slopes = gap.pair(u, first, second)
        return after, square * slopes

    def side(deviation: Array, inverse: Array) -> PyTree:
        assert gap is not None
        return gap.side(abs(c) * deviation, inverse)

    return ClosedForms(
        mean=lambda q: forms.mean(square * q),
        second_moment=lambda q: forms.second_moment(square * q),
        dual=lambda k12, k11, k22: forms.dual(square * k12, square * k11, square * k22),
        dual_derivative=None if slope is None else dual_derivative,
        hermite=None if coefficients is None else hermite,
        gap=None if gap is None else GapForm(side, pair),
    )
