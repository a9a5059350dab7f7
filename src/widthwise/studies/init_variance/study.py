"""The study init-variance: its parameters, presets and parts."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le, Len, MinLen
from typing_extensions import Doc

from widthwise.experiments import Reference, Study
from widthwise.studies.init_variance import kaiming, sweep

Depths = tuple[Annotated[int, Ge(2), Le(20)], ...]


@dataclass(frozen=True, kw_only=True)
class InitVariance(Study):
    """Which initial standard deviations train, and is Kaiming's better than Xavier's?

    ReLU networks whose weights all start with one standard deviation are trained on images, over a
    logarithmic sweep of it. Both ends of the band that trains are predicted: below, the network
    does not leave the plateau near zero within its steps; above, the first step changes a layer by
    more than the layer itself. So the band depends on width, depth, learning rate and steps, and is
    no constant. Then the same networks start at Kaiming's and Xavier's scales.

    Tolerances: both ends are orders of magnitude, of an escape time without the time in which the
    layers align, and of a first step that is too large; they are claimed up to a factor 3, and half
    the spacing of the sweep. The ratio of output variances is exact, up to rounding in
    float32. That one start is faster than another, and more so in deeper networks and without Adam,
    is a direction, claimed without tolerance.
    """

    question = "Which initial standard deviations train, and is Kaiming's better than Xavier's?"
    reference = Reference(
        title="Weight Initialization and Variance Dynamics in Deep Neural Networks and Large "
        "Language Models",
        authors=("Yankun Han",),
        year=2025,
        arxiv="2510.09423",
    )
    parts = (sweep, kaiming)

    width: Annotated[int, Ge(8), Le(4096), Doc("Width of the networks of the sweep.")] = 128
    depths: Annotated[Depths, MinLen(1), Doc("Their hidden layers.")] = (2, 4)
    std_range: Annotated[
        tuple[Annotated[float, Gt(0)], ...], Len(2, 2), Doc("Ends of the sweep.")
    ] = (1e-3, 10.0)
    stds: Annotated[int, Ge(3), Le(200), Doc("Points of the sweep.")] = 17
    learning_rate: Annotated[float, Gt(0), Doc("Of gradient descent in the sweep.")] = 0.1
    steps: Annotated[int, Ge(5), Doc("Its steps, of 64 images each.")] = 400
    images: Annotated[int, Ge(16), Le(1000), Doc("Images of the sweep.")] = 512
    members: Annotated[int, Ge(2), Doc("Networks at each point.")] = 3
    small_width: Annotated[
        int, Ge(8), Le(4096), Doc("Width of the networks with Kaiming's and Xavier's starts.")
    ] = 64
    kaiming_depths: Annotated[Depths, MinLen(1), Doc("Their hidden layers.")] = (2, 4, 6)
    kaiming_images: Annotated[int, Ge(16), Le(1000), Doc("Their images.")] = 256
    kaiming_steps: Annotated[int, Ge(5), Doc("Their steps, at most.")] = 300
    kaiming_members: Annotated[int, Ge(2), Doc("Pairs of networks.")] = 16

    def check(self) -> None:
        """Refuse ranges and depths that do not increase."""
        for name in ("depths", "kaiming_depths", "std_range"):
            given = getattr(self, name)
            if list(given) != sorted(set(given)):
                raise ValueError(f"{name} is {given}: give increasing numbers")

    @classmethod
    def quick(cls) -> "InitVariance":
        """Return a preset of a few seconds."""
        return cls(
            width=32,
            depths=(2,),
            stds=7,
            learning_rate=0.2,
            steps=100,
            images=64,
            members=2,
            small_width=16,
            kaiming_depths=(2,),
            kaiming_images=32,
            kaiming_steps=400,
            kaiming_members=3,
        )

    @classmethod
    def paper(cls) -> "InitVariance":
        """Return larger networks, more points and more steps."""
        return cls(
            width=256,
            depths=(2, 3, 4, 6),
            stds=33,
            steps=2000,
            images=1000,
            members=8,
            kaiming_depths=(2, 4, 6, 8),
            kaiming_images=1000,
            kaiming_members=64,
        )
