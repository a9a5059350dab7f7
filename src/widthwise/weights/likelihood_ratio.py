"""Does a larger family explain the matrices better than chance would have it?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import digamma, gammaincc, polygamma

from widthwise.numerics.choices import check_choice
from widthwise.weights.components import Matrices
from widthwise.weights.families import FAMILIES
from widthwise.weights.fit import Fit, fit
from widthwise.weights.isotropic import IsotropicGaussian
from widthwise.weights.tied import TiedGaussian


@dataclass(frozen=True)
class LikelihoodRatio:
    """Twice the logarithm of the ratio of greatest likelihoods, larger over smaller family.

    Attributes
    ----------
    null, alternative
        The smaller and the larger family.
    statistic
        The number.
    degrees_of_freedom
        By how many parameters the families differ; the statistic's mean for very many matrices.
    expected
        Its exact mean if the smaller family is true, for this number and size of matrices.
    p_value
        Probability of a larger statistic if the smaller family is true.
    """

    null: str
    alternative: str
    statistic: float
    degrees_of_freedom: int
    expected: float
    p_value: float

    def verdict(self, level: float = 0.05) -> str:
        """Say in words what the test finds.

        Parameters
        ----------
        level
            Probability of rejecting a smaller family that is true.
        """
        rejected = self.p_value < level
        words = {
            "tied": ("rows and columns are tied", "rows and columns need not be tied"),
            "bipartite": (
                "rows or columns differ more than independent entries would",
                "rows and columns differ no more than independent entries would",
            ),
        }
        return f"{words[self.alternative][not rejected]} (p = {self.p_value:.2g})"


def likelihood_ratio(
    matrices: Matrices | Fit[Any], null: str = "bipartite", alternative: str = "tied"
) -> LikelihoodRatio:
    """Test a smaller family against a larger one.

    Parameters
    ----------
    matrices
        Independent matrices (matrix, row, column), or one; or a fit of the larger family to them.
    null, alternative
        Two of ``"isotropic"``, ``"bipartite"`` and ``"tied"``, the smaller one first. The default
        asks whether rows and columns are tied: whether they count the same neurons.

    Returns
    -------
    LikelihoodRatio
        The p-value is that of the gamma law with the exact mean and variance of the statistic, for
        many matrices chi squared: the test has its nominal size for small ensembles also.

    Raises
    ------
    ValueError
        If the families are not a smaller and a larger one, or there are too few matrices for a
        covariance that is not singular: for the tied family three, or one, of which then only
        those parts are tested that one matrix determines.

    Notes
    -----
    Under the null the statistic's law depends on the number and size of matrices alone, as all
    parts can be scaled on their own, and it is independent of the pooled variances (Basu 1955).
    Mean and variance are then sums of digamma and trigamma functions, the cumulants of logarithms
    of Wishart determinants.

    Examples
    --------
    >>> import numpy as np
    >>> w = np.random.default_rng(0).normal(size=(100, 8, 8))
    >>> tied = likelihood_ratio(w + w.swapaxes(1, 2))
    >>> tied.degrees_of_freedom, tied.verdict()[:28]
    (8, 'rows and columns are tied (p')
    """
    order = list(FAMILIES)
    check_choice("null", null, order[:-1])
    check_choice("alternative", alternative, order[1:])
    if order.index(null) >= order.index(alternative):
        raise ValueError(
            f"null is {null!r} and alternative {alternative!r}: give the smaller first"
        )
    found = matrices if isinstance(matrices, Fit) else fit(matrices, alternative)
    if not isinstance(found.model, FAMILIES[alternative]):
        raise ValueError(
            f"the fit is one of {type(found.model).__name__}: give one of the family that is the "
            f"alternative, {alternative!r}"
        )
    return _tested(found, null, alternative)


@dataclass(frozen=True)
class _Sample:
    """A covariance that is estimated: its logarithmic determinant, and what that is by chance.

    ``weight`` multiplies the logarithm in the statistic, ``freedom`` are its degrees of freedom.
    """

    log: float
    kinds: int
    weight: int
    freedom: int

    @property
    def expected(self) -> float:
        """Mean of the logarithm for the true covariance one: that of a Wishart determinant."""
        steps = np.arange(self.kinds)
        logs = np.sum(digamma((self.freedom - steps) / 2)) + self.kinds * np.log(2 / self.weight)
        return float(logs)

    @property
    def variance(self) -> float:
        """Variance of the weighted logarithm."""
        steps = np.arange(self.kinds)
        return self.weight**2 * float(np.sum(polygamma(1, (self.freedom - steps) / 2)))


def _tested(found: Fit[Any], null: str, alternative: str) -> LikelihoodRatio:
    larger, smaller = _blocks(found), _groups(found, null)
    statistic = _difference(smaller, larger, lambda sample: sample.log)
    expected = _difference(smaller, larger, lambda sample: sample.expected)
    freedom = _parameters(larger) - _parameters(smaller)
    if found.count > 1 and alternative == "tied":
        freedom += 1  # the mean of the trace
    statistic = max(statistic, 0.0)
    variance = sum(x.variance for x in larger) - sum(x.variance for x in smaller)
    p_value = float(gammaincc(expected**2 / variance, statistic * expected / variance))
    return LikelihoodRatio(null, alternative, statistic, freedom, expected, p_value)


def _difference(smaller: list[_Sample], larger: list[_Sample], of) -> float:
    return float(sum(s.weight * of(s) for s in smaller) - sum(s.weight * of(s) for s in larger))


def _parameters(samples: list[_Sample]) -> int:
    return sum(s.kinds * (s.kinds + 1) // 2 for s in samples)


def _blocks(found: Fit[Any]) -> list[_Sample]:
    """The covariances of the larger family."""
    law, samples = found.model.law, []
    for index, (name, copies, s) in enumerate(
        zip(law.names, law.copies, law.covariances, strict=True)
    ):
        if s is None:
            continue
        weight = found.count * copies
        freedom = weight - (index == 0)
        if freedom < len(s):
            raise ValueError(
                f"{found.count} matrices determine no regular covariance of part {name!r}: give at "
                f"least {len(s) + 1}"
            )
        log = float(np.linalg.slogdet(s)[1])
        if not np.isfinite(log):
            raise ValueError(f"the covariance of part {name!r} is zero: there is nothing to test")
        samples.append(_Sample(log, len(s), weight, freedom))
    return samples


def _groups(found: Fit[Any], null: str) -> list[_Sample]:
    """The variances of the smaller family: coordinates that it gives the same one, pooled."""
    model, count = found.model, found.count
    several = count > 1
    if isinstance(model, TiedGaussian):
        _, n, two, three = model.copies_of(model.size)
        trivial = model.trivial
        pooled = n * model.standard[2, 2] + two * model.symmetric + three * model.antisymmetric
        size = n + two + three
        if trivial is not None:
            pooled, size = pooled + trivial[1, 1] + model.mean[1] ** 2, size + 1
        values = [(pooled, size), (n * model.standard[1, 1], n), (n * model.standard[0, 0], n)]
        total = None if trivial is None else trivial[0, 0]
    else:
        assert not isinstance(model, IsotropicGaussian)
        _, m, n, rest = model.copies_of(model.shape)
        values = [(rest * model.entries, rest), (m * model.rows, m), (n * model.columns, n)]
        total = model.total
    means = 1 if several else 0
    if total is not None:
        values.append((total, 1))
    if null == "isotropic":
        values = [(sum(v for v, _ in values), sum(c for _, c in values))]
        freedoms = [count * values[0][1] - means]
    else:
        freedoms = [count * c for _, c in values]
        freedoms[-1] -= means
    return [
        _Sample(float(np.log(v / c)), 1, count * c, f)
        for (v, c), f in zip(values, freedoms, strict=True)
    ]
