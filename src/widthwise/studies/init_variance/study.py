"""The study init-variance: its parameters, presets and parts."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le, Len, MinLen
from typing_extensions import Doc

from widthwise.experiments import Reference, Study
from widthwise.studies.init_variance import kaiming, sweep, transformer

Depths = tuple[Annotated[int, Ge(2), Le(20)], ...]


@dataclass(frozen=True, kw_only=True)
class InitVariance(Study):
    """Which initial standard deviations train, and is Kaiming's better than Xavier's?

    ReLU networks whose weights all start with one standard deviation are trained on images, over a
    logarithmic sweep of it. Both ends of the band that trains are predicted: below, the network
    does not leave the plateau near zero within its steps; above, the first step changes a layer by
    more than the layer itself. So the band depends on width, depth, learning rate and steps, and is
    no constant. Then the same networks start at Kaiming's and Xavier's scales. Last, a transformer
    like GPT-2 learns real text under AdamW, and the standard deviations of its query, key and value
    matrices are held against the balance of weight decay and the noise of gradients.

    Tolerances: both ends are orders of magnitude, of an escape time without the time in which the
    layers align, and of a first step that is too large; they are claimed up to a factor 3, and half
    the spacing of the sweep. The ratio of output variances is exact, up to rounding in
    float32. That one start is faster than another, and more so in deeper networks and without Adam,
    is a direction, claimed without tolerance. The balance is that of noise;
    what is learned from text is not, so the variance is claimed up to a factor 2, and so is its
    ratio at two learning rates. That every matrix expands, and that shallow ones do so first, is
    the paper's observation, claimed without tolerance.
    """

    question = "Which initial standard deviations train, and is Kaiming's better than Xavier's?"
    reference = Reference(
        title="Weight Initialization and Variance Dynamics in Deep Neural Networks and Large "
        "Language Models",
        authors=("Yankun Han",),
        year=2025,
        arxiv="2510.09423",
    )
    parts = (sweep, kaiming, transformer)

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
    text_width: Annotated[int, Ge(2), Le(8192), Doc("Width of the transformer.")] = 32
    text_head: Annotated[int, Ge(1), Doc("Width of its heads.")] = 8
    text_depth: Annotated[int, Ge(1), Le(100), Doc("Its blocks.")] = 4
    text_length: Annotated[int, Ge(2), Le(1024), Doc("Characters it sees.")] = 16
    text_batch: Annotated[int, Ge(1), Doc("Sequences in each of its steps.")] = 8
    text_steps: Annotated[int, Ge(1), Doc("A twentieth of its steps.")] = 30
    text_std: Annotated[float, Gt(0), Doc("Its initial standard deviation.")] = 0.02
    text_rates: Annotated[
        tuple[Annotated[float, Gt(0)], ...], MinLen(2), Doc("Learning rates of AdamW.")
    ] = (2.5e-3, 5e-3)
    text_time: Annotated[
        float,
        Gt(1),
        Doc(
            "1 / (2 rate decay): steps in which the variance comes closer to balance by a factor e."
        ),
    ] = 150.0
    text_warmup: Annotated[int, Ge(1), Doc("Steps in which the rate grows to its value.")] = 20
    text_members: Annotated[int, Ge(2), Doc("Transformers at every rate.")] = 3

    def check(self) -> None:
        """Refuse ranges and depths that do not increase."""
        for name in ("depths", "kaiming_depths", "std_range", "text_rates"):
            given = getattr(self, name)
            if list(given) != sorted(set(given)):
                raise ValueError(f"{name} is {given}: give increasing numbers")
        if self.text_width % self.text_head:
            raise ValueError(
                f"text_width is {self.text_width}, text_head {self.text_head}: give a width that "
                "the width of heads divides"
            )

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
            text_width=8,
            text_depth=2,
            text_length=8,
            text_batch=4,
            text_steps=10,
            text_time=50.0,
            text_members=2,
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
            text_width=768,
            text_head=64,
            text_depth=12,
            text_length=256,
            text_batch=64,
            text_steps=1700,
            text_rates=(3e-4, 6e-4),
            text_time=8333.0,
            text_warmup=700,
            text_members=2,
        )
