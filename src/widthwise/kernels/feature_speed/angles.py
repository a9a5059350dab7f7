"""The angle between features that move and what drives them, in wide random networks."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class LayerAngles:
    """Angles between minus the backward vector and the motion of the features, node by node.

    The features f of a node move by ``-K b`` under gradient descent, with b the backward vector and
    K the backward-to-feature kernel. Where b is isotropic and independent of K, the cosine is
    ``first / sqrt(second)``.

    Attributes
    ----------
    cosine
        At each node.
    first, second
        Normalised traces of K and of K squared, ``tr(K) / m`` and ``tr(K^2) / m``.
    """

    cosine: Float[np.ndarray, " nodes"]
    first: Float[np.ndarray, " nodes"]
    second: Float[np.ndarray, " nodes"]


def checked_contributions(
    contributions: ArrayLike | None, layers: int
) -> Float[np.ndarray, " layers"]:
    """Return the weight of each layer in the kernel, ones if None.

    Raises
    ------
    ValueError
        If there are not as many as layers, or they are negative, not finite, or zero at first.
    """
    if layers < 1:
        raise ValueError(f"{layers} layers were given: give at least 1")
    if contributions is None:
        return np.ones(layers)
    found = np.asarray(contributions, np.float64)
    if found.shape != (layers,) or not np.all(np.isfinite(found)) or np.any(found < 0):
        raise ValueError(
            f"contributions has shape {found.shape} and smallest entry "
            f"{np.min(found, initial=np.inf):g}: give {layers} finite numbers of at least zero"
        )
    if found[0] == 0:
        raise ValueError(
            "the first contribution is zero: begin with the first layer that is trained"
        )
    return found
