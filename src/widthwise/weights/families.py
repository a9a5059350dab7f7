"""How the three families lie in each other, and the nearest member of a smaller one."""

import numpy as np

from widthwise.numerics.choices import check_choice
from widthwise.weights.bipartite import BipartiteGaussian
from widthwise.weights.components import check_square
from widthwise.weights.isotropic import IsotropicGaussian
from widthwise.weights.law import Law, square_root
from widthwise.weights.tied import TiedGaussian

Gaussian = TiedGaussian | BipartiteGaussian | IsotropicGaussian
FAMILIES = {
    "isotropic": IsotropicGaussian,
    "bipartite": BipartiteGaussian,
    "tied": TiedGaussian,
}
"""The families from the smallest to the largest, by the names that functions take."""


def family_of(model: Gaussian) -> str:
    """Return the name of a model's family."""
    return next(name for name, kind in FAMILIES.items() if isinstance(model, kind))


def as_bipartite(model: BipartiteGaussian | IsotropicGaussian) -> BipartiteGaussian:
    """Return the same law as a member of the bipartite family."""
    return model.bipartite if isinstance(model, IsotropicGaussian) else model


def as_tied(model: Gaussian) -> TiedGaussian:
    """Return the same law of square matrices as a member of the largest family.

    Raises
    ------
    ValueError
        If the matrices are not square, or smaller than 4 x 4.
    """
    if isinstance(model, TiedGaussian):
        return model
    small = as_bipartite(model)
    size, rest = check_square(small.shape), small.entries
    return TiedGaussian(
        size,
        mean=np.array([small.mean, 0.0]),
        trivial=None if small.total is None else np.diag([small.total, rest]),
        standard=np.diag([small.columns, small.rows, rest]),
        symmetric=rest,
        antisymmetric=rest,
    )


def nearest_bipartite(model: Gaussian) -> BipartiteGaussian:
    """Return the bipartite law of least Kullback-Leibler divergence from a model.

    Of a fit of greatest likelihood it is the fit in the smaller family to the same matrices. Where
    the covariance of the trivial part is not known, that of the trace is left out.
    """
    if not isinstance(model, TiedGaussian):
        return as_bipartite(model)
    _, standard, two, three = model.copies_of(model.size)
    total = standard * model.standard[2, 2] + two * model.symmetric + three * model.antisymmetric
    count = standard + two + three
    if model.trivial is not None:
        total, count = total + model.trivial[1, 1] + model.mean[1] ** 2, count + 1
    return BipartiteGaussian(
        model.shape,
        mean=float(model.mean[0]),
        total=None if model.trivial is None else float(model.trivial[0, 0]),
        rows=float(model.standard[1, 1]),
        columns=float(model.standard[0, 0]),
        entries=float(total / count),
    )


def nearest_isotropic(model: Gaussian, distance: str = "kl") -> IsotropicGaussian:
    """Return the law of independent entries that is nearest to a model.

    Parameters
    ----------
    model
        Any model.
    distance
        ``"kl"``: of least Kullback-Leibler divergence from the model, which of a fit of greatest
        likelihood is the fit in the smaller family. ``"wasserstein"``: of least distance.

    Raises
    ------
    ValueError
        If the distance is another word, or a covariance is not known.

    Notes
    -----
    The mean is that of all entries; the variance is the trace of the covariance per entry plus the
    scatter of the means, or the square of the trace of its root per entry.
    """
    check_choice("distance", distance, ("kl", "wasserstein"))
    law, entries = model.law, model.shape[0] * model.shape[1]
    mean = float(law.mean[0]) / entries**0.5
    if distance == "wasserstein":
        variance = (_trace(law, square_root) / entries) ** 2
    else:
        variance = (_trace(law, np.asarray) + float(np.sum(law.mean[1:] ** 2))) / entries
    return IsotropicGaussian(model.shape, mean, variance)


def _trace(law: Law, function) -> float:
    total = 0.0
    for name, copies, s in zip(law.names, law.copies, law.covariances, strict=True):
        if s is None:
            raise ValueError(
                f"the covariance of part {name!r} is not known: fit at least two matrices"
            )
        total += copies * float(np.trace(function(s)))
    return total
