"""Where training sets come from: drawn from a target, images, and terrain."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.cbook import get_sample_data

from widthwise import data

_CLOTHES = (0, 1, 2, 3, 4, 6)  # the others are shoes and bags
_WINDOW, _AHEAD, _APART = 7, 4, 3


class Pool(NamedTuple):
    """Real samples: inputs and targets of mean zero, the targets of variance one."""

    x: Float[np.ndarray, "n d"]
    y: Float[np.ndarray, " n"]
    x_test: Float[np.ndarray, "m d"]
    y_test: Float[np.ndarray, " m"]


@cache
def images(directions: int, *, whitened: bool = False) -> Pool:
    """Fashion-MNIST: leading principal components, and whether a thing is clothing.

    Parameters
    ----------
    directions
        How many components.
    whitened
        Whether each is scaled to variance one; otherwise all by one number.
    """
    x, label = data.fashion_mnist_subset(split="train")
    x_test, label_test = data.fashion_mnist_subset(split="test")
    flat, flat_test = (part.reshape(len(part), -1) / 255 for part in (x, x_test))
    mean = flat.mean(axis=0)
    _, s, v = np.linalg.svd(flat - mean, full_matrices=False)
    spread = s[:directions] / len(flat) ** 0.5
    scale = spread if whitened else np.sqrt(np.mean(spread**2))
    basis = v[:directions].T / scale
    sign, sign_test = (np.where(np.isin(part, _CLOTHES), 1.0, -1.0) for part in (label, label_test))
    return Pool((flat - mean) @ basis, sign, (flat_test - mean) @ basis, sign_test)


@cache
def terrain() -> Pool:
    """Heights of a landscape: a window of 7 x 7 of them, and the height ahead of it.

    The elevation model of the region of the Jacksboro fault, Tennessee (U.S. Geological Survey),
    which comes with Matplotlib. Heights are relative to the middle of the window.
    """
    file: Any = get_sample_data("jacksboro_fault_dem.npz")
    with file:
        height = np.asarray(file["elevation"], float)
    patches = np.lib.stride_tricks.sliding_window_view(height, (_WINDOW, _WINDOW + _AHEAD))
    flat = patches[::_APART, ::_APART].reshape(-1, _WINDOW, _WINDOW + _AHEAD)
    middle = flat[:, _WINDOW // 2, _WINDOW // 2]
    window = flat[:, :, :_WINDOW].reshape(len(flat), -1)
    x = np.delete(window - middle[:, None], window.shape[1] // 2, axis=1)
    y = flat[:, _WINDOW // 2, -1] - middle
    x, y = x - x.mean(axis=0), y - y.mean()
    x, y = x / np.sqrt(np.mean(x**2)), y / y.std()
    half = len(x) // 2  # the northern half is trained on
    return Pool(x[:half], y[:half], x[half:], y[half:])
