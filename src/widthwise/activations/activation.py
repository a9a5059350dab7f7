"""One pointwise function and its life under Gaussian inputs."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PyTree, Real

from widthwise.activations.averages import Averages, ClosedForms, ComposedPair, GapForm
from widthwise.activations.fixed_points import FixedPoint, find_fixed_points
from widthwise.activations.gaps import (
    Numbers,
    covariances_of,
    gap_by_dual,
    gap_by_form,
    side_by_form,
)
from widthwise.numerics.quadrature import KinkRule, floating, gaussian_mean, gaussian_pair_mean

if TYPE_CHECKING:
    from widthwise.activations.verdict import Verdict

Parity = Literal["odd", "even"]
_Number = float | Array
_EXCESS = 1e-9  # a correlation this far outside [-1, 1] is rounding; further is a mistake


@dataclass(frozen=True)
class Activation:
    """A pointwise function ``gain * function(z) + offset`` with its Gaussian averages.

    Frozen and hashable, so it can be a static argument of ``jax.jit``. Every average takes
    variances and covariances of any shape, is compiled, differentiable and never NaN at
    correlation -1, 0, 1 or at zero variance (where derivatives in the variance are given as zero
    unless a closed form has them).

    Parameters
    ----------
    name
        How it is written, for example ``"leaky_relu(0.2)"``.
    function
        Elementwise function of an array.
    kinks
        Points where it or one of its low derivatives is not smooth.
    width
        Distance over which it changes shape around its kinks (see `KinkRule`).
    nodes
        Quadrature nodes on each side of a kink; more for a function that is steep or oscillates.
    parity
        ``"odd"``, ``"even"`` or None.
    degree
        ``k`` if ``s(a z) = a^k s(z)`` for every ``a > 0``, else None.
    continuous
        False for a function with jumps.
    forms
        Closed forms of ``function``, where known.
    gain, offset
        The affine map applied after ``function``; closed forms follow it.
    """

    name: str
    function: Callable
    kinks: tuple[float, ...] = ()
    width: float = 1.0
    nodes: int = 32
    parity: Parity | None = None
    degree: float | None = None
    continuous: bool = True
    forms: ClosedForms | None = None
    gain: float = 1.0
    offset: float = 0.0

    def __call__(self, z: Float[Array, "*s"]) -> Float[Array, "*s"]:
        """Evaluate pointwise."""
        return self.gain * self.function(z) + self.offset

    def _repr_html_(self) -> str:
        from widthwise.activations.notebook import activation_html

        return activation_html(self)

    @property
    def rule(self) -> KinkRule:
        """The quadrature rule that its kinks call for."""
        return KinkRule(self.kinks, self.width, self.nodes)

    @property
    def _affine(self) -> tuple[float, float]:
        return self.gain, self.offset

    @property
    def averages(self) -> Averages:
        """Gaussian averages of ``function``, before gain and offset."""
        return Averages(self.function, self.rule, self.continuous, self.forms)

    def affine(self, gain: float, offset: float, *, name: str) -> "Activation":
        """Return ``gain * s + offset``, closed forms carried over."""
        unshifted = gain * self.offset + offset == 0.0
        return replace(
            self,
            name=name,
            gain=gain * self.gain,
            offset=gain * self.offset + offset,
            parity=self.parity if unshifted or self.parity == "even" else None,
            degree=self.degree if unshifted else None,
        )

    def require_dependence(self) -> None:
        """Raise ``ValueError`` for a constant, which maps all inputs to one output."""
        if _is_constant(self):
            raise ValueError(
                f"{self.name} does not depend on its input; give a function that varies"
            )

    def centered(self, variance: float | int = 1.0) -> "Activation":
        """Return ``s - E[s]`` at this pre-activation variance."""
        shift = self._exactly(Activation.mean, variance)
        return self.affine(1.0, -shift, name=_suffixed(self.name, "centered", variance))

    def normalized(self, variance: float | int = 1.0) -> "Activation":
        """Return ``s / sqrt(E[s^2])`` at this pre-activation variance."""
        self.require_dependence()
        gain = 1 / math.sqrt(self._exactly(Activation.second_moment, variance))
        return self.affine(gain, 0.0, name=_suffixed(self.name, "normalized", variance))

    def _exactly(self, method: Callable, variance: float | int) -> float:
        check_variance(variance)
        with jax.enable_x64(True), jax.ensure_compile_time_eval():
            return float(method(self, np.float64(variance)))

    def mean(self, variance: Real[ArrayLike, "..."] = 1.0) -> Float[Array, "..."]:
        """Return ``E[s(z)]`` for ``z ~ N(0, variance)``."""
        return self.gain * _evaluate(_mean, self.averages, (), floating(variance)) + self.offset

    def second_moment(self, variance: Real[ArrayLike, "..."] = 1.0) -> Float[Array, "..."]:
        """Return ``E[s(z)^2]`` for ``z ~ N(0, variance)``."""
        return _evaluate(_second_moment, self.averages, self._affine, floating(variance))

    def dual(
        self,
        k12: Real[ArrayLike, "..."],
        k11: Real[ArrayLike, "..."] = 1.0,
        k22: Real[ArrayLike, "..."] = 1.0,
    ) -> Float[Array, "..."]:
        """Return ``E[s(u) s(v)]`` for a Gaussian pair with covariance ``(k11, k12; k12, k22)``.

        Raises
        ------
        ValueError
            If a covariance is too large for its variances (checked where values are concrete).

        Examples
        --------
        >>> from widthwise import activations
        >>> round(float(activations.relu.dual(0.5)), 12)
        0.304498890522
        """
        return _evaluate(_dual, self.averages, self._affine, _checked(k12, k11, k22))

    def dual_derivative(
        self,
        k12: Real[ArrayLike, "..."],
        k11: Real[ArrayLike, "..."] = 1.0,
        k22: Real[ArrayLike, "..."] = 1.0,
    ) -> Float[Array, "..."]:
        """Return ``E[s'(u) s'(v)]``, the derivative of `dual` in ``k12`` (Price's theorem).

        For a function with jumps it contains their delta functions, and is infinite at
        correlation plus or minus one.
        """
        slope = _evaluate(_dual_derivative, self.averages, (), _checked(k12, k11, k22))
        return self.gain**2 * slope

    def expectation(
        self, g: Callable, variance: Real[ArrayLike, "..."] = 1.0
    ) -> Float[Array, "..."]:
        """Return ``E[g(z)]`` for ``z ~ N(0, variance)`` and a ``g`` with the kinks of ``s``."""
        return gaussian_mean(g, variance, rule=self.rule)

    def pair_expectation(
        self,
        g: Callable,
        k12: Real[ArrayLike, "..."],
        k11: Real[ArrayLike, "..."] = 1.0,
        k22: Real[ArrayLike, "..."] = 1.0,
    ) -> Float[Array, "..."]:
        """Return ``E[g(s(u), s(v))]`` for a smooth ``g``, twice differentiable."""
        pair, covariances = ComposedPair(self, g), _checked(k12, k11, k22)
        return gaussian_pair_mean(pair, *covariances, rule=self.rule, continuous=self.continuous)

    def hermite(self, order: int, variance: Real[ArrayLike, ""] = 1.0) -> Float[Array, " k"]:
        """Coefficients ``a_0 .. a_order`` of ``s(sqrt(variance) x)`` in orthonormal Hermite."""
        (variance,) = floating(variance)
        return (self.gain * self.averages.hermite(order, variance)).at[0].add(self.offset)

    def chi_perp(self, variance: Real[ArrayLike, "..."] = 1.0) -> Float[Array, "..."]:
        """Slope of the correlation map at one, ``q E[s'^2] / E[s^2]``: how neighbours separate."""
        (q,) = floating(variance)
        return q * self.dual_derivative(q, q, q) / self.second_moment(q)

    def chi_par(self, variance: Real[ArrayLike, "..."] = 1.0) -> Float[Array, "..."]:
        """Growth of a small change of the variance, ``E[z s s'] / E[s^2]`` for ``z ~ N(0, q)``.

        The variance ``q`` is kept by weights of variance ``q / E[s^2]``; below one it is stable.
        """
        (q,) = floating(variance)
        if self.forms is None and self.continuous:
            growth = gaussian_mean(_Growth(self), q, rule=self.rule)
        else:
            growth = _evaluate(_growth, self.averages, self._affine, (q,))
        return growth / self.second_moment(q)

    def correlation_map(
        self, rho: Real[ArrayLike, "..."], variance: Real[ArrayLike, "..."] = 1.0
    ) -> Float[Array, "..."]:
        """Correlation ``C(rho)`` after one layer at pre-activation variance ``variance``.

        Raises
        ------
        ValueError
            If a correlation lies outside [-1, 1] (checked where values are concrete), or the
            activation is constant.
        """
        self.require_dependence()
        rho, q = floating(rho, variance)
        _check_correlation(rho, jnp.ones_like(rho))
        arrays = (jnp.clip(rho, -1.0, 1.0), q)
        return _evaluate(_correlation_map, self.averages, self._affine, arrays)

    @property
    def _gap_form(self) -> GapForm | None:
        return self.forms.gap if self.forms is not None and self.offset == 0.0 else None

    def gap_side(self, before: Numbers, after: Numbers) -> PyTree:
        """Compute what `gap_map` needs of each input.

        Parameters
        ----------
        before, after
            Its standard deviation before the function, and the root of `second_moment` there.
        """
        form = self._gap_form
        # A form is that of the function without its gain, duals have it.
        return side_by_form(form, abs(self.gain) if form else 1.0, before, after)

    def gap_map(
        self, gap: Float[Array, "*pairs"], first: PyTree, second: PyTree
    ) -> tuple[Float[Array, "*pairs"], Float[Array, "*pairs"]]:
        """``1 - correlation`` after the function, and ``E[s'(u) s'(v)]``, from that before it.

        Relatively accurate down to coincident inputs for homogeneous functions (ReLU and its kin),
        whose slopes depend on it; otherwise to rounding of one. Exactly zero stays zero.

        Parameters
        ----------
        gap
            ``1 - correlation`` of each pair before the function.
        first, second
            `gap_side` of both inputs.
        """
        pair = (gap, first, second)
        if self._gap_form is not None:
            return gap_by_form(self._gap_form, self.gain**2, *pair)
        covariances = covariances_of(*pair)
        return gap_by_dual(self.dual(*covariances), *pair), self.dual_derivative(*covariances)

    def fixed_points(self, variance: float | int = 1.0) -> tuple[FixedPoint, ...]:
        """Every fixed point of the correlation map in [-1, 1], in ascending order."""
        check_variance(variance)
        q = np.float64(variance)
        with jax.enable_x64(True), jax.ensure_compile_time_eval():
            return find_fixed_points(
                lambda rho: np.asarray(self.correlation_map(rho, q)),
                lambda rho: float(q * self.dual_derivative(q * rho, q, q) / self.second_moment(q)),
                odd=self.parity == "odd",
            )

    def verdict(self, variance: float | int = 1.0) -> "Verdict":
        """Say what a deep random network with this activation does to pairs of inputs."""
        from widthwise.activations.verdict import judge

        return judge(self, variance)


@dataclass(frozen=True)
class _Growth:
    """``z s(z) s'(z)``."""

    s: Activation

    def __call__(self, z: Array) -> Array:
        value, slope = jax.jvp(self.s, (z,), (jnp.ones_like(z),))
        return z * value * slope


def check_variance(variance: float | int) -> None:
    """Raise ``ValueError`` unless a pre-activation variance is positive and finite."""
    if not 0 < variance < math.inf:
        raise ValueError(f"variance {variance}: give a positive, finite pre-activation variance")


@cache
def _is_constant(phi: Activation) -> bool:
    with jax.enable_x64(True), jax.ensure_compile_time_eval():
        return bool(np.ptp(np.asarray(phi(jnp.linspace(-12.0, 12.0, 240)))) == 0)


def _suffixed(name: str, suffix: str, variance: float | int) -> str:
    return f"{name}.{suffix}" if variance == 1.0 else f"{name}.{suffix}({variance:g})"


def _check_correlation(k12: Array, limit: Array) -> None:
    try:
        given, allowed = np.asarray(k12), np.asarray(limit)
    except jax.errors.TracerArrayConversionError:
        return
    number = np.finfo(given.dtype)
    slack = max(_EXCESS, 8 * float(number.eps))
    excess = np.abs(given) - allowed * (1 + slack)
    if (excess > np.sqrt(number.tiny)).any():  # a product of variances may underflow
        worst = np.unravel_index(np.argmax(excess), excess.shape)
        raise ValueError(
            f"correlation outside [-1, 1]: covariance {given[worst]:.12g} where the variances "
            f"allow at most {allowed[worst]:.12g}; pass |k12| <= sqrt(k11 k22)"
        )


def _checked(*covariances: Real[ArrayLike, "..."]) -> tuple[Array, Array, Array]:
    """Bring covariances to one shape and dtype, refuse impossible ones, clip rounding."""
    k12, k11, k22 = floating(*covariances)
    limit = jnp.sqrt(jnp.maximum(k11, 0.0)) * jnp.sqrt(jnp.maximum(k22, 0.0))
    _check_correlation(k12, limit)
    return k12, k11, k22


def _evaluate(
    program: Callable, averages: Averages, numbers: tuple[float, ...], arrays: tuple[Array, ...]
) -> Array:
    """Run an elementwise program, as one compiled whole where everything has a closed form.

    Quadrature compiles its own parts, which all functions share.
    """
    run = program if averages.forms is None else _compiled(program)
    return run(averages, *numbers, *arrays)


@cache
def _compiled(program: Callable) -> Callable:
    """Compile for a function and all its affine versions: gain and offset are traced."""
    return jax.jit(program, static_argnums=0)


def _is_zero(number: _Number) -> bool:
    return isinstance(number, float) and number == 0


def _mean(averages: Averages, q: Array) -> Array:
    return averages.mean(q)


def _second_moment(averages: Averages, gain: _Number, offset: _Number, q: Array) -> Array:
    mixed = 0.0 if _is_zero(offset) else 2 * gain * offset * averages.mean(q)
    return gain**2 * averages.second_moment(q) + mixed + offset**2


def _growth(averages: Averages, gain: _Number, offset: _Number, q: Array) -> Array:
    """``q dE[s^2]/dq``."""
    at = partial(_second_moment, averages, gain, offset)
    return q * jax.jvp(at, (q,), (jnp.ones_like(q),))[1]


def _dual(
    averages: Averages,
    gain: float | Array,
    offset: float | Array,
    k12: Array,
    k11: Array,
    k22: Array,
) -> Array:
    means = 0.0 if _is_zero(offset) else averages.mean(k11) + averages.mean(k22)
    mixed = gain * offset * means
    return gain**2 * averages.dual(k12, k11, k22) + mixed + offset**2


def _dual_derivative(averages: Averages, k12: Array, k11: Array, k22: Array) -> Array:
    return averages.dual_derivative(k12, k11, k22)


def _correlation_map(
    averages: Averages, gain: _Number, offset: _Number, rho: Array, q: Array
) -> Array:
    dual = _dual(averages, gain, offset, q * rho, q, q)
    return dual / _second_moment(averages, gain, offset, q)
