"""The study flat-minima: its parameters, presets and parts."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from typing_extensions import Doc

from widthwise.experiments import Reference, Study
from widthwise.studies.flat_minima import (
    diagram,
    nonlinear,
    residual,
    small_start,
    threshold,
    trajectory,
    underdetermined,
)

Depth = Annotated[int, Ge(2), Le(200)]
Size = Annotated[float, Gt(0)]


@dataclass(frozen=True, kw_only=True)
class FlatMinima(Study):
    """How sharp are the minima of deep linear networks, and which does training find?

    Deep linear networks on a regression with one output have minima of any sharpness (largest
    eigenvalue of the Hessian) from a least one on, which grows linearly with depth and does not
    depend on width. Gradient descent can only stay where the sharpness is at most 2 / learning
    rate. The study predicts the least sharpness, that where small weights end, and the largest
    learning rate, all in closed form. Beside them it trains networks: from small weights at any
    depth; over depth, initial scale and learning rate, up to the edge of stability and beyond; from
    near the identity; with fewer samples than features; and with a nonlinearity.

    The loss is the mean squared error: with half of it every sharpness is half as large.

    Tolerances are the next order of the theory, fixed before any measurement. From small weights
    the sharpness is claimed up to the fraction 4 (features) scale^2, the imbalance of two layers at
    the start relative to the end; along the learning rate up to learning rate times sharpness / 2.
    No run that converged ends above 2 / learning rate by more than the fraction 0.001. Powers of
    depth are claimed up to those that a correction 1 - 1/depth would add. Numbers of networks are
    exact.
    """

    question = "How sharp are the minima of deep linear networks, and which does training find?"
    reference = Reference(
        title="Deep linear networks for regression are implicitly regularized towards flat minima",
        authors=("Pierre Marion", "Lénaïc Chizat"),
        year=2024,
        arxiv="2405.13456",
        venue="NeurIPS",
    )

    parts = (small_start, diagram, threshold, residual, trajectory, underdetermined, nonlinear)

    samples: Annotated[int, Ge(2), Le(10**6), Doc("Samples of the regression.")] = 50
    features: Annotated[int, Ge(1), Le(200), Doc("Features, fewer than samples.")] = 5
    members: Annotated[int, Ge(2), Doc("Networks at each point.")] = 10
    depths: Annotated[
        tuple[Depth, ...], MinLen(1), Doc("Depths at which small weights are trained.")
    ] = (2, 3, 5, 10, 20, 40)
    scales: Annotated[
        tuple[Size, ...], MinLen(1), Doc("Standard deviations of those small weights.")
    ] = (0.02, 0.05, 0.1, 0.2)
    diagram_depths: Annotated[
        tuple[Depth, ...], MinLen(1), Doc("Depths of the diagram, increasing.")
    ] = (3, 5, 10, 20)
    sizes: Annotated[
        tuple[Size, ...], MinLen(2), Doc("Norms of the linear map at the start, in the diagram.")
    ] = (0.003, 0.01, 0.04, 0.15, 0.5, 1.5, 5.0, 19.0)
    rates: Annotated[
        tuple[Annotated[float, Gt(0)], ...],
        MinLen(2),
        Doc("Its learning rates over 2 / (least sharpness), some below and some above one."),
    ] = (0.05, 0.2, 0.7, 1.05, 2.0)
    threshold_steps: Annotated[
        int, Ge(10), Doc("Steps at learning rates near the largest one.")
    ] = 40_000
    residual_depths: Annotated[
        tuple[Depth, ...], MinLen(2), Doc("Depths of networks near the identity, increasing.")
    ] = (5, 10, 20, 40)
    residual_steps: Annotated[int, Ge(10), Doc("Their steps.")] = 1000
    trajectory_depth: Annotated[Depth, Doc("Depth of networks followed along training.")] = 10
    by_derivatives: Annotated[
        bool, Doc("Whether a sharpness is also measured by derivatives of the loss.")
    ] = True
    gap_scales: Annotated[
        tuple[Size, ...], MinLen(2), Doc("Initial scales with fewer samples than features.")
    ] = (0.1, 0.15, 0.2, 0.25, 0.3)
    few_samples: Annotated[int, Ge(1), Doc("Samples of that regression.")] = 15
    many_features: Annotated[int, Ge(2), Le(200), Doc("Its features.")] = 20
    gap_depth: Annotated[Depth, Doc("Depth of its networks.")] = 5
    gap_steps: Annotated[int, Ge(10), Doc("Steps of those networks.")] = 10_000
    gelu_gains: Annotated[
        tuple[Size, ...],
        MaxLen(4),
        Doc("Standard deviations of nonlinear networks' weights, times the root of the width."),
    ] = (1.0, 1.6)
    gelu_depth: Annotated[Depth, Doc("Depth of the nonlinear networks.")] = 4
    gelu_steps: Annotated[int, Ge(10), Doc("Steps of the nonlinear networks.")] = 4000

    def check(self) -> None:
        """Refuse data without a unique solution, and depths that do not increase."""
        if self.samples <= self.features:
            raise ValueError(
                f"samples={self.samples}, features={self.features}: give more samples than features"
            )
        if self.few_samples >= self.many_features:
            raise ValueError(
                f"few_samples={self.few_samples}, many_features={self.many_features}: give fewer "
                "samples than features"
            )
        for name in ("depths", "diagram_depths", "residual_depths", "scales", "sizes", "rates"):
            given = getattr(self, name)
            if list(given) != sorted(set(given)):
                raise ValueError(f"{name} is {given}: give increasing numbers")
        if not min(self.rates) < 1 < max(self.rates) or 1.0 in self.rates:
            raise ValueError(f"rates is {self.rates}: give some below one and some above")

    @classmethod
    def quick(cls) -> "FlatMinima":
        """Return a preset of a few seconds."""
        return cls(
            members=3,
            depths=(3,),
            scales=(0.02, 0.1),
            diagram_depths=(3,),
            sizes=(0.01, 0.5),
            rates=(0.2, 1.05),
            threshold_steps=500,
            residual_depths=(2, 4),
            residual_steps=300,
            trajectory_depth=3,
            by_derivatives=False,
            gap_scales=(0.1, 0.3),
            few_samples=3,
            many_features=5,
            gap_depth=3,
            gap_steps=1000,
            gelu_gains=(),
        )

    @classmethod
    def paper(cls) -> "FlatMinima":
        """Return the published numbers of networks and steps."""
        return cls(
            members=50,
            scales=(0.01, 0.02, 0.05, 0.1, 0.2),
            diagram_depths=(3, 5, 10, 20, 40),
            sizes=(0.003, 0.006, 0.015, 0.04, 0.1, 0.25, 0.6, 1.5, 5.0, 19.0),
            rates=(0.05, 0.1, 0.2, 0.4, 0.7, 0.95, 1.05, 2.0),
            threshold_steps=200_000,
            gap_scales=(0.1, 0.13, 0.16, 0.2, 0.23, 0.26, 0.3, 0.33, 0.36),
            gap_steps=40_000,
            gelu_depth=10,
            gelu_steps=40_000,
        )
