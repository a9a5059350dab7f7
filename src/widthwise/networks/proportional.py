"""A deep linear network whose width, inputs and samples all grow together."""

import math
from dataclasses import dataclass
from typing import Literal

from widthwise.numerics.choices import check_choice
from widthwise.numerics.ranges import check_positive


@dataclass(frozen=True, kw_only=True)
class ProportionalLinear:
    """Deep linear regression with D inputs, width N and P samples, all large.

    ``h^1 = W^0 x / sqrt(D)``, ``h^{l+1} = W^l h^l / sqrt(N)``, ``f = w . h^L / (gamma sqrt(N))``,
    all weights standard normal; inputs standard normal in R^D; targets ``beta . x / sqrt(D)`` plus
    noise, ``|beta|^2 = D``. Gradient descent on half the mean squared error, every learning rate
    times ``gamma^2 D``.

    Parameters
    ----------
    hidden_layers
        L, at least 1.
    width_ratio
        ``nu = N / D``.
    sample_ratio
        ``alpha = P / D``; infinite for the population loss.
    noise
        Standard deviation of the noise of the labels.
    richness
        ``gamma0``.
    parametrization
        ``"mup"``: ``gamma = gamma0 sqrt(nu)``; ``"ntk"``: ``gamma = gamma0``. They agree at
        ``nu = 1``.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    Source: Bordelon & Pehlevan (2025, arXiv:2502.02531); Lauditi, Pehlevan & Bordelon (2026,
    arXiv:2605.07870).
    """

    hidden_layers: int = 1
    width_ratio: float = 1.0
    sample_ratio: float = math.inf
    noise: float = 0.0
    richness: float = 1.0
    parametrization: Literal["mup", "ntk"] = "mup"

    def __post_init__(self) -> None:
        if self.hidden_layers < 1:
            raise ValueError(f"hidden_layers is {self.hidden_layers}: give at least 1")
        check_positive(width_ratio=self.width_ratio, richness=self.richness)
        if not self.sample_ratio > 0:
            raise ValueError(
                f"sample_ratio is {self.sample_ratio}: give a positive number, infinity for the "
                "population loss"
            )
        if not (math.isfinite(self.noise) and self.noise >= 0):
            raise ValueError(f"noise is {self.noise}: give a finite number that is not negative")
        if self.noise > 0 and math.isinf(self.sample_ratio):
            raise ValueError(
                f"noise is {self.noise} and sample_ratio infinite: noise averages out over "
                "infinitely many samples, leave it out or give a finite sample_ratio"
            )
        check_choice("parametrization", self.parametrization, ("mup", "ntk"))

    @property
    def output_scale(self) -> float:
        """The divisor ``gamma`` of the output, beside ``sqrt(N)``."""
        return self.richness * (self.width_ratio**0.5 if self.parametrization == "mup" else 1.0)

    def sizes(self, inputs: int) -> tuple[int, int | None]:
        """Width and number of samples of a network on D inputs, rounded.

        Parameters
        ----------
        inputs
            D, at least 1.

        Returns
        -------
        N, and P; None for the population loss.

        Raises
        ------
        ValueError
            If one of them would be zero.
        """
        width = round(self.width_ratio * inputs)
        samples = None if math.isinf(self.sample_ratio) else round(self.sample_ratio * inputs)
        if inputs < 1 or width < 1 or samples == 0:
            raise ValueError(
                f"{inputs} inputs make width {width} and {samples} samples: give more inputs"
            )
        return width, samples
