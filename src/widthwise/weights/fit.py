"""Fits of the three families, of greatest likelihood in closed form, with what they cannot know."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar, overload

import numpy as np

from widthwise.numerics.choices import check_choice
from widthwise.weights.bipartite import BipartiteGaussian
from widthwise.weights.components import (
    Matrices,
    bipartite_components,
    checked_matrices,
    tied_components,
)
from widthwise.weights.families import FAMILIES, Gaussian, nearest_isotropic
from widthwise.weights.isotropic import IsotropicGaussian
from widthwise.weights.law import Components, fitted
from widthwise.weights.tied import TiedGaussian

Model = TypeVar("Model", bound=Gaussian)


@dataclass(frozen=True, eq=False)
class Fit(Generic[Model]):
    """A model fitted to matrices, and how well they determine it.

    Attributes
    ----------
    model
        Of greatest likelihood: covariances are divided by the number of matrices K, as published.
    count
        K.
    """

    model: Model
    count: int

    @property
    def unbiased(self) -> Model:
        """The model with the covariance around the fitted mean divided by K - 1 instead of K.

        Raises
        ------
        ValueError
            If K is one.
        """
        if self.count < 2:
            raise ValueError("one matrix was fitted: a covariance around its mean needs two")
        factor = self.count / (self.count - 1)
        changed: dict[str, Any]
        match self.model:
            case TiedGaussian(trivial=trivial):
                changed = {"trivial": factor * np.asarray(trivial)}
            case BipartiteGaussian(total=total):
                changed = {"total": factor * np.asarray(total).item()}
            case IsotropicGaussian(shape=(m, n), variance=variance):
                entries = self.count * m * n
                changed = {"variance": variance * entries / (entries - 1)}
        return replace(self.model, **changed)

    @property
    def standard_errors(self) -> dict[str, float]:
        """Of the model's parameters by name, were the model true; NaN where there is none.

        A covariance of n copies in each of K matrices has
        ``Var s_ab = (s_aa s_bb + s_ab^2) / (K n)``, a mean the variance ``s / K``.
        """
        law, found = self.model.law, []
        if isinstance(self.model, IsotropicGaussian):
            entries = self.count * self.model.shape[0] * self.model.shape[1]
            errors = [
                (self.model.variance / entries) ** 0.5,
                self.model.variance * (2 / entries) ** 0.5,
            ]
            return dict(zip(self.model.parameters, errors, strict=True))
        first = law.covariances[0]
        kinds = len(law.mean)
        variances = np.full(kinds, math.nan) if first is None else np.diag(first)
        found += np.sqrt(variances / self.count).tolist()
        for copies, s in zip(law.copies, law.covariances, strict=True):
            rows, columns = np.triu_indices(kinds if s is None else len(s))
            if s is None:
                found += [math.nan] * len(rows)
                continue
            variances = np.diag(s)
            squares = variances[rows] * variances[columns] + s[rows, columns] ** 2
            found += np.sqrt(squares / (self.count * copies)).tolist()
        return dict(zip(self.model.parameters, map(float, found), strict=True))

    @property
    def wasserstein_floor(self) -> float:
        """Squared Wasserstein distance from the truth that is expected of sampling alone.

        To first order in 1/K, were the model true: ``7.5 v / K`` for the tied family fitted to
        independent entries of variance v, ``3 v / K`` for the bipartite one. What one matrix does
        not tell is left out.
        """
        if isinstance(self.model, IsotropicGaussian):
            return 1.5 * self.model.variance / self.count
        total = 0.0
        law = self.model.law
        if law.covariances[0] is not None:
            total += float(np.trace(law.covariances[0]))
        for s in law.covariances:
            if s is None:
                continue
            values = np.maximum(np.linalg.eigvalsh(s), 0.0)
            sums = values[:, None] + values
            products = values[:, None] * values * (1 + np.eye(len(values)))
            total += 0.5 * float(np.sum(products / np.where(sums > 0, sums, 1.0)))
        return total / self.count

    @property
    def kl_floor(self) -> float:
        """Kullback-Leibler divergence from the truth that is expected of sampling alone, in nats.

        Half the number of parameters over K, to first order.
        """
        known = sum(math.isfinite(value) for value in self.model.parameters.values())
        if self.count == 1 and not isinstance(self.model, IsotropicGaussian):
            known -= len(self.model.law.mean)
        return known / (2 * self.count)


@overload
def fit(matrices: Matrices, symmetry: Literal["tied"] = ...) -> Fit[TiedGaussian]: ...
@overload
def fit(matrices: Matrices, symmetry: Literal["bipartite"]) -> Fit[BipartiteGaussian]: ...
@overload
def fit(matrices: Matrices, symmetry: Literal["isotropic"]) -> Fit[IsotropicGaussian]: ...
@overload
def fit(matrices: Matrices, symmetry: str) -> Fit[Any]: ...
def fit(matrices: Matrices, symmetry: str = "tied") -> Fit[Any]:
    """Fit a permutation-invariant Gaussian law: plain averages, at O(rows x columns) a matrix.

    Parameters
    ----------
    matrices
        Independent matrices (matrix, row, column), rows being what a layer puts out; or one matrix
        (row, column). Steps in time of one network are not independent.
    symmetry
        ``"tied"``, rows and columns permuted together: square matrices of at least 4 x 4;
        ``"bipartite"``, permuted on their own: any shape; ``"isotropic"``, independent entries.

    Returns
    -------
    Fit
        ``model``, ``standard_errors`` and the floors below which distances mean nothing. From one
        matrix the covariance of the trivial part is None; all else comes with the errors that its
        width allows. The tied family needs three matrices to have a density.

    Raises
    ------
    ValueError
        If the matrices do not fit the symmetry, or an entry is not finite.

    Notes
    -----
    float32 is safe: short runs of its numbers are summed as they are, and all else in float64;
    where sums would cancel, matrices are centred in float64 first.

    Examples
    --------
    >>> import numpy as np
    >>> w = np.random.default_rng(0).normal(1.0, 0.5, (200, 6, 8))
    >>> found = fit(w, "bipartite")
    >>> round(found.model.entries, 3), round(found.standard_errors["entries"], 3)
    (0.247, 0.004)
    """
    return fits(matrices, symmetry)(slice(None))


def fits(matrices: Matrices, symmetry: str) -> Callable[[slice | np.ndarray], Fit[Any]]:
    """Prepare fits to parts of the same matrices, which are read once.

    Returns
    -------
    A function of a slice or of indices, with repetitions or not: of a bootstrap, say.
    """
    check_choice("symmetry", symmetry, tuple(FAMILIES))
    given = checked_matrices(matrices)
    shape = (int(given.shape[1]), int(given.shape[2]))
    parts = tied_components(given) if symmetry == "tied" else bipartite_components(given)

    def of(chosen: slice | np.ndarray) -> Fit[Any]:
        squares = tuple(x[chosen] for x in parts.squares)
        return fitted_to(Components(parts.trivial[chosen], squares), shape, symmetry)

    return of


def fitted_to(parts: Components, shape: tuple[int, int], symmetry: str) -> Fit[Any]:
    """Fit to matrices whose components are known."""
    if symmetry == "tied":
        size = shape[0]
        mean, (first, standard, two, three) = fitted(TiedGaussian.copies_of(size), parts)
        assert standard is not None
        assert two is not None
        assert three is not None
        model = TiedGaussian(size, mean, first, standard, two.item(), three.item())
        return Fit(model, len(parts))
    mean, (first, *rest) = fitted(BipartiteGaussian.copies_of(shape), parts)
    rows, columns, entries = (s.item() for s in rest if s is not None)
    total = None if first is None else first.item()
    found = BipartiteGaussian(shape, mean.item(), total, rows, columns, entries)
    if symmetry == "isotropic":
        # of one matrix the total is its own mean, and its variance nothing
        whole = replace(found, total=0.0) if total is None else found
        return Fit(nearest_isotropic(whole), len(parts))
    return Fit(found, len(parts))
