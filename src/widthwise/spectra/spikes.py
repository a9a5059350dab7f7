"""The spikes that training adds to a random matrix, and how they react to that matrix.

Gradient descent makes a weight matrix ``M + sum_k c_k g_k phi_k^T / sqrt(N D)``: M is the initial
N x D matrix with entries of variance ``sigma^2 / N``, k runs over updates and samples, phi is what
entered the layer, g the gradient at what left it. Both were computed with M itself, so they are not
independent of it. Their order parameters suffice: the kernels ``Phi = <phi phi^T>`` and
``G = <g g^T>``, and the mean responses ``d phi_k / d (M^T g_j)`` and ``d g_k / d (M phi_j)``.

Below everything is in units of sigma.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Inexact

from widthwise.numerics.statistics import Numbers

_NEGLIGIBLE = 1e-14  # modes of a kernel below this share of its largest eigenvalue are dropped
_SYMMETRIC = 1e-6


@dataclass(frozen=True, eq=False)
class Spikes:
    """Order parameters of the spikes, flattened over updates and samples.

    Attributes
    ----------
    phi, g
        Feature kernel (p, p) and gradient kernel (q, q).
    forward
        Response (p, q) of features to the backward field ``M^T g``.
    backward
        Response (q, p) of gradients to the forward field ``M phi``.
    strength
        Matrix (q, p): the update is ``sum g_i strength_ij phi_j^T / sqrt(N D)``.
    """

    phi: Float[np.ndarray, "p p"]
    g: Float[np.ndarray, "q q"]
    forward: Float[np.ndarray, "p q"]
    backward: Float[np.ndarray, "q p"]
    strength: Float[np.ndarray, "q p"]

    def independent(self) -> "Spikes":
        """Forget the responses: the same kernels, spikes drawn independently of the matrix."""
        return replace(self, forward=0 * self.forward, backward=0 * self.backward)

    def modes(self) -> tuple[Float[np.ndarray, "q a"], Float[np.ndarray, "p b"]]:
        """Directions that the gradients and the features really span.

        Histories are smooth: a handful of modes holds the kernels of many updates to rounding.
        """
        return _span(self.g), _span(self.phi)

    def projected(
        self, left: Float[np.ndarray, "q a"], right: Float[np.ndarray, "p b"]
    ) -> "Spikes":
        """Keep the given modes of gradients and features."""
        return Spikes(
            right.T @ self.phi @ right,
            left.T @ self.g @ left,
            right.T @ self.forward @ left,
            left.T @ self.backward @ right,
            left.T @ self.strength @ right,
        )

    def coupling(self) -> Float[np.ndarray, "k k"]:
        """The update between left and right spikes, symmetric: ``[[0, C], [C^T, 0]]``."""
        q, p = self.strength.shape
        return np.block([[np.zeros((q, q)), self.strength], [self.strength.T, np.zeros((p, p))]])

    def resolvent(self, s: float | complex, ratio: float) -> Inexact[np.ndarray, "k k"]:
        """Matrix elements of ``(s - M)^-1``, made Hermitian, between the spikes.

        Analytic in ``s``: its derivative is had from a complex step.

        Parameters
        ----------
        s
            Beyond the edge of the bulk.
        ratio
            Shape ratio ``N / D``.
        """
        root = ratio**-0.5
        gap = np.sqrt(s - (1 + root)) * np.sqrt((s + 1 + root) * (s - 1 + root) * (s + 1 - root))
        left = 2 * s / (s**2 + 1 - 1 / ratio + gap)
        right = 1 / (s - left)
        squared = left * right / ratio
        rg, rp = self.backward, self.forward
        m = np.linalg.inv(np.eye(len(self.g)) - squared * rg @ rp)
        m_right = np.linalg.inv(np.eye(len(self.phi)) - squared * rp @ rg)
        x = left * m @ (self.g + squared * rg @ self.phi @ rg.T) @ m.T
        z = right * m_right @ (self.phi + squared * rp @ self.g @ rp.T) @ m_right.T
        y = root * right * (x @ rp.T + left * m @ rg @ self.phi)
        found = np.block([[x, y], [y.T, z]])
        return (found + found.T) / 2

    def eigenvalues(self, s: float, ratio: float) -> Float[np.ndarray, " k"]:
        """Eigenvalues of update times resolvent, largest first: an outlier sits where one is 1."""
        factor = square_root(self.resolvent(s, ratio))
        return np.linalg.eigvalsh(factor.T @ self.coupling() @ factor)[::-1]


@dataclass(frozen=True, eq=False)
class History:
    """Spikes of all updates of a training run, in the units that the user gave.

    Attributes
    ----------
    phi, g, forward, backward
        Arrays (update, sample, update, sample); what does not depend on the sample has one.
    coefficients
        Array (update, sample).
    """

    phi: Float[np.ndarray, "t p t p"]
    g: Float[np.ndarray, "t q t q"]
    forward: Float[np.ndarray, "t p t q"]
    backward: Float[np.ndarray, "t q t p"]
    coefficients: Float[np.ndarray, "t p"]

    def until(self, updates: int, sigma: float) -> Spikes:
        """Return the spikes of the first updates, in units of sigma."""

        def flat(array: np.ndarray) -> np.ndarray:
            rows, columns = array.shape[1] * updates, array.shape[3] * updates
            return array[:updates, :, :updates].reshape(rows, columns)

        t, q, p = updates, self.g.shape[1], self.phi.shape[1]
        strength = np.zeros((t, q, t, p))
        steps, samples = np.arange(t)[:, None], np.arange(p)[None, :]
        strength[steps, samples if q == p else 0, steps, samples] = self.coefficients[:t]
        return Spikes(
            flat(self.phi),
            flat(self.g),
            sigma * flat(self.forward),
            sigma * flat(self.backward),
            strength.reshape(t * q, t * p) / sigma,
        )


def read_history(
    feature_kernel: Numbers,
    gradient_kernel: Numbers,
    coefficients: Numbers,
    forward_response: Numbers | None,
    backward_response: Numbers | None,
) -> History:
    """Check what a user gives and bring it to one shape.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, a kernel is not symmetric, or a response looks
        into the future.
    """
    phi, g = _four("feature_kernel", feature_kernel), _four("gradient_kernel", gradient_kernel)
    (t, p), (t_g, q) = phi.shape[:2], g.shape[:2]
    if t_g != t or q not in (1, p):
        raise ValueError(
            f"feature_kernel covers {t} updates of {p} samples and gradient_kernel {t_g} of {q}: "
            "restrict both to the same updates and samples; a gradient that is the same for all "
            "samples has shape (updates, updates)"
        )
    forward = _response("forward_response", forward_response, (t, p, t, q))
    backward = _response("backward_response", backward_response, (t, q, t, p))
    if np.any(_same_time(forward)) and np.any(_same_time(backward)):
        raise ValueError(
            "forward_response and backward_response both react at equal times, which is circular: "
            "features are computed before gradients, so set the diagonal of forward_response to 0"
        )
    c = np.asarray(coefficients, np.float64)
    if c.shape not in ((t, p), (t,) if p == 1 else (t, p)):
        raise ValueError(
            f"coefficients have shape {c.shape}: give one for each of {t} updates and {p} samples"
        )
    _require_finite("coefficients", c)
    return History(phi, g, forward, backward, c.reshape(t, p))


def _four(name: str, kernel: Numbers) -> np.ndarray:
    """Return a kernel with its four axes."""
    array = np.asarray(kernel, np.float64)
    if array.ndim == 2 and array.shape[0] == array.shape[1]:
        array = array[:, None, :, None]
    if array.ndim != 4 or array.shape[:2] != array.shape[2:]:
        raise ValueError(
            f"{name} has shape {np.shape(kernel)}: give (updates, updates) for one sample, "
            "(updates, samples, updates, samples) for more"
        )
    _require_finite(name, array)
    size = np.max(np.abs(array), initial=0.0)
    if np.any(np.abs(array - array.transpose(2, 3, 0, 1)) > _SYMMETRIC * size):
        raise ValueError(f"{name} is not symmetric: give the kernel over all pairs of updates")
    return array


def _response(name: str, response: Numbers | None, shape: tuple[int, ...]) -> np.ndarray:
    """Return a response with its four axes; zeros if it is left out."""
    if response is None:
        return np.zeros(shape)
    array = np.asarray(response, np.float64)
    without_samples = tuple(n for axis, n in enumerate(shape) if axis % 2 == 0 or n > 1)
    if array.shape not in (shape, without_samples):
        raise ValueError(f"{name} has shape {array.shape}, and the kernels ask for {shape}")
    array = array.reshape(shape)
    _require_finite(name, array)
    late, early = np.triu_indices(shape[0], 1)
    if np.any(array[late, :, early]):
        raise ValueError(
            f"{name} has entries at which the field comes after the reaction: keep rows for the "
            "reaction and columns for the field, and only columns up to the row"
        )
    return array


def _require_finite(name: str, array: np.ndarray) -> None:
    if not np.all(np.isfinite(array)):
        raise ValueError(
            f"{name} has entries that are not finite: the training it describes diverged, "
            "take a smaller learning rate or fewer steps"
        )


def _same_time(response: np.ndarray) -> np.ndarray:
    steps = np.arange(len(response))
    return response[steps, :, steps]


def _span(kernel: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(kernel)
    return vectors[:, values > _NEGLIGIBLE * np.max(values, initial=0.0)]


def square_root(matrix: np.ndarray) -> np.ndarray:
    """Return S with ``S S^T = matrix``; eigenvalues that rounding made negative count as zero."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0.0))[None, :]
