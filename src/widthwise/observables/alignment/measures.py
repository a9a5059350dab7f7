"""The measures of alignment by name, and what each has to know about itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Float

from widthwise.numerics.choices import check_choice
from widthwise.observables.alignment.distances import RSA
from widthwise.observables.alignment.kernels import CKA
from widthwise.observables.alignment.neighbours import InformationImbalance, MutualNeighbours
from widthwise.observables.alignment.outputs import Correlation
from widthwise.observables.alignment.subspaces import CCA, Procrustes


@runtime_checkable
class Measure(Protocol):
    """A hashable pure function of two JAX arrays (n, m) and (n, m2) that gives one number."""

    @property
    def larger_is_closer(self) -> bool:
        """Whether aligned representations have the larger value."""
        ...

    @property
    def resampling(self) -> tuple[str, ...]:
        """Which resampling of samples gives its standard error."""
        ...

    @property
    def least_samples(self) -> int:
        """The fewest samples."""
        ...

    def check(self, a: Float[np.ndarray, "n m"], b: Float[np.ndarray, "n m2"]) -> None:
        """Raise ValueError for representations that it cannot compare."""
        ...

    def __call__(self, a: Float[Array, "n m"], b: Float[Array, "n m2"]) -> Float[Array, ""]:
        """Compare."""
        ...


@dataclass(frozen=True)
class Function:
    """A user's own measure: any function of two JAX arrays, the larger the closer."""

    function: Callable[[Any, Any], Any]

    larger_is_closer = True
    resampling = ("jackknife",)
    least_samples = 3

    def check(self, a: Float[np.ndarray, "n m"], b: Float[np.ndarray, "n m2"]) -> None:
        """Accept all that is not constant."""
        del a, b

    def __call__(self, a: Float[Array, "n m"], b: Float[Array, "n m2"]) -> Any:
        """Compare."""
        return self.function(a, b)


MEASURES: dict[str, Measure] = {
    "cka": CKA(),
    "cka-debiased": CKA(debiased=True),
    "cka-rbf": CKA("rbf"),
    "procrustes": Procrustes(),
    "rsa": RSA(),
    "rsa-squared": RSA(squared=True),
    "rsa-spearman": RSA("spearman"),
    "cca": CCA(),
    "svcca": CCA(variance=0.99),
    "pwcca": CCA(weighting="projection"),
    "mutual-knn": MutualNeighbours(),
    "information-imbalance": InformationImbalance(),
    "correlation": Correlation(),
}
"""Each with its options at their defaults."""


def measure_of(given: str | Callable[[Any, Any], Any]) -> Measure:
    """Return the measure that a name, a measure or a function stands for.

    Raises
    ------
    ValueError
        For an unknown name; the nearest is suggested.
    TypeError
        If it is neither.
    """
    if isinstance(given, str):
        check_choice("measure", given, list(MEASURES))
        return MEASURES[given]
    if isinstance(given, Measure):
        return given
    if not callable(given):
        raise TypeError(
            f"measure is {given!r}: give a name ({', '.join(MEASURES)}), one of the classes of "
            "widthwise.observables.alignment, or a function of two arrays"
        )
    return Function(given)
