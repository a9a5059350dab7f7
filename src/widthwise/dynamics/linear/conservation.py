"""What gradient flow conserves in a deep linear network, and what follows for its rank.

``C_k = W_k W_k^T - W_{k+1}^T W_{k+1}`` does not change under gradient flow, for any data and loss;
gradient descent moves it, by the square of the learning rate in each step: that part of the final
flatness is due to the finite rate.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from widthwise.networks.deep_linear import checked_weights


def conserved_quantities(weights: Sequence) -> tuple[Float[np.ndarray, "... _ _"], ...]:
    """Return ``C_k`` for k = 1 to L - 1.

    Parameters
    ----------
    weights
        W_1 to W_L, each (fan_out, fan_in); further axes in front count networks.

    Raises
    ------
    ValueError
        If they do not follow each other, or are not finite.

    Examples
    --------
    >>> [c.tolist() for c in conserved_quantities([[[3.0, 0.0]], [[2.0]]])]
    [[[5.0]]]
    """
    found, _ = checked_weights(weights)
    return tuple(
        one @ np.swapaxes(one, -1, -2) - np.swapaxes(other, -1, -2) @ other
        for one, other in pairwise(found)
    )


def conservation_drift(before: Sequence, after: Sequence) -> float:
    """Largest change of an entry of a conserved quantity: zero under gradient flow.

    Parameters
    ----------
    before, after
        Weights of a network, or of several, at two times.
    """
    pairs = zip(conserved_quantities(before), conserved_quantities(after), strict=True)
    return max((float(np.max(np.abs(b - a))) for a, b in pairs), default=0.0)


def excess_rank(weights: Sequence) -> Float[np.ndarray, "*net layer"]:
    """Squared norm of each layer beyond its largest singular value: zero for rank one.

    Parameters
    ----------
    weights
        W_1 to W_L of a network, or of several.
    """
    found, _ = checked_weights(weights)
    values = [np.linalg.svd(w, compute_uv=False) for w in found]
    return np.stack([np.sum(v[..., 1:] ** 2, axis=-1) for v in values], axis=-1)


def excess_rank_bound(weights: Sequence) -> float:
    """Bound of `excess_rank` of all layers at all later times of gradient flow, from the start.

    It holds for networks with one output. Small weights at the start therefore stay nearly of rank
    one, aligned with their neighbours.

    Parameters
    ----------
    weights
        W_1 to W_L of one network at time zero.

    Notes
    -----
    ``max_k |W_k|_F^2 + sum_k |C_k|_2``: sharper than the number in Marion & Chizat (2024,
    arXiv:2405.13456).
    """
    found, _ = checked_weights(weights)
    if any(w.ndim != 2 for w in found) or len(found[-1]) != 1:
        raise ValueError(
            f"weights of shapes {[w.shape for w in found]} were given: give those of one network "
            "with one output"
        )
    imbalances = [np.linalg.norm(c, 2) for c in conserved_quantities(found)]
    return float(max(np.sum(w**2) for w in found) + sum(imbalances))
