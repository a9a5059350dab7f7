"""What theory says about two networks trained on noisy copies of one training set."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Overlap:
    """Overlap of the linear functions ``x -> w_a . x`` and ``w_b . x`` that two networks learn.

    All products are taken in the covariance of test inputs: ``w_a^T Sigma w_b``.

    Attributes
    ----------
    overlap
        Correlation of the two networks' outputs: mean product over mean squared norm.
    squared_norm
        Mean squared norm of what a network learns, the variance of its outputs.
    test_error
        Mean squared distance from the linear part of the target, on new inputs without noise.
    target_overlap
        Correlation of a network's outputs with the linear part of the target.
    """

    overlap: float
    squared_norm: float
    test_error: float
    target_overlap: float

    @property
    def cka(self) -> float:
        """Linear CKA of the hidden layers, for one output.

        A linear network that starts small aligns its hidden layer with what it learns: the
        representation is one direction, and its CKA the squared correlation of outputs.
        """
        return self.overlap**2

    @property
    def accuracy(self) -> float:
        """Share of isotropic inputs for which the sign of the output is that of the target's."""
        return 1 - math.acos(max(-1.0, min(1.0, self.target_overlap))) / math.pi

    @property
    def at_threshold(self) -> bool:
        """Whether samples and inputs are equally many, without a ridge: noise grows unboundedly."""
        return math.isinf(self.squared_norm)


def of_moments(shared: float, squared_norm: float, *, with_target: float, signal: float) -> Overlap:
    """Put the result together.

    Parameters
    ----------
    shared
        Mean product of what two networks learn.
    squared_norm
        Mean squared norm of it.
    with_target
        Mean product with the target.
    signal
        Squared norm of the target.
    """
    return Overlap(
        overlap=shared / squared_norm,
        squared_norm=squared_norm,
        test_error=signal - 2 * with_target + squared_norm,
        target_overlap=with_target / math.sqrt(signal * squared_norm),
    )
