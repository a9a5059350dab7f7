"""Overlap and CKA of networks of few inputs: exact moments and the first order in 1/D."""

from dataclasses import dataclass

from widthwise.numerics.ranges import check_positive


@dataclass(frozen=True)
class FiniteSize:
    """Alignment of least-squares solutions with P samples of D isotropic inputs.

    Attributes
    ----------
    ratio
        Mean product over mean squared norm, exact at any size.
    overlap
        Mean over data and noise of the correlation of outputs, to first order in 1/D.
    correction
        Its first-order term, a measure of what is left out.
    cka
        Mean product squared over mean squared norm squared: the mean of CKA to leading order, with
        the noise that both networks share because small singular values of the inputs amplify it.
    """

    ratio: float
    overlap: float
    correction: float
    cka: float


def finite_size(samples: int, inputs: int, snr: float | int) -> FiniteSize:
    """Networks on the same isotropic Gaussian inputs, each with label noise of its own.

    Parameters
    ----------
    samples, inputs
        P and D, which differ by at least 4: nearer to the threshold the noise has no variance.
    snr
        Variance of the target over that of the noise.

    Returns
    -------
    FiniteSize

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Moments of the inverse Wishart matrix are exact (von Rosen 1988). Given the inputs X, the mean
    correlation is the squared length of the mean of ``w / |w|``. It is expanded around the mean
    ``|w|^2`` to second order in the noise, with X at its mean but for the part of the target that
    P < D samples see, whose share follows a beta distribution. What is left out is smaller than
    ``correction`` by another factor of about ``2 / |P - D|``. CKA is less certain: the ratio of
    means exceeds the mean of the ratio by up to 0.05 if samples or signal are few (D = 40, P = 8,
    or SNR 1 and P = 32).

    Examples
    --------
    >>> round(finite_size(20, 40, 5.0).cka, 9)
    0.525616074
    """
    if samples < 1 or inputs < 1 or abs(samples - inputs) < 4:
        raise ValueError(
            f"samples is {samples} and inputs is {inputs}: they start at 1 and differ by at least "
            "4; nearer to the threshold the noise that networks learn has no variance"
        )
    check_positive(snr=snr)
    few, many = sorted((samples, inputs))
    gap = many - few
    noise = 1 / snr
    learned = min(samples / inputs, 1.0)
    trace = few / (gap - 1)  # of the inverse of the smaller Gram matrix, and of its square
    squares = few * (many - 1) / (gap * (gap - 1) * (gap - 3))
    along = trace / inputs  # along the target
    norm = learned + noise * trace
    ratio = learned / norm
    correction = (
        1.5 * learned * noise**2 * squares / norm**3
        + (3 * learned / norm - 2) * noise * along / norm**2
        - 2 * noise * trace * learned * (1 - learned) / (inputs + 2) / norm**3
    )
    cka = (learned**2 + 2 * noise * along + noise**2 * squares) / norm**2
    return FiniteSize(ratio, ratio + correction, correction, cka)
