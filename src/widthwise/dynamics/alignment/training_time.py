"""Overlap through training: the dip at the interpolation threshold takes time to appear."""

import math
from collections.abc import Callable

import numpy as np
from scipy.integrate import quad

from widthwise.dynamics.alignment.least_squares import label_noise
from widthwise.dynamics.alignment.overlap import Overlap, of_moments
from widthwise.numerics.marchenko_pastur import MarchenkoPastur
from widthwise.numerics.ranges import check_positive

_ACCURACY = 1e-9


def label_noise_at(sample_ratio: float | int, snr: float | int, time: float | int) -> Overlap:
    """Linear models with label noise of their own, stopped at some time of gradient flow.

    The flow is that of half the mean squared error from zero, in the weights of a linear readout
    of isotropic inputs or features. A network with a hidden layer in the lazy limit follows it too,
    but its hidden layer then says nothing of the overlap, which is that of outputs.

    Parameters
    ----------
    sample_ratio, snr
        As in `label_noise`.
    time
        Positive; infinite is the end of training.

    Returns
    -------
    Overlap

    Raises
    ------
    ValueError
        If a number is not positive.
    ArithmeticError
        If the integrals are not accurate to 1e-9.

    Notes
    -----
    Averages over the Marchenko-Pastur law of the eigenvalues s of the sample covariance:
    ``1 - exp(-s t)`` is learned (Advani, Saxe & Sompolinsky 2020, arXiv:1710.03667).

    Examples
    --------
    >>> round(label_noise_at(1.0, 2.0, 100.0).overlap, 6)
    0.232556
    """
    check_positive(sample_ratio=sample_ratio)
    if time == math.inf or not snr > 0:
        return label_noise(sample_ratio, snr)
    check_positive(time=time)

    def learned(s: float) -> float:
        return -math.expm1(-s * time)

    mean = _average(lambda s: learned(s), sample_ratio, time)
    shared = _average(lambda s: learned(s) ** 2, sample_ratio, time)
    noise = _average(lambda s: learned(s) ** 2 / s, sample_ratio, time) / sample_ratio
    return of_moments(shared, shared + noise / snr, with_target=mean, signal=1.0)


def _average(function: Callable[[float], float], ratio: float | int, time: float | int) -> float:
    """Mean over all eigenvalues of a function that vanishes at zero, where some may be."""
    law = MarchenkoPastur(float(ratio))
    low, high = law.edges

    def integrand(angle: float) -> float:
        # The density falls like a square root at both edges: smooth in this angle.
        x = low + (high - low) * math.sin(angle / 2) ** 2
        if x == 0:
            return 0.0
        return function(x**2) * float(law.density(x)) * (high - low) / 2 * math.sin(angle)

    turn = min(1.0, 3 / math.sqrt(time) / (high - low))  # where exp(-s t) ends
    middle = 2 * math.asin(math.sqrt(turn))
    parts = [
        quad(integrand, *ends, epsabs=1e-12, epsrel=1e-12, limit=400)
        for ends in ((0.0, middle), (middle, math.pi))
    ]
    value, error = np.sum([part[:2] for part in parts], axis=0)
    if error > _ACCURACY * max(1.0, abs(value)):
        raise ArithmeticError(
            f"an average over eigenvalues is {value} with error {error:.1e}, at P / D = {ratio} "
            f"and time {time}: above {_ACCURACY:g}"
        )
    return float(value) * min(1.0, float(ratio))
