r"""Gradient flow of balanced deep linear classifiers on all inputs: two equations at any depth.

With N layers, ``W_{j+1}^T W_{j+1} = W_j W_j^T`` at the start, norm r and angle theta of the product
to the teacher,

    dr/dt = N r^(2-2/N) G(r, theta),    d ln tan(theta/2) / dt = -(c0/pi) r^(1-2/N)

(Lin, Sun & Zhang, NeurIPS 2021, equations 7 and 8). Both are integrated as logarithms: angles stay
exact however small.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.integrate import solve_ivp
from scipy.special import expit

from widthwise.data.spherical import SphericalLaw
from widthwise.dynamics.directional.gradient import aligned_gradient, population_loss
from widthwise.numerics.ranges import check_positive

_TOLERANCE = 1e-11  # relative, of each step


@dataclass(frozen=True)
class DirectionalFlow:
    """Norm, angle and loss of a balanced linear network through gradient flow.

    Attributes
    ----------
    law, depth
        Of the inputs; number of layers N.
    times, norm, loss
        At each time.
    log_tangent
        ``ln tan(theta / 2)``, which small angles leave exact.
    turn
        Time, norm and angle at which the norm is smallest: time 0 if it rises at once.
    """

    law: SphericalLaw
    depth: int
    times: Float[np.ndarray, " t"]
    norm: Float[np.ndarray, " t"]
    log_tangent: Float[np.ndarray, " t"]
    loss: Float[np.ndarray, " t"]
    turn: tuple[float, float, float]

    @property
    def angle(self) -> Float[np.ndarray, " t"]:
        """Angle to the teacher, radians; over pi it is the test error."""
        return 2 * np.arctan(np.exp(self.log_tangent))

    @property
    def cosine(self) -> Float[np.ndarray, " t"]:
        """Its cosine."""
        return -np.tanh(self.log_tangent)

    def to_dataset(self) -> xr.Dataset:
        """Return all of it with the dimension ``time``."""
        names = ("norm", "angle", "log_tangent", "loss")
        return xr.Dataset(
            {name: ("time", getattr(self, name)) for name in names},
            coords={"time": self.times},
            attrs=dict(zip(("turn", "turn_norm", "turn_angle"), self.turn, strict=True)),
        )


def directional_flow(
    law: SphericalLaw,
    times: Sequence[float | int] | Float[np.ndarray, " t"],
    *,
    depth: int,
    norm: float | int,
    angle: float | int,
    loss: str = "logistic",
) -> DirectionalFlow:
    """Train a balanced deep linear network on all inputs of a spherically symmetric law.

    Parameters
    ----------
    law
        Of the inputs, such as ``widthwise.data.gaussian_inputs(10)``; labels are the signs of
        ``v . x`` for a unit vector v.
    times
        When to report, ascending, from 0 on. A step of gradient descent at rate eta takes eta.
    depth
        Number of layers N, at least 1; widths of hidden layers do not matter.
    norm, angle
        Norm r of the product of all layers at time 0, and its angle to v in [0, pi).
    loss
        ``"logistic"`` or ``"probit"``, see :func:`aligned_gradient`.

    Raises
    ------
    ValueError
        If a number is out of range: at norm zero there is no angle, and at angle pi no direction
        to turn to.

    Examples
    --------
    >>> import numpy as np
    >>> from widthwise.data import sphere_inputs
    >>> found = directional_flow(sphere_inputs(2), [0, 1], depth=2, norm=1.0, angle=2.0)
    >>> found.log_tangent[1] - found.log_tangent[0] + 1 / np.pi < 1e-9  # closed at depth 2
    np.True_
    """
    when = checked_times(times)
    check_start(depth, norm, angle)
    share, power = law.plane_norm / math.pi, 1 - 2 / depth

    def pull(log_norm: float | np.floating, log_tangent: float | np.floating) -> float:
        slip = 2 * float(expit(2 * log_tangent))  # 1 - cos(theta)
        return float(aligned_gradient(law, math.exp(log_norm), loss=loss)) - share * slip

    def velocity(_: float, state: np.ndarray) -> list[float]:
        growth = math.exp(power * state[0])
        return [depth * growth * pull(*state), -share * growth if angle else 0.0]

    def turning(_: float, state: np.ndarray) -> float:
        return pull(*state)

    turning.direction = 1.0  # pyright: ignore[reportFunctionMemberAccess]
    # Aligned: a tangent that is zero in float64, and stays.
    start = np.array([math.log(norm), math.log(math.tan(angle / 2)) if angle else -750.0])
    found = solve_ivp(
        velocity, (0.0, max(float(when[-1]), 1e-12)), start, method="DOP853", t_eval=when,
        rtol=_TOLERANCE, atol=_TOLERANCE, events=turning,
    )  # fmt: skip
    if not found.success or not np.all(np.isfinite(found.y)):
        raise ValueError(f"the flow was not solved up to time {when[-1]:g}: {found.message}")
    log_norm, log_tangent = found.y
    r = np.exp(log_norm)
    theta = 2 * np.arctan(np.exp(log_tangent))
    turn = (math.inf, math.nan, math.nan)
    if pull(*start) >= 0:
        turn = (0.0, float(norm), float(angle))
    elif found.t_events[0].size:
        low = found.y_events[0][0]
        turn = (
            float(found.t_events[0][0]),
            math.exp(low[0]),
            2 * math.atan(math.exp(low[1])),
        )
    value = population_loss(law, r, theta, loss=loss)
    return DirectionalFlow(law, depth, when, r, log_tangent, value, turn)


def check_start(depth: int, norm: float | int, angle: float | int) -> None:
    """Refuse a depth, norm or angle at which there is no flow of directions."""
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 1:
        raise ValueError(f"depth is {depth!r}: give a whole number of layers, at least 1")
    check_positive(norm=norm)
    if not 0 <= angle < math.pi:
        raise ValueError(
            f"angle is {angle}: give one from 0 up to, but not, pi; a network exactly opposite to "
            "its teacher never turns, its norm shrinks for ever"
        )


def checked_times(times: Sequence[float | int] | np.ndarray) -> Float[np.ndarray, " t"]:
    """Return times as an array; they ascend from 0 on."""
    when = np.asarray(times, np.float64)
    if when.ndim != 1 or not when.size or not np.all(np.isfinite(when)) or when[0] < 0:
        raise ValueError(f"times is {times}: give a list of finite times, from 0 on")
    if np.any(np.diff(when) <= 0):
        raise ValueError("times do not ascend: give each once, in order")
    return when
