"""Overlap of networks whose training inputs carry noise of their own."""

import math

from widthwise.dynamics.alignment.overlap import Overlap, of_moments
from widthwise.numerics.ranges import check_positive


def input_noise(sample_ratio: float | int, snr: float | int) -> Overlap:
    """Networks that see the same isotropic samples, each through input noise of its own.

    Labels are those of the inputs without noise; so are test inputs.

    Parameters
    ----------
    sample_ratio
        P / D, samples over inputs.
    snr
        Variance of an input over that of its noise; may be infinite.

    Returns
    -------
    Overlap

    Raises
    ------
    ValueError
        If a number is not positive.

    Notes
    -----
    Given the samples, the mean of a network's weights follows from the deterministic equivalent of
    matrices of information plus noise. What one network sees is regression of a target that shrank
    by ``snr / (1 + snr)``, with noise, on inputs of larger variance.

    Examples
    --------
    >>> round(input_noise(1.2, 5.0).overlap, 9)
    0.527472527
    """
    check_positive(sample_ratio=sample_ratio)
    if not snr > 0:
        raise ValueError(f"snr is {snr}: give a positive ratio of variances, or infinity")
    beta = 1.0 if math.isinf(snr) else snr / (1 + snr)
    learned = min(1.0, float(sample_ratio))
    if sample_ratio == 1:
        if beta == 1:
            return of_moments(1.0, 1.0, with_target=1.0, signal=1.0)
        return Overlap(0.0, math.inf, math.inf, 0.0)
    small = min(sample_ratio, 1 / sample_ratio)
    amplified = small / (1 - small)
    squared_norm = beta * (beta * learned + (1 - beta) * amplified)
    ratio = beta + (1 - beta) * amplified / learned
    mean = beta * (1 + small - 2 * small * beta) / (1 - small * beta**2)
    return of_moments(
        mean / ratio * squared_norm, squared_norm, with_target=beta * learned, signal=1.0
    )
