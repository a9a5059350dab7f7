"""The study spectral-dynamics: its parameters, presets and parts."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le, MinLen
from typing_extensions import Doc

from widthwise.experiments import Reference, Study
from widthwise.studies.spectral_dynamics import (
    extensive_outputs,
    hidden,
    proportional,
    sharpness,
    transfer,
)


@dataclass(frozen=True, kw_only=True)
class SpectralDynamics(Study):
    """When do singular values of weights leave the bulk, and does that depend on width?

    Hidden weights of networks that learn features under muP, linear and tanh, are held against the
    limit of infinite width: when an outlier leaves the bulk, and where it goes.
    Deep linear networks are trained with D inputs, width N and P samples in proportion, under muP
    and under NTK parametrization, beside their exact limit: losses, the outliers of the hidden
    matrix and where they lie, the leading mode of the tangent kernel, and the best learning rate
    as the width grows. With many outputs there are no outliers: the bulk itself is deformed.

    Tolerances are the next order of the theory, fixed before any measurement. The limit's own
    corrections are of order 1/n, n the smallest of D, N and P: an outlier or an eigenvalue is
    claimed up to the fraction 2/n; a loss that fell by a factor of exp(x), x being a sum of n-like
    random rates, up to the fraction (2 + x^2) 2/n; the edge of a bulk, which fluctuates by
    N^(-2/3), up to the fraction 2 N^(-2/3); a share of singular values up to 2/N; the drift of the
    best learning rate up to one step of its grid. At infinite width with fixed inputs an outlier is
    claimed up to the fraction 2 N^(-2/3), the scale at which it can be told from the bulk, and 3 %
    at most; the number of updates until it is that far outside up to 5 %.
    """

    question = "When do singular values of weights leave the bulk, and does width matter?"
    reference = Reference(
        title="Spectral Dynamics in Deep Networks: Feature Learning, Outlier Escape, and "
        "Learning Rate Transfer",
        authors=("Clarissa Lauditi", "Cengiz Pehlevan", "Blake Bordelon"),
        year=2026,
        arxiv="2605.07870",
    )

    parts = (hidden, proportional, sharpness, transfer, extensive_outputs)

    inputs: Annotated[int, Ge(8), Le(10_000), Doc("Input dimension D of finite networks.")] = 64
    width_ratios: Annotated[
        tuple[Annotated[float, Gt(0)], ...], MinLen(2), Doc("Widths over inputs, increasing.")
    ] = (0.5, 1.0, 2.0, 4.0)
    hidden_widths: Annotated[
        tuple[Annotated[int, Ge(16), Le(8192)], ...],
        MinLen(2),
        Doc("Widths of networks held against infinite width, increasing."),
    ] = (200, 400, 800)
    hidden_members: Annotated[
        int, Ge(2), Doc("Such networks of the largest width; of smaller widths more.")
    ] = 16
    hidden_steps: Annotated[int, Ge(4), Le(200), Doc("Their updates.")] = 40
    richness: Annotated[
        float, Gt(0), Doc("Richness gamma0 of networks with inputs in proportion.")
    ] = 6.0
    steps: Annotated[int, Ge(3), Le(200), Doc("Updates of the outlier parts.")] = 30
    members: Annotated[
        int, Ge(8), Doc("Networks per point; a quarter of them in the learning-rate sweep.")
    ] = 128
    rates: Annotated[int, Ge(5), Doc("Learning rates of the sweep, from 0.02 to 1.")] = 25
    matrix_sizes: Annotated[
        tuple[Annotated[int, Ge(16), Le(8192)], ...],
        MinLen(1),
        Doc("Sizes of the square matrices with many outputs."),
    ] = (64, 256)
    spike_ratio: Annotated[float, Gt(0), Le(4), Doc("Outputs over width with many outputs.")] = 0.5

    def check(self) -> None:
        """Refuse widths that do not increase."""
        for name in ("width_ratios", "hidden_widths"):
            given = getattr(self, name)
            if list(given) != sorted(set(given)):
                raise ValueError(f"{name} is {given}: give increasing numbers")

    @classmethod
    def quick(cls) -> "SpectralDynamics":
        """Return a preset of a few seconds."""
        return cls(
            inputs=24,
            width_ratios=(1.0, 2.0),
            hidden_widths=(32, 64),
            hidden_steps=12,
            hidden_members=4,
            steps=9,
            members=8,
            rates=7,
            matrix_sizes=(32,),
        )

    @classmethod
    def paper(cls) -> "SpectralDynamics":
        """Return networks up to width 2,048 on 128 inputs."""
        return cls(
            inputs=128,
            hidden_widths=(200, 400, 800, 1600),
            hidden_members=16,
            width_ratios=(0.5, 1.0, 2.0, 4.0, 8.0, 16.0),
            members=512,
            rates=41,
            matrix_sizes=(64, 256, 1024, 4096),
        )
