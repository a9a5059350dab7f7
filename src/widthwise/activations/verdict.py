"""What a deep, wide, random network with a given activation does to pairs of inputs."""

import dataclasses
import math
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import jax
import numpy as np

from widthwise.activations.activation import Activation, Parity, check_variance
from widthwise.activations.fixed_points import FixedPoint

Kind = Literal["independent", "independent up to sign", "collapses to rho*", "frozen"]
_ROUNDING = 1e-9
_WEIGHTS = 9  # Hermite weights kept: b_0 .. b_8
_INPUTS = (16, 64, 1024)
_MOST_LAYERS = 10_000
_BELOW = 1e-3  # correlation that counts as none


@dataclass(frozen=True)
class Verdict:
    """The Gaussian life of one activation at one pre-activation variance.

    Parameters
    ----------
    name, variance
        Which activation, at which pre-activation variance.
    kind
        What depth does to the correlation of two inputs: it vanishes (``independent``; for an odd
        or even function ``independent up to sign``, since ``f(-x) = -f(x)`` or ``f(-x) = f(x)`` at
        every depth), tends to ``rho_star`` (``collapses to rho*``), or stays (``frozen``).
    mean, second_moment
        ``E[s]`` and ``E[s^2]``; the mean is also the shift that centring subtracts.
    zero_mean, linear, parity
        The properties that decide the kind.
    b
        ``b_k = a_k^2 / E[s^2]``, the weights of ``C(rho) = sum_k b_k rho^k``, ``k = 0 .. 8``.
    chi_perp, chi_par
        Slope of the correlation map at one, and of the variance map at its fixed point.
    fixed_points
        Of the correlation map, ascending.
    rho_star
        Limit of the correlation; None if frozen.
    decay
        Factor per layer with which the distance to the limit shrinks at last.
    layers
        For ``m`` inputs bits: layers until neighbours, of correlation ``1 - 2/m``, fall below
        0.001; None if they never do.
    centered
        The verdict on the function minus its mean; None if that is itself.

    Source: J. Dunbar, S. Aaronson, arXiv 2510.06527 (2025), for the criterion (nonlinear and zero
    mean); the rest derived from ``C(rho) = sum_k b_k rho^k``.
    """

    name: str
    variance: float
    kind: Kind
    mean: float
    second_moment: float
    zero_mean: bool
    linear: bool
    parity: Parity | None
    b: tuple[float, ...]
    chi_perp: float
    chi_par: float
    fixed_points: tuple[FixedPoint, ...]
    rho_star: float | None
    decay: float
    layers: dict[int, int | None]
    centered: "Verdict | None" = None

    @property
    def zero_mean_shift(self) -> float:
        """What to subtract from the function to make its mean zero."""
        return 0.0 if self.zero_mean else self.mean

    @property
    def norms_stable(self) -> bool:
        """Whether a change of the squared norm dies out with depth."""
        return self.chi_par < 1 - _ROUNDING

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings, lists; None for what is not finite: ready for JSON."""
        plain = dataclasses.asdict(self)
        plain["layers"] = {str(m): count for m, count in self.layers.items()}
        plain |= {"zero_mean_shift": self.zero_mean_shift, "norms_stable": self.norms_stable}
        plain["centered"] = self.centered.to_dict() if self.centered else None
        plain["suggestions"] = list(self.suggestions())
        return {key: _finite(value) for key, value in plain.items()}

    def sentences(self) -> tuple[str, ...]:
        """Return the verdict in words: pairs of inputs, speed, norms, suggestions."""
        return (self._pairs(), *self._speed(), self._norms(), *self.suggestions())

    def _pairs(self) -> str:
        if self.kind == "frozen":
            return f"{self.name} is linear: the correlation of two inputs never changes."
        if self.kind == "collapses to rho*":
            return (
                f"{self.name} has mean {self.mean:.6g}: every pair of inputs tends to correlation "
                f"{self.rho_star:.6g}, never to independence."
            )
        but = {"odd": ", except that f(-x) = -f(x)", "even": ", except that f(-x) = f(x)"}
        exception = but.get(self.parity or "", "")
        return f"{self.name} is nonlinear with zero mean: inputs become independent{exception}."

    def _speed(self) -> tuple[str, ...]:
        if not self.kind.startswith("independent"):
            return ()
        if self.decay < _ROUNDING:
            rate = "correlations vanish faster than exponentially with depth"
        else:
            rate = f"correlations shrink by {self.decay:.4g} per layer"
        known = {m: count for m, count in self.layers.items() if count is not None}
        counts = ", ".join(f"{count} ({m} bits)" for m, count in known.items())
        return (f"{rate}; neighbouring inputs fall below 0.001 after {counts} layers.",)

    def _norms(self) -> str:
        if self.norms_stable:
            return f"norms are stable: chi_par = {self.chi_par:.4g} < 1."
        return (
            f"norms are unstable: chi_par = {self.chi_par:.4g} >= 1; at width n they run away once "
            f"depth^2 / n is not small."
        )

    def suggestions(self) -> tuple[str, ...]:
        """Return what would make inputs independent and norms stable, if anything is missing."""
        advice = []
        if self.linear:
            advice.append("use a nonlinear function")
        elif not self.zero_mean:
            advice.append(f"subtract {self.mean:.6g} ({self.name}.centered)")
        after = self.centered or self
        if not self.linear and not after.norms_stable:
            advice.append("for zero mean and stable norms take tanh(4), erf, sin or elu.centered")
        return tuple(advice)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


@cache
def judge(phi: Activation, variance: float | int = 1.0) -> Verdict:
    """Give the verdict on an activation, and on its centred version if that differs.

    Raises
    ------
    ValueError
        If the activation is constant, or the variance not positive.

    Examples
    --------
    >>> from widthwise import activations
    >>> judge(activations.relu).kind
    'collapses to rho*'
    """
    verdict = _judge_as_given(phi, variance)
    if verdict.zero_mean:
        return verdict
    return dataclasses.replace(verdict, centered=_judge_as_given(phi.centered(variance), variance))


def _judge_as_given(phi: Activation, variance: float | int) -> Verdict:
    phi.require_dependence()
    check_variance(variance)
    q = np.float64(variance)
    with jax.enable_x64(True), jax.ensure_compile_time_eval():
        mean, moment = float(phi.mean(q)), float(phi.second_moment(q))
        b = np.asarray(phi.hermite(_WEIGHTS - 1, q)) ** 2 / moment
        chi_perp, chi_par = float(phi.chi_perp(q)), float(phi.chi_par(q))
    zero_mean, linear = bool(b[0] < _ROUNDING), bool(b[0] + b[1] > 1 - _ROUNDING)
    fixed_points = phi.fixed_points(variance)
    layers = _layers_to_independence(phi, _INPUTS, _BELOW, variance)
    kind, limit = _kind(zero_mean, linear, phi.parity, fixed_points)
    return Verdict(
        name=phi.name,
        variance=float(variance),
        kind=kind,
        mean=mean,
        second_moment=moment,
        zero_mean=zero_mean,
        linear=linear,
        parity=phi.parity,
        b=tuple(b.tolist()),
        chi_perp=chi_perp,
        chi_par=chi_par,
        fixed_points=fixed_points,
        rho_star=None if limit is None else limit.value,
        decay=1.0 if limit is None else limit.slope,
        layers=dict(zip(_INPUTS, layers, strict=True)),
    )


def _kind(
    zero_mean: bool, linear: bool, parity: Parity | None, points: tuple[FixedPoint, ...]
) -> tuple[Kind, FixedPoint | None]:
    if zero_mean and linear:
        return "frozen", None
    if zero_mean:
        limit = next(p for p in points if p.value == 0.0)
        return ("independent up to sign" if parity else "independent"), limit
    return "collapses to rho*", next(p for p in points if p.stable)


def layers_to_independence(
    phi: Activation, *, inputs: int, below: float = _BELOW, variance: float | int = 1.0
) -> int | None:
    """Count the layers until neighbouring inputs of ``inputs`` bits fall below a correlation.

    Neighbours on the hypercube differ in one bit: their correlation is ``1 - 2 / inputs``.

    Returns
    -------
    The number of layers, or None if the correlation settles above ``below``.

    Raises
    ------
    ValueError
        If there are fewer than two inputs, or ``below`` is not between 0 and 1.

    Examples
    --------
    >>> from widthwise import activations
    >>> layers_to_independence(activations.sin, inputs=64)
    53
    """
    if inputs < 2 or not 0 < below < 1:
        raise ValueError(f"inputs={inputs}, below={below}: give inputs >= 2 and 0 < below < 1")
    return _layers_to_independence(phi, (inputs,), below, variance)[0]


def _layers_to_independence(
    phi: Activation, sizes: tuple[int, ...], below: float, variance: float | int
) -> list[int | None]:
    """Follow the neighbours of all sizes at once."""
    found: list[int | None] = [None] * len(sizes)
    rho = 1 - 2 / np.array(sizes, float)
    with jax.enable_x64(True), jax.ensure_compile_time_eval():
        if phi.mean(variance) ** 2 >= below * phi.second_moment(variance):
            return found  # C(rho) >= C(0) = E[s]^2 / E[s^2] for every rho >= 0
        settled = np.zeros(len(sizes), bool)
        for layer in range(_MOST_LAYERS + 1):
            below_now = np.abs(rho) < below
            found = [
                layer if count is None and now else count
                for count, now in zip(found, below_now, strict=True)
            ]
            if np.all(below_now | settled):
                break
            last, rho = rho, np.asarray(phi.correlation_map(rho, np.float64(variance)))
            settled = np.abs(rho - last) <= 1e-12
    return found
