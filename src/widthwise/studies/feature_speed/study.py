"""The study feature-speed: its parameters, presets and parts."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, MinLen
from typing_extensions import Doc

from widthwise.experiments import Reference, Study
from widthwise.studies.feature_speed import (
    batches,
    plain_networks,
    residual_networks,
    scalings,
    steps,
)

Architecture = Literal["plain", "residual", "convolutional", "transformer"]
Width = Annotated[int, Ge(32), Le(16384)]


@dataclass(frozen=True, kw_only=True)
class FeatureSpeed(Study):
    """How much do the features of every layer move in one step, and what decides it?

    The features of a node move, in one step, at the speed D / (cos(angle) |b|): D is the decay of
    the loss that the parameters before it cause, b its backward vector, and the angle that between
    the motion of the features and -b. The angle is predicted at infinite width, for plain and
    residual ReLU networks and for batches, and measured on ensembles; three scalings of deep
    networks are compared by how fast they move features and loss; and real steps of four
    architectures are held against the motion that one forward and one backward pass predict.

    Tolerances are the next order of the theory. Finite width: the squared logarithm of the norm of
    the features of a ReLU layer varies by 5/width, so a number at layer v is claimed up to the
    fraction 5 v / width, and 5 c^2 / width after all branches of a residual network of size c.
    Powers of depth: up to their exact distance from the limit of many layers, in a plain network
    1 / (2 v^2 + 1) at the first layer v that counts, and the drift of finite width over the range.
    The power of the step: up to 0.01, the steps being at most 1e-5 of what they change.
    """

    question = "How much do the features of every layer move in one step, and what decides it?"
    reference = Reference(
        title="The Feature Speed Formula: a flexible approach to scale hyper-parameters of deep "
        "neural networks",
        authors=("Lénaïc Chizat", "Praneeth Netrapalli"),
        year=2024,
        arxiv="2311.18718",
        venue="Advances in Neural Information Processing Systems",
    )
    parts = (plain_networks, residual_networks, scalings, batches, steps)

    depth: Annotated[int, Ge(5), Le(200), Doc("Hidden layers of plain networks.")] = 16
    widths: Annotated[
        tuple[Width, ...], MinLen(1), Doc("Widths of plain networks, increasing.")
    ] = (128, 512)
    members: Annotated[
        int, Ge(2), Doc("Plain networks of the largest width; of smaller widths more.")
    ] = 96
    residual_width: Annotated[
        Width, Doc("Width of residual networks, of networks for batches and of scalings.")
    ] = 256
    residual_members: Annotated[int, Ge(2), Doc("Networks of that width, of each kind.")] = 128
    branches: Annotated[
        tuple[Annotated[int, Ge(4), Le(500)], ...],
        MinLen(2),
        Doc("Branches of residual networks, increasing."),
    ] = (4, 8, 16)
    branch_sizes: Annotated[
        tuple[Annotated[float, Gt(0), Le(4)], ...],
        MinLen(1),
        Doc("Sizes c of branches multiplied by c / sqrt(their number)."),
    ] = (0.5, 2.0)
    depths: Annotated[
        tuple[Annotated[int, Ge(2), Le(200)], ...],
        MinLen(2),
        Doc("Hidden layers of networks with three scalings, increasing."),
    ] = (4, 8, 16)
    batch_depth: Annotated[int, Ge(2), Le(50), Doc("Hidden layers of networks for batches.")] = 4
    architectures: Annotated[
        tuple[Architecture, ...], MinLen(1), Doc("Networks that make real steps.")
    ] = ("plain", "residual", "convolutional", "transformer")
    step_members: Annotated[int, Ge(2), Doc("Networks of each architecture that make steps.")] = 4
    shard: Annotated[int, Ge(1), Doc("Networks measured at a time.")] = 1024

    def check(self) -> None:
        """Refuse sizes that do not increase."""
        for name in ("widths", "branches", "depths"):
            given = getattr(self, name)
            if list(given) != sorted(set(given)):
                raise ValueError(f"{name} is {given}: give increasing numbers")

    @classmethod
    def quick(cls) -> "FeatureSpeed":
        """Return a preset of a few seconds."""
        return cls(
            depth=5,
            widths=(64,),
            members=16,
            residual_width=64,
            residual_members=16,
            branches=(4, 6),
            branch_sizes=(2.0,),
            depths=(2, 4),
            batch_depth=2,
            step_members=2,
            architectures=("plain",),
        )

    @classmethod
    def paper(cls) -> "FeatureSpeed":
        """Return the published depths."""
        return cls(
            depth=100,
            widths=(1024, 4096),
            members=64,
            residual_width=2048,
            residual_members=64,
            branches=(10, 30, 100, 200),
            branch_sizes=(0.25, 0.5, 2.0, 4.0),
            depths=(5, 10, 20, 40),
            shard=32,
        )
