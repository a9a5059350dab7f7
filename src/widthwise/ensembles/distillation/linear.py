"""Linear teachers that memorize, and students of smallest norm, each solved to rounding.

Weights are (d, c), with rows that sum to zero: a constant added to all outputs changes nothing.
For two classes the usual weight vector is the difference of the two columns.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import null_space
from scipy.optimize import minimize, nnls
from scipy.special import log_softmax

_FEASIBLE = 1e-10  # squared distance of separable labels from being contradicted, at least
_GRADIENT = 1e-7  # of the mean loss, at most


def largest_margin(
    x: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"], *, classes: int
) -> Float[np.ndarray, "d c"]:
    """Find the weights of least norm that give each label a lead of one over all other outputs.

    Without biases. This is the direction in which gradient descent on logistic losses ends, after
    exponentially long time.

    Parameters
    ----------
    x, y
        Inputs and labels.
    classes
        c.

    Raises
    ------
    ValueError
        If no weights get all labels right.

    Notes
    -----
    A problem of least distance, solved as nonnegative least squares (Lawson & Hanson, 1974).
    """
    basis = _contrasts(classes)
    others = np.array([[k for k in range(classes) if k != label] for label in range(classes)])
    leads = basis[y][:, None, :] - basis[others[y]]
    rows = np.einsum("nd,nkb->nkdb", x, leads).reshape(len(x) * (classes - 1), -1)
    matrix = np.concatenate([rows.T, np.ones((1, len(rows)))])
    target = np.zeros(len(matrix))
    target[-1] = 1.0
    force, distance = nnls(matrix, target, maxiter=50 * len(rows))
    if distance**2 < _FEASIBLE:
        raise ValueError(
            f"the labels of {len(x)} samples of {x.shape[1]} inputs are not separable: give fewer "
            "samples, or use logistic_regression"
        )
    rest = matrix @ force - target
    return (-rest[:-1] / rest[-1]).reshape(x.shape[1], -1) @ basis.T


def logistic_regression(
    x: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"], *, classes: int, ridge: float | int = 0.0
) -> Float[np.ndarray, "d c"]:
    """Minimize the sum of cross-entropies and ``ridge |weights|^2``.

    For two classes that is ``ridge / 2`` times the squared norm of the weight vector.

    Parameters
    ----------
    x, y, classes
        As of :func:`largest_margin`.
    ridge
        Not negative; zero needs labels that are not separable.

    Raises
    ------
    ValueError
        If the minimum was not found: with ridge zero because there is none.
    """
    basis, label = _contrasts(classes), np.eye(classes)[y]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        u = flat.reshape(x.shape[1], -1)
        logs = log_softmax(x @ u @ basis.T, axis=1)
        slope = x.T @ ((np.exp(logs) - label) @ basis) + 2 * ridge * u
        return -np.sum(logs * label) + ridge * np.sum(u * u), slope.ravel()

    start = np.zeros(x.shape[1] * (classes - 1))
    # Bounds on the work only: what counts is the gradient, which is checked.
    options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 30}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    weights = found.x.reshape(x.shape[1], -1) @ basis.T
    slope = np.max(np.abs(loss(found.x)[1]))
    all_right = bool(np.all(np.argmax(x @ weights, axis=1) == y))
    if (ridge == 0 and all_right) or not slope < _GRADIENT * len(x):
        raise ValueError(
            f"logistic regression of {len(x)} samples on {x.shape[1]} inputs has no minimum that "
            f"could be found at ridge {ridge:g} (slope {slope:.2g}): give a larger one, or use "
            "largest_margin for separable labels"
        )
    return weights


def least_squares(
    x: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"], *, classes: int
) -> Float[np.ndarray, "d c"]:
    """Fit centred one-hot labels by least squares, with weights of smallest norm."""
    return minimum_norm(x, np.eye(classes)[y] - 1 / classes)


def minimum_norm(
    x: Float[np.ndarray, "n d"], outputs: Float[np.ndarray, "n c"], *, ridge: float | int = 0.0
) -> Float[np.ndarray, "d c"]:
    """Return the student: weights of smallest norm that fit given outputs on given inputs.

    This is where gradient descent from zero ends, on outputs or on soft labels of any temperature
    (then divided by the temperature).

    Parameters
    ----------
    x
        Inputs that the student sees.
    outputs
        Of the teacher on them.
    ridge
        Of ridge regression, if positive.
    """
    if ridge > 0:
        gram = x @ x.T + ridge * np.eye(len(x))
        return x.T @ np.linalg.solve(gram, outputs)
    return np.linalg.lstsq(x, outputs, rcond=None)[0]


def limit_of_training(
    x: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"], *, classes: int
) -> Float[np.ndarray, "d c"]:
    """Return the weights to whose direction gradient descent on cross-entropy converges.

    Those of largest margin if the labels are separable, otherwise of maximum likelihood.
    """
    try:
        return largest_margin(x, y, classes=classes)
    except ValueError:
        return logistic_regression(x, y, classes=classes)


def is_separable(x: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"], *, classes: int) -> bool:
    """Tell whether some weights without biases get all labels right."""
    try:
        largest_margin(x, y, classes=classes)
    except ValueError:
        return False
    return True


def _contrasts(classes: int) -> Float[np.ndarray, "c b"]:
    """Return an orthonormal basis of vectors that sum to zero."""
    return null_space(np.ones((1, classes)))
