r"""Population loss and gradient of a linear classifier whose labels are the teacher's signs.

For a loss with ``l(z) - l(-z) = -z`` (logistic: ``ln(1 + e^-z)``), ``l(z) + z/2`` is even, so the
labels y = sgn(v . x) enter through ``E[y x]`` alone, which is ``(2 c0 / pi) v`` for inputs of
spherically symmetric law:

    L(w) = (c0 / pi) (r - w . v) + E l(r |x_1|),    r = |w|.

The gradient is therefore ``-(c0/pi) v`` plus a multiple of w: its part across w does not depend on
the norm of w (Lin, Sun & Zhang, NeurIPS 2021, Lemma 1), and one integral over one coordinate gives
the rest, at every angle.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.special import expit, ndtr

from widthwise.data.spherical import SphericalLaw
from widthwise.numerics.choices import check_choice
from widthwise.numerics.statistics import Numbers

_FAR = 45.0  # beyond this margin losses and slopes are below 1e-19


def _logistic(z: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(-z))


def _probit(z: np.ndarray) -> np.ndarray:
    return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) - z * ndtr(-z)


_LOSSES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], Callable]] = {
    "logistic": (_logistic, expit),
    "probit": (_probit, ndtr),
}
"""The loss of a positive margin z, and the distribution function F with l'(z) = -F(-z)."""


def aligned_gradient(
    law: SphericalLaw, norm: Numbers | int, *, loss: str = "logistic"
) -> Float[np.ndarray, "..."]:
    """Return A(r) = E[|x_1| F(-r |x_1|)], the radial part of -gradient at angle zero.

    Parameters
    ----------
    law
        Of the inputs.
    norm
        r, any shape, at least zero.
    loss
        ``"logistic"``, with F(z) = 1/(1 + e^-z), or ``"probit"``, with the normal F.
    """
    slope = _LOSSES[_checked(loss)][1]
    return _averaged(law, norm, lambda x, r: x * slope(-r * x))


def radial_gradient(
    law: SphericalLaw,
    norm: Numbers | int,
    angle: Numbers | int,
    *,
    loss: str = "logistic",
) -> Float[np.ndarray, "..."]:
    """Return G(r, theta), the part of -gradient along w: ``A(r) - (c0/pi)(1 - cos theta)``.

    The part across w is ``(c0 / pi) sin(theta)`` towards the teacher.

    Parameters
    ----------
    law
        Of the inputs.
    norm, angle
        Norm r of w and its angle to the teacher, of shapes that broadcast.
    loss
        As for :func:`aligned_gradient`.

    Examples
    --------
    >>> from widthwise.data import sphere_inputs
    >>> round(float(radial_gradient(sphere_inputs(2), 1.0, 1.0)), 10)
    0.0541978585
    """
    slip = 2 * np.sin(np.asarray(angle) / 2) ** 2  # 1 - cos(theta)
    return np.asarray(aligned_gradient(law, norm, loss=loss) - law.plane_norm / np.pi * slip)


def population_loss(
    law: SphericalLaw,
    norm: Numbers | int,
    angle: Numbers | int,
    *,
    loss: str = "logistic",
) -> Float[np.ndarray, "..."]:
    """Return the loss of all inputs, at norm r and angle theta of w; arguments as above."""
    function = _LOSSES[_checked(loss)][0]
    slip = 2 * np.sin(np.asarray(angle) / 2) ** 2
    rest = _averaged(law, norm, lambda x, r: function(r * x))
    return np.asarray(law.plane_norm / np.pi * np.asarray(norm) * slip + rest)


def population_gradient(
    law: SphericalLaw,
    w: Float[np.ndarray, " d"],
    teacher: Float[np.ndarray, " d"],
    *,
    loss: str = "logistic",
) -> Float[np.ndarray, " d"]:
    """Return the gradient of the loss of all inputs at w; the teacher is a unit vector."""
    w, v = np.asarray(w, np.float64), np.asarray(teacher, np.float64)
    r = float(np.linalg.norm(w))
    share = law.plane_norm / np.pi
    inward = (share - float(aligned_gradient(law, r, loss=loss))) / r if r else 0.0
    return inward * w - share * v


def _averaged(
    law: SphericalLaw,
    norm: Numbers | int,
    function: Callable[[np.ndarray, float], np.ndarray],
) -> Float[np.ndarray, "..."]:
    """Mean of a function of |x_1| and r that is nothing where their product is large."""
    r = np.asarray(norm, np.float64)
    if not np.all(np.isfinite(r)) or np.any(r < 0):
        raise ValueError(f"norm is {norm}: give finite numbers of at least 0")
    found = np.empty(r.shape)
    for index, value in np.ndenumerate(r):
        x, weights = law.coordinate(_FAR / value if value > 0 else np.inf)
        found[index] = weights @ function(x, float(value))
    return found


def _checked(loss: str) -> str:
    check_choice("loss", loss, tuple(_LOSSES))
    return loss
