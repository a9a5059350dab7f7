"""Means and covariances of order parameters over networks, to first order in 1/width."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float

from widthwise.dynamics.fluctuations.descent import Descent, LossDerivatives
from widthwise.kernels.moments import RELIABLE
from widthwise.numerics.choices import check_choice

_REFUSED = 1.0  # relative size of a correction from which first order says nothing
_DIMENSIONS = {
    "output": ("step", "input"),
    "ntk": ("step", "input", "input2"),
    "feature_kernel": ("step", "layer", "input", "input2"),
    "gradient_kernel": ("step", "layer", "input", "input2"),
}
_STATIC = ("input", "input2")


class ExcessLoss(NamedTuple):
    """Mean loss above that at infinite width, in two parts.

    Parameters
    ----------
    bias
        What the mean of the outputs costs: no ensemble removes it.
    variance
        What their spread costs: an ensemble of E networks divides it by E.
    """

    bias: Float[np.ndarray, " t"]
    variance: Float[np.ndarray, " t"]


@dataclass(frozen=True, eq=False)
class Fluctuations:
    """What networks of one width do on average, and how they differ.

    A quantity q has the mean ``q + correction / N`` and the covariance ``covariance / N`` over
    networks of width N, up to terms of order ``1 / N^2``. Quantities are ``"output"``
    (step, input); ``"ntk"`` (step, input, input2); ``"feature_kernel"`` and ``"gradient_kernel"``
    (step, layer, input, input2), at equal steps; not all are there in every regime. Step t is after
    t updates.

    Attributes
    ----------
    mean
        The quantities at infinite width.
    correction
        N times the change of the mean, of those quantities for which it is known.
    joint
        N times the covariance of all quantities, flattened one after the other.
    descent
        What was trained and how.
    loss
        The loss and its derivatives at infinite width.
    variance_error
        Standard errors of N times the variances, of the quantities that were sampled.
    mean_error
        The same of ``mean``.
    """

    mean: Mapping[str, np.ndarray]
    correction: Mapping[str, np.ndarray]
    joint: Float[np.ndarray, "q q"]
    descent: Descent
    loss: LossDerivatives
    variance_error: Mapping[str, np.ndarray] = field(default_factory=dict)
    mean_error: Mapping[str, np.ndarray] = field(default_factory=dict)

    def covariance(self, first: str = "output", second: str | None = None) -> np.ndarray:
        """N times the covariance of two quantities (of one with itself if second is None).

        Returns
        -------
        numpy.ndarray
            With the axes of the first quantity, then those of the second: for the outputs
            (step, input, step, input).
        """
        second = first if second is None else second
        block = self.joint[self._slice(first), self._slice(second)]
        return block.reshape(self.mean[first].shape + self.mean[second].shape)

    def variance(self, name: str = "output") -> np.ndarray:
        """N times the variance of a quantity, in its shape."""
        where = self._slice(name)
        return np.diagonal(self.joint)[where].reshape(self.mean[name].shape)

    def standard_deviation(self, width: int, name: str = "output") -> np.ndarray:
        """Standard deviation of a quantity over networks of this width."""
        variance = self.variance(name)
        self._require_reliable(width)
        return np.sqrt(np.maximum(variance, 0.0) / width)

    def expected(self, width: int, name: str = "output") -> np.ndarray:
        """Mean of a quantity over networks of this width."""
        correction = self._correction(name)
        self._require_reliable(width)
        return self.mean[name] + correction / width

    def relative_size(self, width: int) -> float:
        """Size of what is expanded in, which must be small for first order to hold.

        The largest over steps and quantities of the relative variance (summed over inputs) and of
        the relative mean correction. Outputs are compared with the targets, or with the largest
        outputs where those are larger or the loss is not squared.
        """
        sizes = [0.0]
        for name, mean in self.mean.items():
            rows = (1, mean.size) if self._static(name) else (len(mean), -1)
            norms = np.linalg.norm(mean.reshape(rows), axis=1)
            if name == "output":
                norms = np.full_like(norms, max(self.descent.signal, float(norms.max())))
            safe = np.where(norms > 0, norms, 1.0)
            variance = self.variance(name).reshape(rows).sum(axis=1)
            sizes.append(float(np.max(variance / safe**2 * (norms > 0))) / width)
            if name in self.correction:
                shift = np.linalg.norm(self.correction[name].reshape(rows), axis=1)
                sizes.append(float(np.max(shift / safe * (norms > 0))) / width)
        return max(sizes)

    def reliable(self, width: int) -> bool:
        """Whether first order may be trusted: corrections of at most 0.3 of the signal."""
        return self.relative_size(width) <= RELIABLE

    @property
    def smallest_reliable_width(self) -> int:
        """The smallest width at which first order may be trusted."""
        return max(1, math.ceil(self.relative_size(1) / RELIABLE * (1 - 1e-12)))

    @property
    def excess_loss(self) -> ExcessLoss:
        """N times the mean loss of one network above that at infinite width, at every step.

        ``bias = grad Loss . correction``, ``variance = (1/2) trace(Hess Loss covariance)``. For the
        squared loss this is N times the change of half the squared error.

        Raises
        ------
        NotImplementedError
            Where the mean correction is not known.
        """
        trained = self.descent.trained
        shift = self._correction("output")[:, :trained]
        covariance = self.covariance("output")[:, :trained, :, :trained]
        equal = np.einsum("tatb->tab", covariance)
        return ExcessLoss(
            np.einsum("ta,ta->t", self.loss.gradient, shift),
            np.einsum("tab,tab->t", self.loss.hessian, equal) / 2,
        )

    def expected_loss(self, width: int, *, members: int = 1) -> Float[np.ndarray, " t"]:
        """Mean loss of networks of this width, or of the average output of ``members`` of them."""
        bias, variance = self._excess(members)
        self._require_reliable(width)
        return self.loss.value + (bias + variance) / width

    def required_width(self, excess: float, *, members: int = 1, step: int = -1) -> int:
        """Smallest width at which the mean loss exceeds that at infinite width by at most this.

        Parameters
        ----------
        excess
            The loss above that at infinite width, positive.
        members
            Networks whose outputs are averaged.
        step
            When.

        Returns
        -------
        int
            At least ``smallest_reliable_width``, below which first order does not say.
        """
        if not 0 < excess < math.inf:
            raise ValueError(f"excess is {excess}: give a positive, finite difference of losses")
        bias, variance = self._excess(members)
        needed = math.ceil((bias + variance)[step] / excess * (1 - 1e-12))
        return max(needed, self.smallest_reliable_width)

    def equivalent_width(self, members: int, width: int, *, step: int = -1) -> float:
        """Width at which one network is on average as good as an ensemble of narrower ones.

        Parameters
        ----------
        members
            Networks of the ensemble, whose outputs are averaged.
        width
            Their width.
        step
            When.

        Returns
        -------
        float
            ``width (b + v) / (b + v / members)`` for bias b and variance v; infinite if no width
            reaches the ensemble, because its bias lowers the loss.

        Raises
        ------
        ValueError
            If one network is on average not worse than an infinitely wide one.
        """
        bias, variance = (part[step] for part in self._excess(1))
        _, shared = (part[step] for part in self._excess(members))
        self._require_reliable(width)
        if bias + variance <= 0:
            raise ValueError(
                f"at step {step} finite networks have on average no larger loss than the infinite "
                "one: no single width compares with an ensemble; look at excess_loss"
            )
        if bias + shared <= 0:
            return math.inf
        return width * (bias + variance) / (bias + shared)

    def dataset(self, width: int) -> xr.Dataset:
        """Means and standard deviations at one width, with named dimensions.

        Quantities whose mean correction is not known stand there with their infinite-width mean,
        and their attribute ``corrected`` is 0.
        """
        self._require_reliable(width)
        table = {}
        for name, mean in self.mean.items():
            dimensions = self.dimensions(name)
            known = name in self.correction
            value = mean + self.correction[name] / width if known else mean
            table[name] = xr.Variable(dimensions, value, {"corrected": int(known)})
            spread = np.sqrt(np.maximum(self.variance(name), 0.0) / width)
            table[f"{name}_std"] = xr.Variable(dimensions, spread)
        return xr.Dataset(
            table,
            coords={"step": np.arange(self.descent.steps + 1)},
            attrs={"width": width, "centered": int(self.descent.centered)},
        )

    def rescaled(self, factors: Mapping[str, np.ndarray], descent: Descent) -> "Fluctuations":
        """Return quantities in other units, for example those before gains were absorbed.

        Parameters
        ----------
        factors
            Of quantities, to be broadcast against them.
        descent
            What is trained, in the new units.
        """
        full = {
            name: np.broadcast_to(factors.get(name, np.ones(())), mean.shape)
            for name, mean in self.mean.items()
        }
        scale = np.concatenate([factor.ravel() for factor in full.values()])

        def times(table: Mapping[str, np.ndarray], power: int) -> dict[str, np.ndarray]:
            return {name: full[name] ** power * part for name, part in table.items()}

        return replace(
            self,
            mean=times(self.mean, 1),
            correction=times(self.correction, 1),
            joint=self.joint * scale[:, None] * scale[None, :],
            descent=descent,
            variance_error=times(self.variance_error, 2),
            mean_error=times(self.mean_error, 1),
        )

    def dimensions(self, name: str) -> tuple[str, ...]:
        """Names of the axes of a quantity."""
        return _STATIC if self._static(name) else _DIMENSIONS[name]

    def _static(self, name: str) -> Bool[np.ndarray, ""] | bool:
        return self.mean[name].ndim < len(_DIMENSIONS[name])

    def _slice(self, name: str) -> slice:
        check_choice("the quantity", name, list(self.mean))
        start = 0
        for other, mean in self.mean.items():
            if other == name:
                return slice(start, start + mean.size)
            start += mean.size
        raise AssertionError(name)

    def _correction(self, name: str) -> np.ndarray:
        check_choice("the quantity", name, list(self.mean))
        if name not in self.correction:
            raise NotImplementedError(
                f"the mean of {name!r} is not known to order 1/width in this regime, only its "
                "covariance: measure it with an ensemble (widthwise.train)"
            )
        return self.correction[name]

    def _excess(self, members: int) -> ExcessLoss:
        if isinstance(members, bool) or not isinstance(members, int) or members < 1:
            raise ValueError(f"members is {members!r}: give a whole number of at least 1")
        bias, variance = self.excess_loss
        return ExcessLoss(bias, variance / members)

    def _require_reliable(self, width: int) -> None:
        if isinstance(width, bool) or not isinstance(width, int) or width < 1:
            raise ValueError(f"width is {width!r}: give a whole number of at least 1")
        size = self.relative_size(width)
        advice = (
            f"first order in 1/width holds from width {self.smallest_reliable_width}; below it "
            "train an ensemble (widthwise.train)"
        )
        if size > _REFUSED:
            raise ValueError(f"at width {width} corrections are {size:.2g} of the signal: {advice}")
        if size > RELIABLE:
            warnings.warn(
                f"at width {width} corrections are {size:.2g} of the signal: {advice}",
                stacklevel=3,
            )
