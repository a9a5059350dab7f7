"""How alike are two representations: the public function."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from widthwise.numerics.choices import check_choice
from widthwise.observables.alignment.measures import Measure, measure_of
from widthwise.observables.alignment.representations import read_pair
from widthwise.observables.alignment.resampling import bootstrap, jackknife, permuted, value_of

_GROUPS = 20
_RESAMPLES = 200


@dataclass(frozen=True, eq=False)
class Alignment:
    """Alignment of two representations, with its error and its null distribution.

    Attributes
    ----------
    value
        The measure.
    standard_error
        Over samples; not-a-number if none was asked for.
    null
        Values with the samples of one representation in random order; empty if none were asked for.
    samples
        How many there are.
    measure
        What was measured.
    """

    value: float
    standard_error: float
    null: Float[np.ndarray, " permutations"]
    samples: int
    measure: Measure

    @property
    def z(self) -> float:
        """Distance from the mean of the null, in its standard deviations; positive for aligned."""
        if len(self.null) < 2:
            return float("nan")
        spread = float(np.std(self.null, ddof=1))
        distance = (self.value - float(np.mean(self.null))) * self._sign
        return distance / spread if spread > 0 else float("nan")

    @property
    def p_value(self) -> float:
        """Probability of so much alignment by chance: at least ``1 / (permutations + 1)``."""
        if not len(self.null):
            return float("nan")
        beyond = np.sum(self._sign * self.null >= self._sign * self.value)
        return float((1 + beyond) / (1 + len(self.null)))

    @property
    def _sign(self) -> int:
        return 1 if self.measure.larger_is_closer else -1


def alignment(
    a: Any,
    b: Any,
    measure: str | Callable[[Any, Any], Any] = "cka",
    *,
    error: str | None = "jackknife",
    resamples: int | None = None,
    permutations: int = 0,
    key: Key[Array, ""] | None = None,
) -> Alignment:
    """Compare two representations of the same inputs.

    Parameters
    ----------
    a, b
        Arrays (samples, features) of NumPy, JAX or PyTorch; features may differ in number. Float64
        arrays are compared in double precision, others in single.
    measure
        ``"cka"``, ``"cka-debiased"``, ``"cka-rbf"``, ``"procrustes"``, ``"rsa"``,
        ``"rsa-squared"``, ``"rsa-spearman"``, ``"cca"``, ``"svcca"``, ``"pwcca"``,
        ``"mutual-knn"``, ``"information-imbalance"``, ``"correlation"``; one of these with other
        options, such as `CKA("rbf", bandwidth=0.5)`; or any function of two JAX arrays.
    error
        Where the standard error over samples comes from: ``"jackknife"`` over groups of samples,
        for all measures; ``"bootstrap"``, for those that samples drawn twice do not bias (biased
        CKA, Procrustes, correlation); None for no error.
    resamples
        Groups of the jackknife (20, and at most the samples) or resamples of the bootstrap (200).
        Each costs about as much as the value.
    permutations
        Random orders of the samples for the null distribution: each costs as much as the value.
    key
        Random key of groups, resamples and permutations; that of seed 0 if left out.

    Returns
    -------
    Alignment

    Raises
    ------
    TypeError, ValueError
        If an argument is none of the accepted ones, a representation is constant or not finite, the
        samples differ in number or are too few for the measure.

    Notes
    -----
    Near zero alignment the estimate of CKA without bias is degenerate: its error is then too large
    by up to a factor of about 1.5, and the null distribution is the better judge.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a = rng.standard_normal((100, 3))
    >>> found = alignment(a, a + rng.standard_normal((100, 3)), permutations=99)
    >>> round(found.value, 2), round(found.standard_error, 2), found.p_value
    (0.54, 0.04, 0.01)
    """
    chosen = measure_of(measure)
    if error is not None:
        check_choice("error", error, ["jackknife", "bootstrap"])
        if error not in chosen.resampling:
            raise ValueError(
                f"error is 'bootstrap', but samples drawn twice bias {chosen}: use 'jackknife'"
            )
    if resamples is not None and resamples < 2:
        raise ValueError(f"resamples is {resamples}: a standard error needs at least 2")
    if permutations < 0:
        raise ValueError(f"permutations is {permutations}: give a number from 0")
    first, second = read_pair(a, b, least=chosen.least_samples + (error == "jackknife"))
    own = jax.random.key(0) if key is None else key
    rng = np.random.default_rng(np.asarray(jax.random.key_data(own)))
    with jax.enable_x64(first.dtype == np.float64):
        chosen.check(first, second)
        found = np.asarray(value_of(chosen, first, second), np.float64)
        spread, null = float("nan"), np.zeros(0)
        if error == "jackknife":
            groups = resamples or _GROUPS
            spread = jackknife(chosen, first, second, groups=groups, rng=rng)
        elif error == "bootstrap":
            again = resamples or _RESAMPLES
            spread = bootstrap(chosen, first, second, resamples=again, rng=rng)
        if permutations:
            null = permuted(chosen, first, second, permutations=permutations, rng=rng)
    if found.shape != () or not np.isfinite(found):
        raise ValueError(f"the measure gives {found}: it must be one finite number")
    return Alignment(float(found), spread, null, len(first), chosen)
