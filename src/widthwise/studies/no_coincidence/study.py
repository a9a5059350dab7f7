"""The study no-coincidence: its parameters, presets and parts."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le, MinLen
from typing_extensions import Doc

from widthwise import activations
from widthwise.experiments import Reference, Shard, Study
from widthwise.studies.no_coincidence import (
    circuits,
    correlation,
    covariance,
    estimators,
    images,
    norms,
    property_p,
)

Width = Annotated[int, Ge(1), Le(65536)]


@dataclass(frozen=True, kw_only=True)
class NoCoincidence(Study):
    """When does a random wide network behave like a random function?

    A network with property P would be an outrageous coincidence only if random networks behave like
    random functions. They do, in the limit of infinite width, exactly when the activation is
    nonlinear and has zero mean under N(0, 1): then deep in the network all inputs become
    uncorrelated. The study gives the verdict on each activation, predicts the covariance of pairs
    of inputs at any depth with the first 1/width corrections, and measures it on real networks and
    beside the exact Markov chain of their kernels, on points of the hypercube and on images; it
    counts property P exhaustively on finite networks beside the random-function, parity-aware and
    infinite-width baselines, does the same for random reversible circuits, and compares mean and
    covariance propagation with sampling at equal cost.

    Networks have no biases, weight variance 1 in the first layer and 1/E[s(z)^2] after it
    ("natural" tuning), so every pre-activation has variance 1 at infinite width.

    Tolerances are the next order of the theory, fixed before any measurement. With the expansion
    parameter eps = max(1, V)/width of the 1/width series, a first-order correction is claimed up to
    the fraction 2 eps of itself; a count of violations to first order, up to the size of that
    order; a power-law exponent in width up to 2 (hidden layers)/(smallest width); a sampled
    prediction (the exact kernel chain) up to 5 of its own standard errors; the random-permutation
    value of a circuit up to half its distance from the value it is told apart from.
    """

    revision = 2
    question = "When does a random wide network behave like a random function?"
    reference = Reference(
        title="Wide Neural Networks as a Baseline for the Computational No-Coincidence Conjecture",
        authors=("John Dunbar", "Scott Aaronson"),
        year=2025,
        arxiv="2510.06527",
    )

    parts = (correlation, covariance, norms, images, property_p, circuits, estimators)

    activations: Annotated[
        tuple[str, ...],
        MinLen(1),
        Doc("Activations, by name: gelu, tanh(4), relu.centered, or module:function."),
    ] = ("relu", "relu.centered", "tanh", "tanh(4)")
    depth: Annotated[int, Ge(1), Le(1000), Doc("Hidden layers of the covariance part.")] = 8
    widths: Annotated[
        tuple[Width, ...], MinLen(1), Doc("Hidden widths of the covariance part.")
    ] = (16, 128)
    members: Annotated[
        int,
        Ge(8),
        Doc("Networks at width 128; fewer or more at other widths, so that each costs the same."),
    ] = 5000
    runaway_depth: Annotated[int, Ge(2), Doc("Hidden layers of the norm-stability part.")] = 32
    images: Annotated[int, Ge(2), Le(100), Doc("Fashion-MNIST images, taken in all pairs.")] = 8
    input_bits: Annotated[int, Ge(1), Le(20), Doc("Input bits m of property P.")] = 6
    output_bits: Annotated[int, Ge(1), Le(64), Doc("Outputs of property P.")] = 4
    property_depths: Annotated[
        tuple[Annotated[int, Ge(1)], ...], MinLen(1), Doc("Hidden layers of property P.")
    ] = (2, 4, 8)
    property_width: Annotated[int, Ge(1), Doc("Width of the networks of property P.")] = 64
    property_members: Annotated[int, Ge(8), Doc("Networks per point of property P.")] = 3000
    circuit_sizes: Annotated[
        tuple[Annotated[int, Ge(1), Le(4)], ...],
        MinLen(1),
        Doc("Gates per layer n of the reversible circuits, on 3 n bits."),
    ] = (1, 2, 3)
    circuits: Annotated[int, Ge(1000), Doc("Random reversible circuits per point.")] = 30_000
    estimator_widths: Annotated[
        tuple[Width, ...], MinLen(2), Doc("Widths at which one network's mean is estimated.")
    ] = (16, 32, 128)
    estimator_members: Annotated[int, Ge(8), Doc("Networks per width of the estimators.")] = 64

    def check(self) -> None:
        """Refuse unknown and unusable activations, with the nearest name."""
        for name in self.activations:
            activations.get(name)

    def shards(self) -> list[Shard]:
        """Pieces of a few seconds each; first those that need least of what predicting compiles."""
        return [shard for part in reversed(self.parts) for shard in part.shards(self)]

    @classmethod
    def quick(cls) -> "NoCoincidence":
        """Return a preset of a few seconds."""
        return cls(
            activations=("relu.centered",),
            depth=3,
            widths=(16,),
            members=64,
            runaway_depth=8,
            images=3,
            property_depths=(1,),
            property_width=16,
            property_members=200,
            circuit_sizes=(1,),
            circuits=2000,
            estimator_widths=(8, 16),
            estimator_members=16,
        )

    @classmethod
    def paper(cls) -> "NoCoincidence":
        """Return larger ensembles, deeper networks, and property P on 2^10 inputs."""
        return cls(
            activations=(
                *cls.activations,
                "gelu.centered",
                "silu.centered",
                "elu.centered",
                "erf",
                "sin",
            ),
            depth=16,
            widths=(16, 64, 256, 1024),
            members=20_000,
            runaway_depth=64,
            images=32,
            input_bits=10,
            output_bits=5,
            property_depths=(1, 2, 4, 8, 16, 32),
            property_members=20_000,
            circuits=2_000_000,
            estimator_widths=(16, 32, 64, 128, 256),
            estimator_members=256,
        )
