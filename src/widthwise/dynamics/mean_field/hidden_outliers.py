"""From mean-field dynamics to the spectra of hidden weights: when outliers leave the bulk."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from widthwise.dynamics.mean_field.solution import FieldSolution
from widthwise.spectra.spikes import Spikes
from widthwise.spectra.trajectory import checked_steps, collected

_SAMPLED, _EXACT = 1e-5, 1e-10  # modes with less of a kernel are dropped


def hidden_outliers(
    solution: FieldSolution, layer: int = 1, *, steps: Sequence[int] | None = None
) -> xr.Dataset:
    r"""Outliers of a weight matrix between two hidden layers of an infinitely wide network.

    The matrix is taken as it acts, multiplied by the parametrization's multiplier, as
    [`singular_values`][widthwise.ensembles.training.spectra.singular_values] records it: before
    training its N x D entries have the variance ``weight_std^2 / D``.

    Parameters
    ----------
    solution
        What [`dmft`][widthwise.dynamics.dmft] found for gradient descent of a network with two or
        more hidden layers, by any method.
    layer
        1 for the matrix from the first hidden layer to the second, up to L - 1.
    steps
        Numbers of updates, increasing from 0 to T; all if left out.

    Returns
    -------
    xarray.Dataset
        As [`outlier_trajectory`][widthwise.spectra.outlier_trajectory].

    Raises
    ------
    ValueError
        If there is no such matrix, or the solution is one of gradient flow, or the steps do not
        increase from 0 or more to at most T.

    Notes
    -----
    The effective weights change by ``eta gamma0 rate delta g phi^T / D`` in an update, and after
    it for as long as momentum lasts. The fields
    of the solution are ``M phi`` forward and ``(D / N) M^T g`` backward, M being the initial
    matrix, which fixes the units of its responses. Points without a force, such as test points,
    add spikes of strength zero, which change nothing; they are kept since sampled responses may
    count a response to one point with that to another whose field is the same.

    Spikes enter whitened, ``g = Q q`` with ``<q q^T> = 1``, and responses only as averages of
    whitened spikes with whitened fields, which no theory can make larger than one. Where kernels
    are nearly singular responses themselves are not determined, and the outliers do not need them:
    modes with less than a part 1e-5 of a sampled kernel (1e-10 of an exact one) are dropped. At the
    default number of sites an outlier is found within about 0.1 %.

    Source: Lauditi, Pehlevan & Bordelon (2026, arXiv:2605.07870) for the effect.

    Examples
    --------
    >>> import numpy as np, widthwise as ww
    >>> net = ww.Sequential(
    ...     ww.Dense(64), ww.Identity(), ww.Dense(64), ww.Identity(), ww.Dense(1),
    ...     parametrization=ww.MuP())
    >>> found = ww.dmft(net, (np.ones((1, 1)), np.ones(1)), steps=12, learning_rate=0.02,
    ...                 richness=5.0, loss="sum")
    >>> outliers = hidden_outliers(found, steps=(0, 8, 12))
    >>> outliers.singular_value.values[:, 0].round(4).tolist()
    [nan, 2.025, 2.0927]
    """
    updates, depth = solution.problem.steps, solution.problem.depth
    if not (isinstance(layer, int) and 1 <= layer < depth):
        raise ValueError(
            f"layer is {layer!r}, and the network has {depth} hidden layers: matrices between two "
            f"of them are numbered from 1 to {depth - 1}"
            if depth > 1
            else "the network has one hidden layer, so no matrix between two: give a deeper one, "
            "or widthwise.dynamics.proportional_training for the first matrix"
        )
    if solution.times is not None:
        raise ValueError(
            "the solution is one of gradient flow, which has no responses: give steps to dmft"
        )
    known = solution.problem.constants
    ratio = 1 / float(known.ratio[layer])  # of rows to columns
    sigma = float(known.weight_std[layer]) * ratio**0.5
    strength = solution.richness * float(known.rate[layer]) * ratio**0.5 / sigma
    n, k = solution.problem.points, known.outputs
    delta = strength * solution.delta[:updates].reshape(updates, n * k)
    kept = _SAMPLED if solution.standard_error else _EXACT

    def until(t: int) -> Spikes:
        push = solution.problem.reach[t, :t, None] * delta[:t]
        phi, g, forward, backward = (
            array.reshape(updates + 1, a, updates + 1, b)[:t, :, :t].reshape(t * a, t * b)
            for array, a, b in (
                (solution.feature_kernel[layer - 1], n, n),
                (solution.gradient_kernel[layer], n * k, n * k),
                (solution.forward_response[layer - 1] * (sigma / ratio), n, n * k),
                (solution.backward_response[layer - 1] * sigma, n * k, n),
            )
        )
        (p, p_inverse), (q, q_inverse) = (_whitened(kernel, kept) for kernel in (phi, g))
        return Spikes(
            np.eye(p.shape[1]),
            np.eye(q.shape[1]),
            p_inverse.T @ (forward @ g) @ q_inverse,
            q_inverse.T @ (backward @ phi) @ p_inverse,
            q.T @ (push.reshape(-1, 1) * np.repeat(p, k, axis=0)),
        )

    times = checked_steps(range(updates + 1) if steps is None else steps, updates)
    return collected([until(int(t)) for t in times], times, sigma, ratio)


def _whitened(kernel: np.ndarray, kept: float) -> tuple[np.ndarray, np.ndarray]:
    """Return Q with ``Q Q^T`` the kernel, and the transpose of its inverse."""
    values, vectors = np.linalg.eigh(kernel)
    large = values > kept * np.max(values, initial=0.0)
    root = np.sqrt(values[large])
    return vectors[:, large] * root, vectors[:, large] / root
