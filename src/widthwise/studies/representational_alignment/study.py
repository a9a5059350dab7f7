"""The study representational-alignment: its parameters, presets and parts."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le, MinLen
from typing_extensions import Doc

from widthwise.experiments import Reference, Study
from widthwise.studies.representational_alignment import (
    channels,
    dip,
    linear,
    nonlinear,
    real,
    regularized,
    trained,
)


@dataclass(frozen=True, kw_only=True)
class RepresentationalAlignment(Study):
    """How alike are networks that train on noisy copies of one training set?

    Networks with one hidden layer learn the same task from the same samples, each with noise of its
    own. The alignment of their hidden layers grows with the signal-to-noise ratio, and is least
    where samples are as many as parameters: at the interpolation threshold, where noise is
    amplified most. For linear networks all follows from random-matrix theory: with noise on labels
    or inputs, flipped labels, own samples, several outputs, a ridge, or early stopping. ReLU
    networks, images and terrain are held against what linear networks show. Networks that agree
    need not be right: two numbers of samples with one overlap differ in test error by a factor
    above three.

    The overlap of two networks is the signed correlation of their outputs on test inputs; for
    linear networks with one output its square is the linear CKA of hidden layers.

    Tolerances are the next order of the theory, fixed before any measurement. With D inputs and P
    samples corrections are of order 1/n: n the smaller of D and |P - D| for other sources of
    difference, n = D with a ridge or early stopping, or for single points; overlap, CKA and test
    error (over signal) are claimed up to 2/n. The band of the ensemble contains 95 % of the means
    if theory is exact, and 90 % are claimed, with no tolerance: the overlap there is predicted to
    first order in 1/D. The position of the dip is claimed up to 3 samples, where the variance of
    noise ends to exist. Training ends at the exact solution up to the squared norm of the initial
    layers. Signs of differences have no tolerance.
    """

    question = "How alike are networks that train on noisy copies of one training set?"
    reference = Reference(
        title="Signal-to-Noise Ratio and Sample Size Govern Representational Alignment in Neural "
        "Networks",
        authors=("Ali Hussaini Umar", "Alessandro Laio"),
        year=2026,
        arxiv="2605.26973",
    )
    parts = (linear, dip, channels, regularized, trained, real, nonlinear)

    inputs: Annotated[
        int, Ge(20), Le(2000), Doc("Inputs D of linear networks over samples and noise.")
    ] = 60
    sizes: Annotated[
        int, Ge(3), Le(100), Doc("Numbers of samples on either side of the threshold.")
    ] = 12
    snr_levels: Annotated[
        int, Ge(3), Le(101), Doc("Signal-to-noise ratios from 0.5 to 50, an odd number.")
    ] = 25
    networks: Annotated[
        int, Ge(2), Le(50), Doc("Networks on each training set, with noise of their own.")
    ] = 3
    members: Annotated[int, Ge(8), Doc("Training sets at each point of that grid.")] = 40
    dip_members: Annotated[int, Ge(8), Doc("Training sets of the part on the dip.")] = 1000
    wide_inputs: Annotated[
        int, Ge(20), Le(2000), Doc("Inputs of linear networks with other sources of difference.")
    ] = 100
    wide_members: Annotated[
        int, Ge(8), Doc("Training sets of these, and subsets of real data, at each point.")
    ] = 300
    trained_members: Annotated[
        int, Ge(2), Doc("Training sets of linear networks trained by gradient descent.")
    ] = 4
    nonlinear_samples: Annotated[
        tuple[Annotated[int, Ge(2), Le(1000)], ...],
        MinLen(2),
        Doc("Samples of ReLU networks, besides as many as parameters (110)."),
    ] = (20, 50, 900)
    nonlinear_members: Annotated[int, Ge(2), Doc("Training sets of ReLU networks.")] = 20
    nonlinear_steps: Annotated[int, Ge(10), Le(200_000), Doc("Steps of Adam of ReLU networks.")] = (
        4000
    )

    def check(self) -> None:
        """Refuse an even number of levels, and ReLU networks on one side of the threshold."""
        if self.snr_levels % 2 == 0:
            raise ValueError(f"snr_levels is {self.snr_levels}: give an odd number")
        threshold = nonlinear.PARAMETERS
        if not min(self.nonlinear_samples) < threshold < max(self.nonlinear_samples):
            raise ValueError(
                f"nonlinear_samples is {self.nonlinear_samples}: give numbers below and above "
                f"{threshold}, the number of parameters"
            )

    @classmethod
    def quick(cls) -> "RepresentationalAlignment":
        """Return a preset of a few seconds."""
        return cls(
            inputs=20,
            sizes=3,
            snr_levels=3,
            networks=2,
            members=8,
            dip_members=8,
            wide_inputs=20,
            wide_members=8,
            trained_members=2,
            nonlinear_samples=(20, 120),
            nonlinear_members=2,
            nonlinear_steps=20,
        )

    @classmethod
    def paper(cls) -> "RepresentationalAlignment":
        """Return larger networks, more samples and larger ensembles."""
        return cls(
            inputs=200,
            sizes=20,
            snr_levels=25,
            networks=6,
            members=200,
            dip_members=10_000,
            wide_inputs=300,
            wide_members=200,
            trained_members=20,
            nonlinear_samples=(10, 20, 40, 80, 160, 240, 400, 1000),
            nonlinear_members=20,
            nonlinear_steps=20_000,
        )
