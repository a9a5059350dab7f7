"""CKA of hidden layers that are more than one direction: several outputs, and random layers."""

import numpy as np

from widthwise.dynamics.alignment.least_squares import label_noise
from widthwise.numerics.ranges import check_positive
from widthwise.numerics.statistics import Numbers


def several_outputs(
    sample_ratio: float | int, squared_singular_values: Numbers, *, noise_variance: float | int
) -> float:
    """CKA of the hidden layers of linear networks with a few outputs, trained from a small start.

    The hidden layer is ``(W^T W)^(1/2)`` of what is learned, W (outputs, inputs).

    Parameters
    ----------
    sample_ratio
        P / D, samples over inputs, which are isotropic and shared.
    squared_singular_values
        Of the linear target.
    noise_variance
        Of each output's labels, drawn for each network.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    For a number of outputs that stays fixed as P and D grow.

    Examples
    --------
    >>> round(several_outputs(0.5, [1.0, 0.5, 0.25, 0.1], noise_variance=0.05), 9)
    0.690812891
    """
    squares = np.asarray(squared_singular_values, np.float64)
    if squares.ndim != 1 or not (np.all(squares >= 0) and np.sum(squares) > 0):
        raise ValueError(
            f"squared_singular_values is {squares.tolist()}: give numbers from 0, not all zero"
        )
    if noise_variance == 0:
        return 1.0
    check_positive(noise_variance=noise_variance)
    one = label_noise(sample_ratio, 1 / noise_variance)
    if one.at_threshold:
        return 0.0
    shared = one.overlap * one.squared_norm
    learned = shared * squares
    norms = learned + one.squared_norm - shared
    return float(np.sum(learned**2 / norms) / np.sum(norms))


def random_layers(inputs: int, width: int) -> float:
    """CKA of two independent random linear layers on isotropic inputs, as lazy networks keep them.

    Wide random layers are aligned whatever is learned: ``1 / (1 + (D + 1) / width)``.

    Parameters
    ----------
    inputs, width
        D, and the neurons of the layer.

    Raises
    ------
    ValueError
        If a number is below one.

    Examples
    --------
    >>> random_layers(39, 40)
    0.5
    """
    check_positive(inputs=inputs, width=width)
    return 1 / (1 + (inputs + 1) / width)
