"""The study circuit-emulation: its parameters, presets and parts."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le, MinLen
from typing_extensions import Doc

from widthwise.experiments import Reference, Study
from widthwise.studies.circuit_emulation import (
    bridge,
    chance,
    exactness,
    perturbation,
    rounding,
    sizes,
)

Circuit = Literal[
    "gates",
    "adder",
    "ripple-adder",
    "multiplier",
    "array-multiplier",
    "words",
    "fixed-point",
    "analytic",
    "sorting",
    "shortest-paths",
    "sha-256",
]


LARGEST = 64
"""Largest size of a family: shortest paths between 64 nodes take half a million neurons."""


@dataclass(frozen=True, kw_only=True)
class CircuitEmulation(Study):
    """Which ReLU network computes exactly what a circuit does, and how large is it?

    Each gate of a circuit has an emulator of a few ReLU neurons that is exact on all its inputs:
    Boolean gates, adders of words that wrap around, minima and sums of shortest paths, tables of
    analytic functions. Composed, they are a network of which one can say beforehand how large it
    is, and prove in which number format it does not round. The study runs networks in float32
    beside their circuits, on all inputs where that is possible; compares the sizes of networks as
    built with their laws; rounds and perturbs them until they err; runs circuits with random bits;
    and counts property P of the no-coincidence conjecture on compiled reversible circuits and on
    random networks of the same size.

    The gate emulators are this library's: the work cited proves that such networks exist and how
    they scale.

    Tolerances are fixed before any measurement. Numbers of wrong inputs, of neurons and of word
    lengths are whole, so they are claimed to half of one. A fitted power of the size is claimed up
    to twice the deviation of the local slope of its size law at the smallest sizes. The shortest
    word that rounding breaks is claimed between the first that the proof refuses and the first
    whose biases the format cannot hold. The mean square under noise, a first-order result, is
    claimed up to the fraction 2 eps, where eps is the noise on the widest pre-activation over its
    gap of one. Moments of reversible circuits are claimed up to half the distance between drawing
    with and without replacement; a majority's error up to half its distance from Hoeffding's bound;
    random networks are claimed to lie beyond the middle between random permutations and networks
    whose outputs are alike for all inputs.
    """

    question = "Which ReLU network computes exactly what a circuit does, and how large is it?"
    reference = Reference(
        title="Quantifying The Limits of AI Reasoning: Systematic Neural Network Representations "
        "of Algorithms",
        authors=("Anastasis Kratsios", "Dennis Zvigelsky", "Bradd Hart"),
        year=2025,
        arxiv="2508.18526",
    )
    parts = (exactness, sizes, rounding, perturbation, chance, bridge)

    circuits: Annotated[
        tuple[Circuit, ...], MinLen(1), Doc("Circuits that are run beside their networks.")
    ] = (
        "gates",
        "adder",
        "multiplier",
        "array-multiplier",
        "words",
        "fixed-point",
        "analytic",
        "sorting",
        "shortest-paths",
    )
    blocks: Annotated[int, Ge(1), Doc("Blocks into which the inputs of a circuit are cut.")] = 4
    samples: Annotated[
        int, Ge(16), Doc("Corners, and random inputs, of a block where not all inputs are run.")
    ] = 1024
    smallest: Annotated[int, Ge(3), Le(16), Doc("Smallest size of the families of circuits.")] = 4
    doublings: Annotated[int, Ge(2), Le(6), Doc("How often that size is doubled.")] = 3
    orders: Annotated[int, Ge(2), Doc("Orders of summation that are tried per word length.")] = 16
    noise_bits: Annotated[int, Ge(2), Le(6), Doc("Bits of the adders that are perturbed.")] = 3
    noise_members: Annotated[int, Ge(8), Doc("Perturbed networks of each adder.")] = 1000
    noise_scales: Annotated[int, Ge(3), Le(50), Doc("Standard deviations that are shown.")] = 9
    draws: Annotated[int, Ge(4), Doc("Draws of matrices and random bits.")] = 16
    layers: Annotated[
        int, Ge(1), Le(64), Doc("Layers of reversible circuits on six bits; 16 have mixed.")
    ] = 16
    circuits_drawn: Annotated[
        int, Ge(8), Doc("Random reversible circuits, and random networks beside them.")
    ] = 4000

    def check(self) -> None:
        """Refuse families so large that their networks would fill the memory."""
        largest = self.smallest * 2**self.doublings
        if largest > LARGEST:
            raise ValueError(
                f"smallest = {self.smallest} doubled {self.doublings} times is {largest}: give "
                f"sizes up to {LARGEST}"
            )

    @classmethod
    def quick(cls) -> "CircuitEmulation":
        """Return a preset of a few seconds."""
        return cls(
            circuits=("gates",),
            blocks=2,
            samples=64,
            smallest=3,
            doublings=2,
            orders=2,
            noise_bits=2,
            noise_members=16,
            noise_scales=4,
            draws=4,
            layers=3,
            circuits_drawn=16,
        )

    @classmethod
    def paper(cls) -> "CircuitEmulation":
        """Return more circuits, SHA-256 among them, larger sizes, and larger ensembles."""
        return cls(
            circuits=(*cls.circuits, "ripple-adder", "sha-256"),
            blocks=8,
            samples=512,
            doublings=4,
            orders=64,
            noise_bits=4,
            noise_members=10_000,
            noise_scales=17,
            draws=64,
            circuits_drawn=10_000,
        )
