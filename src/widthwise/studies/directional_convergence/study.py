"""The study directional-convergence: its parameters, presets and parts."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, MinLen
from typing_extensions import Doc

from widthwise.experiments import Reference, Study
from widthwise.studies.directional_convergence import (
    descent,
    early,
    images,
    inputs,
    late,
    lazy,
    phases,
)

Law = Literal["circle", "gaussian", "radial"]


@dataclass(frozen=True, kw_only=True)
class DirectionalConvergence(Study):
    """How fast does a linear classifier turn to its teacher, and does depth help?

    Inputs have a spherically symmetric law and labels are the signs of a teacher, so that there is
    no margin. For balanced linear networks of N layers all of training on the logistic loss is two
    equations, for the norm r and the angle to the teacher: the norm dips and grows; the angle falls
    polynomially at first (three and more layers), later as exp(-t^(2N/(N+2))): slower than
    exponentially for one layer, exponentially for two, faster for more.

    The study predicts angle, dip and rates and trains networks on fresh samples beside them, for
    several depths and laws; shows what the symmetry is worth; and takes two layers from lazy to
    rich by width and output scale.

    Predicted is gradient descent on all inputs, by the exact gradient at the networks' learning
    rate; the tolerance is its distance from gradient flow, which the two equations speak of, and
    the noise of one network, sqrt(learning rate / batch size). For the early power, a limit, it is
    twice the distance of the exact flow and descent from that limit, and the noise; so it is for
    the power of time in the norm at long times. At learning rates far beyond stability the norm is
    held against exact descent within what the samples of one step move; the angle, at every step,
    against its proven bound. In the lazy
    limit twice the fluctuation sqrt(2/width) of the kernel. For stretched inputs it is half the
    distance to the prediction without stretching. Claims of more and less have none.
    """

    question = "How fast does a linear classifier turn to its teacher, and does depth help?"
    reference = Reference(
        title="Faster Directional Convergence of Linear Neural Networks under Spherically "
        "Symmetric Data",
        authors=("Dachao Lin", "Ruoyu Sun", "Zhihua Zhang"),
        year=2021,
        venue="NeurIPS",
    )
    parts = (phases, early, late, descent, inputs, lazy, images)

    laws: Annotated[
        tuple[Law, ...], MinLen(1), Doc("Laws of the inputs; the first one is drawn in full.")
    ] = ("circle", "gaussian", "radial")
    depths: Annotated[
        tuple[Annotated[int, Ge(1), Le(12)], ...], MinLen(1), Doc("Numbers of layers.")
    ] = (1, 2, 3, 4)
    early_depths: Annotated[
        tuple[Annotated[int, Ge(3), Le(12)], ...],
        MinLen(1),
        Doc("Numbers of layers of the early phase."),
    ] = (3, 4, 6)
    turns: Annotated[
        float, Gt(1), Le(10), Doc("Length of training, in units of the time the norm falls.")
    ] = 2.5
    steps: Annotated[int, Ge(40), Doc("Steps of training; the learning rate follows.")] = 200
    batch_size: Annotated[int, Ge(1), Doc("Fresh samples in each step.")] = 1000
    members: Annotated[int, Ge(2), Doc("Networks of each law and depth.")] = 48
    widths: Annotated[
        tuple[Annotated[int, Ge(1), Le(4096)], ...],
        MinLen(1),
        Doc("Hidden widths from lazy to rich."),
    ] = (8, 64, 512)
    scales: Annotated[
        tuple[Annotated[float, Gt(0)], ...], MinLen(1), Doc("Output scales from rich to lazy.")
    ] = (0.1, 1.0)
    lazy_members: Annotated[int, Ge(2), Doc("Networks of each width and scale.")] = 24
    image_width: Annotated[int, Ge(1), Le(4096), Doc("Width of ReLU networks on images.")] = 100
    image_steps: Annotated[int, Ge(5), Doc("Their steps.")] = 100
    image_members: Annotated[int, Ge(2), Doc("Their number.")] = 6

    @classmethod
    def quick(cls) -> "DirectionalConvergence":
        """Return a preset of a few seconds."""
        return cls(
            laws=("circle",),
            depths=(3,),
            early_depths=(3,),
            steps=40,
            batch_size=100,
            members=4,
            widths=(8,),
            scales=(0.1, 1.0),
            lazy_members=2,
            image_width=10,
            image_steps=5,
            image_members=2,
        )

    @classmethod
    def paper(cls) -> "DirectionalConvergence":
        """Return the published learning rate and depth, more networks and images."""
        return cls(
            depths=(1, 2, 3, 4, 6),
            early_depths=(3, 4, 5, 6, 8),
            turns=3.0,
            steps=20_000,
            members=20,
            widths=(2, 8, 32, 128, 512, 2048),
            scales=(0.05, 0.2, 1.0, 4.0),
            lazy_members=64,
            image_steps=2000,
            image_members=20,
        )
