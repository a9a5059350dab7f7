"""Losses, outliers and the leading tangent-kernel mode of deep linear training in the limit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from widthwise.dynamics.proportional.march import March
from widthwise.networks.proportional import ProportionalLinear
from widthwise.spectra.spikes import read_history
from widthwise.spectra.trajectory import follow

ROUNDING = 1e-14
"""Losses below are rounding: they are set to this."""


@dataclass(frozen=True, eq=False)
class ProportionalTraining:
    """Gradient descent of a deep linear network with D, N and P infinite at fixed ratios.

    Attributes
    ----------
    network
        The network and its task.
    learning_rate
        Before the factor ``gamma^2 D``.
    test_loss, train_loss
        Half the mean squared error after 0..T updates; the test loss without label noise.
        Not-a-number once training has diverged.
    features, gradients
        Kernels over updates 0..T - 1, one for each weight matrix: what enters it (of the first, the
        gradient in the space of inputs) and the gradient at what leaves it.
    forward_responses, backward_responses
        Their responses to the initial matrix, as `widthwise.spectra.outliers` takes them.
    """

    network: ProportionalLinear
    learning_rate: float
    test_loss: Float[np.ndarray, " steps"]
    train_loss: Float[np.ndarray, " steps"]
    features: tuple[Float[np.ndarray, "t t"], ...]
    gradients: tuple[Float[np.ndarray, "t t"], ...]
    forward_responses: tuple[Float[np.ndarray, "t t"], ...]
    backward_responses: tuple[Float[np.ndarray, "t t"], ...]

    @property
    def stable(self) -> bool:
        """Whether the test loss stays finite and ends no higher than it began."""
        return bool(is_stable(self.test_loss))

    def spikes(self, layer: int) -> dict[str, Any]:
        """Arguments of [`outliers`][widthwise.spectra.outliers] for one weight matrix.

        Parameters
        ----------
        layer
            0 for the first matrix, N x D; 1..L - 1 for the hidden ones, N x N. All divided by
            ``sqrt(N)``.

        Raises
        ------
        ValueError
            If there is no such matrix, or training diverged.
        """
        last = self.network.hidden_layers - 1
        if not 0 <= layer <= last:
            raise ValueError(
                f"layer is {layer}: {self.network.hidden_layers} hidden layers have weight "
                f"matrices 0..{last}"
            )
        if not np.all(np.isfinite(self.test_loss)):
            raise ValueError(
                f"training with learning_rate {self.learning_rate} diverged: take a smaller one, "
                "or fewer steps"
            )
        ratio = self.network.width_ratio
        step = self.learning_rate * self.network.output_scale / ratio**0.5
        return {
            "feature_kernel": self.features[layer],
            "gradient_kernel": self.gradients[layer],
            "coefficients": np.full(len(self.test_loss) - 1, step),
            "forward_response": self.forward_responses[layer],
            "backward_response": self.backward_responses[layer],
            "ratio": 1.0 if layer else ratio,
        }

    def outliers(self, layer: int, *, steps: Sequence[int] | None = None) -> xr.Dataset:
        """Outliers of one weight matrix through training.

        Parameters
        ----------
        layer
            As for `spikes`.
        steps
            Numbers of updates, increasing from 0 to T; all if left out.

        Returns
        -------
        xarray.Dataset
            As [`outlier_trajectory`][widthwise.spectra.outlier_trajectory].
        """
        spikes = self.spikes(layer)
        ratio = spikes.pop("ratio")
        found = range(len(self.test_loss)) if steps is None else steps
        return follow(read_history(**spikes), found, 1.0, ratio)

    def leading_ntk_eigenvalue(
        self, *, steps: Sequence[int] | None = None
    ) -> Float[np.ndarray, " steps"]:
        """Largest eigenvalue of the tangent kernel's operator over inputs.

        Gradient descent on the population loss is stable while learning rate times this is below 2.

        Parameters
        ----------
        steps
            Numbers of updates, increasing from 0 to T - 1; all of these if left out.

        Raises
        ------
        NotImplementedError
            With more than one hidden layer, where no closed form is known.
        """
        if self.network.hidden_layers > 1:
            raise NotImplementedError(
                f"the leading eigenvalue is known for one hidden layer, not for "
                f"{self.network.hidden_layers}: measure it with "
                "widthwise.ensembles.leading_ntk_eigenvalue"
            )
        times = range(len(self.test_loss) - 1) if steps is None else steps
        found = self.outliers(0, steps=times)
        largest = found.singular_value.isel(outlier=0).fillna(found.edge).values
        return np.diagonal(self.gradients[0])[list(times)] + largest**2


def proportional_training(
    network: ProportionalLinear, *, learning_rate: float, steps: int
) -> ProportionalTraining:
    """Train a deep linear network with infinitely many inputs, neurons and samples.

    Exact for gradient descent of any step size. A learning rate that diverges is no error: the
    losses say so.

    Parameters
    ----------
    network
        The network and its task.
    learning_rate
        Positive; it is multiplied by ``gamma^2 D``.
    steps
        Number of updates T, at least 1. The cost grows as ``T^4``; 30 take a few hundredths of a
        second.

    Returns
    -------
    ProportionalTraining

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Derived as in Bordelon & Pehlevan (2025, arXiv:2502.02531).

    Examples
    --------
    >>> from widthwise.networks import ProportionalLinear
    >>> network = ProportionalLinear(width_ratio=0.5, richness=6.0)
    >>> found = proportional_training(network, learning_rate=0.05, steps=10)
    >>> round(float(found.test_loss[10]), 7)
    0.0054447
    """
    found = march(network, np.array([learning_rate]), steps)
    layers, past = network.hidden_layers, slice(steps)
    scale = network.width_ratio**0.5

    def kept(arrays: list[np.ndarray]) -> tuple[np.ndarray, ...]:
        return tuple(array[0, past, past] for array in arrays)

    backward = [found.rg[1] * scale, *found.rg[2 : layers + 1]]
    test, train = losses(found)
    return ProportionalTraining(
        network,
        learning_rate,
        test[0],
        train[0],
        kept(found.h[:layers]),
        kept(found.g[1 : layers + 1]),
        kept(found.rh[:layers]),
        kept(backward),
    )


def march(
    network: ProportionalLinear, learning_rates: Float[np.ndarray, " rates"], steps: int
) -> March:
    """Check the settings of training, and march.

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}: give at least 1")
    for rate in learning_rates:
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"learning_rate is {rate}: give positive finite numbers")
    return March(network, np.asarray(learning_rates, np.float64), steps)


def losses(found: March) -> tuple[Float[np.ndarray, "rates t"], Float[np.ndarray, "rates t"]]:
    """Test and train loss after each number of updates."""
    test, train = (np.diagonal(kernel, axis1=1, axis2=2) / 2 for kernel in (found.c0, found.cd))
    return np.maximum(test, ROUNDING), np.maximum(train, ROUNDING)


def is_stable(loss: Float[np.ndarray, "*rates t"]) -> np.ndarray:
    """Whether losses stay finite and end no higher than they began."""
    kept = np.all(np.isfinite(loss), axis=-1) & (loss[..., -1] <= loss[..., 0])
    return np.asarray(kept)
