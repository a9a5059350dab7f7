"""Singular values that training pulls out of the bulk of a weight matrix."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from widthwise.numerics.brackets import root
from widthwise.numerics.marchenko_pastur import MarchenkoPastur
from widthwise.numerics.ranges import check_positive
from widthwise.numerics.statistics import Numbers
from widthwise.spectra.spikes import Spikes, read_history, square_root

_AT_EDGE = 1e-3  # closer than this to the threshold an outlier is ill-conditioned
_STEP = 1e-30


@dataclass(frozen=True, eq=False)
class Outliers:
    """Outliers of one weight matrix at one time.

    Attributes
    ----------
    singular_values
        The outliers, largest first; those closer to the edge than ``at_edge`` says included.
    edge
        Upper edge of the bulk.
    escape_statistic
        Above one the largest singular value has left the bulk.
    at_edge
        Whether an outlier has just left or is about to leave: the statistic of one of them is
        within 1e-3 of the threshold, and its position and overlaps are ill-conditioned.
    independent
        The outliers there would be, had the spikes been independent of the initial matrix.
    independent_escape_statistic
        The escape statistic of those.
    spikes, sigma, ratio
        What they were computed from, in units of sigma.
    """

    singular_values: Float[np.ndarray, " outliers"]
    edge: float
    escape_statistic: float
    at_edge: bool
    independent: Float[np.ndarray, " independent"]
    independent_escape_statistic: float
    spikes: Spikes
    sigma: float
    ratio: float

    def left_overlaps(self, directions: Numbers) -> Float[np.ndarray, "outliers m"]:
        """Squared overlaps of the left singular vectors with combinations of gradients.

        Parameters
        ----------
        directions
            Each row holds the coefficients of ``sum_k a_k g_k``, k over updates and samples.

        Returns
        -------
        Squared cosine between each outlier's left singular vector and each direction.

        Raises
        ------
        ValueError
            If the rows do not have one coefficient for each gradient, or a direction vanishes.
        """
        return self._overlaps(directions, left=True)

    def right_overlaps(self, directions: Numbers) -> Float[np.ndarray, "outliers m"]:
        """Squared overlaps of the right singular vectors with combinations of features.

        As `left_overlaps`, for ``sum_k a_k phi_k``.
        """
        return self._overlaps(directions, left=False)

    def _overlaps(self, directions: Numbers, *, left: bool) -> np.ndarray:
        kernel = self.spikes.g if left else self.spikes.phi
        rows = np.asarray(directions, np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(kernel):
            raise ValueError(
                f"directions have shape {rows.shape}: give rows of {len(kernel)} coefficients"
            )
        lengths = np.einsum("mi,ij,mj->m", rows, kernel, rows)
        if not np.all(lengths > 0):
            raise ValueError("a direction has length zero: it points nowhere")
        bases = self.spikes.modes()
        thin = self.spikes.projected(*bases)
        count = bases[0].shape[1]
        part = slice(None, count) if left else slice(count, None)
        found = np.zeros((len(self.singular_values), len(rows)))
        for i, s in enumerate(self.singular_values / self.sigma):
            vector, norm = _outlier_vector(thin, float(s), self.ratio, i)
            projection = rows @ bases[0 if left else 1] @ vector[part]
            found[i] = 2 * projection**2 / (lengths * norm)
        return found


def outliers(
    feature_kernel: Numbers,
    gradient_kernel: Numbers,
    coefficients: Numbers,
    *,
    forward_response: Numbers | None = None,
    backward_response: Numbers | None = None,
    sigma: float = 1.0,
    ratio: float = 1.0,
) -> Outliers:
    """Outliers of a weight matrix after some updates of gradient descent, at infinite width.

    The matrix is ``M + sum_k coefficients_k g_k phi_k^T / sqrt(N D)`` with N rows, D columns and
    initial entries of variance ``sigma^2 / N``: for a hidden layer ``W / sqrt(N)``.

    Parameters
    ----------
    feature_kernel
        ``<phi_k phi_j>`` of what enters the layer, over the updates made so far: shape
        (updates, updates), or (updates, samples, updates, samples).
    gradient_kernel
        ``<g_k g_j>`` of the gradients at what leaves it, times N; shaped likewise, or
        (updates, updates) if gradients are the same for all samples, as in linear networks.
    coefficients
        Learning rate times error of each update and sample: (updates,) or (updates, samples).
    forward_response
        ``<d phi_k / d (M^T g_j)>``: how features react to the backward field of an earlier update;
        shape (updates, [samples,] updates, [samples]). None: not at all.
    backward_response
        ``<d g_k / d (M phi_j)>``: how gradients react to the forward field. None: not at all.
    sigma
        Scale of the initial entries.
    ratio
        Shape ratio ``N / D``; features and their kernel are averages over D neurons, gradients
        over N.

    Returns
    -------
    Outliers

    Raises
    ------
    ValueError
        If shapes do not fit, a kernel is not symmetric, an entry is not finite, a response looks
        into the future, or a scale is not positive.

    Notes
    -----
    ``s`` is an outlier where ``det(1 - C B(s)) = 0``: B is the resolvent of the initial matrix
    between the spikes, whose responses enter as corrections of Onsager's kind, and C the update.
    Source: Lauditi, Pehlevan & Bordelon (2026, arXiv:2605.07870) state the effect; the equations
    are derived in the documentation page on spectra. Without responses it is the result of
    Benaych-Georges & Nadakuditi (2012, arXiv:1103.2221).

    Examples
    --------
    >>> found = outliers([[1.0]], [[1.0]], [1.5])
    >>> found.singular_values.round(7).tolist(), round(found.escape_statistic, 6)
    ([2.1666667], 1.5)
    """
    check_positive(sigma=sigma, ratio=ratio)
    history = read_history(
        feature_kernel, gradient_kernel, coefficients, forward_response, backward_response
    )
    return find_outliers(history.until(len(history.phi), sigma), sigma, ratio)


def find_outliers(spikes: Spikes, sigma: float, ratio: float) -> Outliers:
    """Outliers of spikes that are checked and in units of sigma."""
    edge = MarchenkoPastur(ratio).edges[1]
    thin = spikes.projected(*spikes.modes())
    at_edge, values = _solve(thin, edge, ratio)
    without_edge, without = _solve(thin.independent(), edge, ratio)
    return Outliers(
        sigma * values,
        sigma * edge,
        float(np.max(at_edge, initial=0.0)),
        bool(np.any(np.abs(at_edge - 1) < _AT_EDGE)),
        sigma * without,
        float(np.max(without_edge, initial=0.0)),
        spikes,
        sigma,
        ratio,
    )


def _solve(spikes: Spikes, edge: float, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues at the edge, and the positions at which those above one come down to one."""
    at_edge = spikes.eigenvalues(edge, ratio)
    found = []
    for i in range(int(np.sum(at_edge > 1))):

        def excess(s: float, index: int = i) -> float:
            return float(spikes.eigenvalues(s, ratio)[index]) - 1

        high = 2 * edge
        while excess(high) > 0:
            high *= 2
        found.append(root(excess, edge, high, 1e-13))
    return at_edge, np.array(found, np.float64)


def _outlier_vector(
    spikes: Spikes, s: float, ratio: float, index: int
) -> tuple[Float[np.ndarray, " k"], float]:
    """Return an outlier's singular vectors between the spikes, and their squared norm."""
    b = spikes.resolvent(s, ratio)
    factor = square_root(b)
    own = np.linalg.eigh(factor.T @ spikes.coupling() @ factor)[1][:, -1 - index]
    weights = spikes.coupling() @ factor @ own
    slope = np.imag(spikes.resolvent(complex(s, _STEP), ratio)) / _STEP
    return b @ weights, float(-weights @ slope @ weights)
