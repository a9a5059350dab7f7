"""Overlap of least-squares solutions with private noise, by their deterministic equivalents.

A linear network with one hidden layer, trained by gradient flow from a small start, ends as the
least-squares solution of smallest norm (Saxe, McClelland & Ganguli 2014). With P samples of D
inputs, both large, ridge regression acts as ``l / (l + kappa)`` on each eigenvalue l of the
covariance, with one effective ridge kappa; noise and what is not learned are amplified by
``1 / (1 - g2)`` (Hastie, Montanari, Rosset & Tibshirani 2022). Two networks share the training
inputs, and with them the amplified part of the target that is not learned; label noise of their own
they do not share.
"""

import math

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.alignment.overlap import Overlap, of_moments
from widthwise.numerics.brackets import root
from widthwise.numerics.ranges import check_positive
from widthwise.numerics.statistics import Numbers

_THRESHOLD = 1e-13  # 1 - g2 below this is rounding


def label_noise(
    sample_ratio: float | int,
    snr: float | int,
    *,
    ridge: float | int = 0.0,
    nonlinear: float | int = 0.0,
    independent_data: bool = False,
) -> Overlap:
    """Networks on the same isotropic inputs, each with label noise of its own.

    Parameters
    ----------
    sample_ratio
        P / D, samples over inputs.
    snr
        Variance of the linear target, which is one here, over that of the noise; may be infinite.
    ridge
        Coefficient of the squared norm beside the mean squared error.
    nonlinear
        Variance of a part of the target that no linear function of the inputs can express: it acts
        as noise that all networks share.
    independent_data
        Whether each network has inputs of its own too.

    Returns
    -------
    Overlap

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Without nonlinear part the overlap is ``snr q / (1 + snr q)`` with ``q = P/D - 1 + 2 u`` and
    ``u = kappa / (1 + kappa)`` from the effective ridge kappa. Without ridge q is ``|1 - P/D|``:
    the overlap is zero at the interpolation threshold P = D, and rises on both sides. A ridge lifts
    its least value and moves it to fewer samples, by as much at any SNR.

    Examples
    --------
    >>> found = label_noise(1.8, 5.0)
    >>> round(found.overlap, 6), round(found.test_error, 6)
    (0.8, 0.25)
    >>> found = label_noise(0.2, 5.0)
    >>> round(found.overlap, 6), round(found.test_error, 6)
    (0.8, 0.85)
    """
    return _label_noise(
        sample_ratio,
        noise=_noise_of(snr),
        ridge=ridge,
        signal=1.0,
        nonlinear=nonlinear,
        independent=independent_data,
    )


def label_flips(
    sample_ratio: float | int, flip_probability: float | int, *, ridge: float | int = 0.0
) -> Overlap:
    """Networks that classify by regression on labels ``sgn(w . x)``, each with flips of its own.

    Parameters
    ----------
    sample_ratio
        P / D, samples over inputs, which are isotropic.
    flip_probability
        Of each label, from 0 up to but not including 1/2.
    ridge
        As in `label_noise`.

    Returns
    -------
    Overlap
        The target is the linear part of the mean label.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    The mean label is ``1 - 2 flip_probability`` times the sign, whose linear part has variance
    2/pi; the rest is noise that all networks share, and keeps the overlap at the threshold above
    zero.

    Examples
    --------
    >>> round(label_flips(2.0, 0.1).overlap, 9)
    0.64
    """
    if not 0 <= flip_probability < 0.5:
        raise ValueError(
            f"flip_probability is {flip_probability}: give a number from 0 up to but not "
            "including 0.5, where labels say nothing"
        )
    kept = (1 - 2 * flip_probability) ** 2
    return _label_noise(
        sample_ratio,
        noise=4 * flip_probability * (1 - flip_probability),
        ridge=ridge,
        signal=2 / math.pi * kept,
        nonlinear=(1 - 2 / math.pi) * kept,
        independent=False,
    )


