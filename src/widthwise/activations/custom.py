"""Activations made of a user's own function: find its kinks, choose its rule, or refuse it."""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from widthwise.activations.activation import Activation, Parity
from widthwise.numerics.quadrature import KinkRule, gaussian_nodes

_GRID = np.linspace(-12.0, 12.0, 24_000)  # even in number: zero, where kinks are, lies between two
_STRONG = 1e-4  # a jump of s, s' or s'' this large, relative to the largest value, is a kink
_WIDTHS = (3.0, 1.5, 0.75, 0.4, 0.2, 0.1, 0.05)
_NODES = (32, 64, 128)
_AGREEMENT = 3e-11


def from_function(
    function: Callable,
    *,
    name: str | None = None,
    kinks: Sequence[float] | None = None,
    width: float | None = None,
) -> Activation:
    """Make an activation of any elementwise function written with ``jax.numpy``.

    Its Gaussian averages are computed by quadrature that is cut at the kinks. Kinks, jumps, parity
    and width are found from its values on [-12, 12]; the choice is checked against a finer rule.

    Parameters
    ----------
    function
        Elementwise: an array in, an array of the same shape out. Differentiable between kinks.
    name
        How to call it; by default its own name.
    kinks
        Points where it, its slope or its curvature jumps, or around which it is steep; found
        automatically by default.
    width
        Distance over which it changes shape around its kinks; found automatically by default.

    Raises
    ------
    TypeError
        If it does not accept arrays of ``jax.numpy``.
    ValueError
        If it is not finite on [-12, 12], is constant, grows too fast for its second moment to
        exist, or is too steep for the rule found.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> phi = from_function(lambda z: jnp.maximum(z - 1, 0), name="hinge")
    >>> phi.kinks
    (1.0,)
    """
    name = name or str(getattr(function, "__name__", type(function).__name__))
    with jax.enable_x64(True), jax.ensure_compile_time_eval():
        derivatives = _derivatives(function)
        values = _values(function, name)
        if np.ptp(values) == 0:
            raise ValueError(f"{name} does not depend on its input; give a function that varies")
        _refuse_fast_growth(values, name)
        if kinks is None:
            kinks = _find_kinks(derivatives)
        kinks = tuple(sorted(float(k) for k in kinks))
        widths = _WIDTHS if width is None else (float(width),)
        rule = _choose_rule(derivatives[:2], kinks, widths, name)
        continuous = not any(_jumps(function, k, np.max(np.abs(values))) for k in kinks)
    return Activation(
        name,
        function,
        kinks,
        width=float(rule.width),
        nodes=rule.nodes,
        parity=_parity(values),
        continuous=continuous,
    )


def _derivatives(f: Callable) -> list[Callable]:
    """``s, s', s''`` on arrays."""

    def slope(g: Callable) -> Callable:
        return lambda z: jax.jvp(g, (z,), (jnp.ones_like(z),))[1]

    return [f, slope(f), slope(slope(f))]


def _values(f: Callable, name: str) -> Float[np.ndarray, " n"]:
    z = jnp.asarray(_GRID)
    try:
        values = jax.jit(f)(z)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} does not accept an array of jax.numpy; write it with jax.numpy functions "
            f"(jnp.where instead of if)"
        ) from error
    if jnp.shape(values) != z.shape:
        raise ValueError(
            f"{name} maps shape {z.shape} to {jnp.shape(values)}; an activation is elementwise"
        )
    values = np.asarray(values, float)
    if not np.isfinite(values).all():
        where = _GRID[np.argmin(np.isfinite(values))]
        raise ValueError(
            f"{name} is not finite at {where:.3g}; an activation must be finite on [-12, 12]"
        )
    return values


def _refuse_fast_growth(values: Float[np.ndarray, " n"], name: str) -> None:
    weighted = np.abs(values) * np.exp(-(_GRID**2) / 4)
    if weighted[np.abs(_GRID) > 8].max() > 1e-4 * weighted.max():
        raise ValueError(
            f"{name} grows so fast that E[s(z)^2] is infinite or out of reach; give a function "
            f"that stays below exp(z^2 / 4)"
        )


def _find_kinks(derivatives: Sequence[Callable]) -> list[float]:
    found: list[float] = []
    for g in map(jax.jit, derivatives):
        values = np.asarray(g(jnp.asarray(_GRID)), float)
        if not np.isfinite(values).all():
            continue
        change = np.abs(np.diff(values))
        around = np.maximum(np.roll(change, 2), np.roll(change, -2))
        strong = change > 10 * around + _STRONG * np.abs(values).max()
        for i in np.flatnonzero(strong):
            kink = _bisect(g, _GRID[i], _GRID[i + 1])
            if kink is not None and all(abs(kink - k) > 1e-6 for k in found):
                found.append(kink)
    return found


def _bisect(g: Callable, low: float, high: float) -> float | None:
    """Location of a jump of ``g``; None if the change turns out to be steep but smooth."""
    total = abs(float(g(jnp.asarray(high)) - g(jnp.asarray(low))))
    while high - low > 1e-13:
        middle = (low + high) / 2
        left, here, right = np.asarray(g(jnp.asarray([low, middle, high])))
        if max(abs(here - left), abs(right - here)) < total / 4:
            return None
        low, high = (low, middle) if abs(here - left) > abs(right - here) else (middle, high)
    place = (low + high) / 2
    return round(place, 9) + 0.0 if abs(place - round(place, 9)) < 1e-12 else place


def _jumps(f: Callable, kink: float, scale: float) -> bool:
    below, above = np.asarray(f(jnp.asarray([kink - 1e-9, kink + 1e-9])))
    return bool(abs(above - below) > 1e-6 * scale)


def _choose_rule(
    functions: Sequence[Callable], kinks: tuple[float, ...], widths: Sequence[float], name: str
) -> KinkRule:
    """Take the rule that agrees best with a finer one for ``E s^2`` and ``E s'^2``.

    It must agree at variance 0.01 and 1; a variance of 25, where a fast-growing function is out of
    reach of every rule, only decides between the others.
    """
    best = math.inf
    for nodes in _NODES:
        rules = [KinkRule(kinks, width, nodes) for width in widths]
        errors = [
            [max(_disagreement(f, rule, q) for f in functions) for q in (0.01, 1.0, 25.0)]
            for rule in rules
        ]
        best = min(best, *(max(e[:2]) for e in errors))
        if best <= _AGREEMENT:
            return min(zip(errors, rules, strict=True), key=lambda pair: max(pair[0]))[1]
    raise ValueError(
        f"the quadrature found for {name} is only good to {best:.1e}; pass the points where it "
        f"bends or is steep as kinks=(...), and how sharply as width=..."
    )


def _disagreement(f: Callable, rule: KinkRule, variance: float) -> float:
    coarse, fine = (
        float(jnp.sum(w * f(z) ** 2))
        for z, _, w in (
            gaussian_nodes(jnp.asarray(variance), r) for r in (rule, rule.refined(2 * rule.nodes))
        )
    )
    return abs(coarse - fine) / max(abs(fine), 1.0)


def _parity(values: Float[np.ndarray, " n"]) -> Parity | None:
    tolerance = 1e-13 * np.abs(values).max()
    if np.abs(values + values[::-1]).max() <= tolerance:
        return "odd"
    if np.abs(values - values[::-1]).max() <= tolerance:
        return "even"
    return None
