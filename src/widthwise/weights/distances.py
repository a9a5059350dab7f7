"""Distances between Gaussian laws of matrices, exact and at a cost that no width changes."""

from widthwise.weights import law
from widthwise.weights.families import Gaussian, as_bipartite, as_tied
from widthwise.weights.law import Law, Parts
from widthwise.weights.tied import TiedGaussian


def kl(p: Gaussian, q: Gaussian) -> Parts:
    """Kullback-Leibler divergence of p from q, ``E_p log(p / q)``.

    Parameters
    ----------
    p, q
        Laws of matrices of the same shape, of any families.

    Returns
    -------
    Parts
        ``total`` in nats, and ``parts``: ``mean``, and those of the larger of both families,
        ``trivial``, ``standard``, ``symmetric``, ``antisymmetric`` of
        [`TiedGaussian`][widthwise.weights.TiedGaussian], otherwise ``total``, ``rows``,
        ``columns``, ``entries``.

    Raises
    ------
    ValueError
        If shapes differ, or a covariance is singular or not known.
    """
    return law.kl(*_together(p, q))


def squared_wasserstein(p: Gaussian, q: Gaussian) -> Parts:
    """Squared Wasserstein-2 distance between two laws.

    Parameters
    ----------
    p, q
        Laws of matrices of the same shape, of any families. Covariances may be singular; one that
        is not known is left out with a warning.

    Returns
    -------
    Parts
        ``total`` in units of squared weights, summed over entries, and ``parts`` as in
        [`kl`][widthwise.weights.kl]: what moved.

    Raises
    ------
    ValueError
        If shapes differ.

    Examples
    --------
    >>> from widthwise.weights import IsotropicGaussian
    >>> start, end = (IsotropicGaussian((10, 10), 0.0, v) for v in (0.1, 0.2))
    >>> round(squared_wasserstein(start, end).total, 6)
    1.715729
    """
    return law.squared_wasserstein(*_together(p, q))


def wasserstein(p: Gaussian, q: Gaussian) -> float:
    """Wasserstein-2 distance between two laws; see `squared_wasserstein`."""
    return law.squared_wasserstein(*_together(p, q)).total ** 0.5


def _together(p: Gaussian, q: Gaussian) -> tuple[Law, Law]:
    if p.shape != q.shape:
        raise ValueError(
            f"laws of {p.shape[0]} x {p.shape[1]} and {q.shape[0]} x {q.shape[1]} matrices were "
            "given: give laws of one shape"
        )
    if isinstance(p, TiedGaussian) or isinstance(q, TiedGaussian):
        return as_tied(p).law, as_tied(q).law
    return as_bipartite(p).law, as_bipartite(q).law