def label_noise_given(
    covariance: Numbers,
    target: Numbers,
    *,
    samples: int,
    noise_variance: float | int,
    ridge: float | int = 0.0,
    nonlinear: float | int = 0.0,
    independent_data: bool = False,
) -> Overlap:
    """Networks on the same inputs of any covariance, each with label noise of its own.

    Parameters
    ----------
    covariance
        Eigenvalues of the covariance of the inputs, (D,), or the matrix (D, D).
    target
        Weights of the linear target (D,): along the eigenvectors, if eigenvalues are given.
    samples
        P, the number of training samples.
    noise_variance
        Of the labels.
    ridge, nonlinear, independent_data
        As in `label_noise`.

    Returns
    -------
    Overlap

    Raises
    ------
    ValueError
        If shapes do not fit, the covariance is not one, or a number is out of range.

    Examples
    --------
    >>> round(label_noise_given([1.0] * 10, [0.5] * 10, samples=20, noise_variance=0.5).overlap, 6)
    0.833333
    """
    spectrum, w = np.asarray(covariance, np.float64), np.asarray(target, np.float64)
    if w.ndim != 1 or spectrum.shape not in (w.shape, (*w.shape, *w.shape)):
        raise ValueError(
            f"covariance has shape {spectrum.shape} and target {w.shape}: give D eigenvalues or a "
            "D x D matrix, and D weights"
        )
    if spectrum.ndim == 2:
        if not np.allclose(spectrum, spectrum.T, atol=1e-12 * np.max(np.abs(spectrum))):
            raise ValueError("covariance is not symmetric: give a covariance matrix")
        spectrum, vectors = np.linalg.eigh(spectrum)
        w = vectors.T @ w
        rounding = 1e-12 * spectrum[-1]
        spectrum = np.where(np.abs(spectrum) < rounding, 0.0, spectrum)
    if not (np.all(np.isfinite(spectrum)) and np.all(spectrum >= 0) and np.any(spectrum > 0)):
        raise ValueError("covariance has eigenvalues below zero or not finite: give a covariance")
    if not (np.all(np.isfinite(w)) and np.any(spectrum * w**2 > 0)):
        raise ValueError("target is zero on the inputs: there is no signal to agree on")
    if samples < 1:
        raise ValueError(f"samples is {samples}: give at least 1")
    private = _from_zero("noise_variance", noise_variance)
    common = _from_zero("nonlinear", nonlinear)
    return _overlap(
        spectrum,
        spectrum * w**2,
        ratio=samples / len(w),
        ridge=_from_zero("ridge", ridge),
        noise=(private, common),
        independent=independent_data,
    )


def effective_ridge(
    spectrum: Numbers, *, sample_ratio: float | int, ridge: float | int = 0.0
) -> float:
    """Ridge kappa that least squares on finitely many samples acts with.

    The solution of ``ridge = kappa (1 - mean(l / (l + kappa)) / sample_ratio)``, zero without ridge
    if there are enough samples.

    Parameters
    ----------
    spectrum
        Eigenvalues l of the covariance (D,), not negative.
    sample_ratio, ridge
        As in `label_noise`.

    Examples
    --------
    >>> round(effective_ridge([1.0], sample_ratio=1.0, ridge=1.0), 9)
    1.618033989
    """
    check_positive(sample_ratio=sample_ratio)
    values = np.asarray(spectrum, np.float64)
    most = _from_zero("ridge", ridge) + float(np.mean(values)) / sample_ratio

    def missing(kappa: float) -> float:
        return 1 - float(np.mean(values / (values + kappa))) / sample_ratio

    if ridge == 0:
        if np.mean(values > 0) <= sample_ratio:
            return 0.0
        return root(missing, 1e-300, most, 1e-15 * most)
    return root(lambda kappa: kappa * missing(kappa) - ridge, float(ridge), most, 1e-15 * most)


def _label_noise(
    sample_ratio: float | int,
    *,
    noise: float,
    ridge: float | int,
    signal: float,
    nonlinear: float | int,
    independent: bool,
) -> Overlap:
    check_positive(sample_ratio=sample_ratio)
    return _overlap(
        np.ones(1),
        np.array([signal]),
        ratio=float(sample_ratio),
        ridge=_from_zero("ridge", ridge),
        noise=(noise, _from_zero("nonlinear", nonlinear)),
        independent=independent,
    )


def _noise_of(snr: float | int) -> float:
    if not snr > 0:
        raise ValueError(f"snr is {snr}: give a positive ratio of variances, or infinity")
    return 1 / snr


def _from_zero(name: str, value: float | int) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} is {value}: give a finite number from 0")
    return float(value)


def _overlap(
    spectrum: Float[np.ndarray, " d"],
    power: Float[np.ndarray, " d"],
    *,
    ratio: float,
    ridge: float,
    noise: tuple[float, float],
    independent: bool,
) -> Overlap:
    """Overlap for variance ``power`` of the target on each eigenvector; noise: private, shared."""
    private, common = noise
    kappa = effective_ridge(spectrum, sample_ratio=ratio, ridge=ridge)
    learned = spectrum / np.where(spectrum > 0, spectrum + kappa, 1.0)
    g2 = float(np.mean(learned**2)) / ratio
    signal, mean = float(np.sum(power)), float(np.sum(power * learned**2))
    with_target = float(np.sum(power * learned))
    missed = float(np.sum(power * (1 - learned) ** 2))
    if 1 - g2 <= _THRESHOLD:
        return _threshold(signal, 0.0 if independent else common, noisy=private + common)
    amplified = (g2 * missed + g2 * common) / (1 - g2)
    squared_norm = mean + amplified + g2 * private / (1 - g2)
    shared = mean if independent else mean + amplified
    return of_moments(shared, squared_norm, with_target=with_target, signal=signal)


def _threshold(signal: float, common: float, *, noisy: float) -> Overlap:
    """Limit at which noise is amplified without bound, if there is any."""
    if noisy == 0:
        return of_moments(signal, signal, with_target=signal, signal=signal)
    return Overlap(common / noisy, math.inf, math.inf, 0.0)
