"""The study finite-width-dmft: its parameters, presets and parts."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le, MinLen
from typing_extensions import Doc

from widthwise import activations
from widthwise.experiments import Reference, Study
from widthwise.studies.finite_width_dmft import (
    deep,
    deep_linear,
    edge,
    images,
    samples,
    two_layer,
)

Width = Annotated[int, Ge(4), Le(65536)]
Widths = Annotated[tuple[Width, ...], MinLen(2)]
Rate = Annotated[float, Gt(0)]


@dataclass(frozen=True, kw_only=True)
class FiniteWidthDmft(Study):
    """How far is one network that learns features from the infinitely wide one?

    At infinite width outputs and kernels of a network in mean-field scaling follow deterministic
    equations, at any richness (gamma_0) from lazy to rich. Networks of width N scatter around them
    with variance and bias of order 1/N. The study predicts both and trains ensembles beside them:
    one hidden layer with any activation, deep linear networks and many-point linear ones with the
    coefficients of 1/N, deep nonlinear networks and images with the infinite-width limit and the
    power of N, and the edge of stability, where fluctuations die.

    Networks have no biases; f = w . phi(h) / (gamma_0 N), learning rates are multiplied by
    gamma_0^2 N, the loss is half the sum of squared errors.

    Tolerances are the next order of the theory, fixed before any measurement. A coefficient of
    1/width is claimed up to the fraction 2 eps of itself, where eps is what is expanded in, over
    width: the largest relative variance or correction of any output or kernel during training, at
    least one (for linear networks, the total variance of outputs and kernels at the start). A power
    of width is claimed up to 2 (hidden layers)/(smallest width), or twice the largest eps; a
    sampled infinite-width value up to 5 of its own standard errors and the fraction 2/width.
    """

    question = "How far is a network of finite width from the infinite one that learns features?"
    reference = Reference(
        title="Dynamics of Finite Width Kernel and Prediction Fluctuations in Mean Field Neural "
        "Networks",
        authors=("Blake Bordelon", "Cengiz Pehlevan"),
        year=2023,
        arxiv="2304.03408",
        venue="NeurIPS",
    )
    revision = 2
    parts = (two_layer, deep, deep_linear, samples, edge, images)

    activation: Annotated[
        str, Doc("Activation, by name: tanh, erf, gelu, tanh(2), or module:function.")
    ] = "tanh"
    richness: Annotated[
        tuple[Annotated[float, Gt(0)], ...],
        MinLen(2),
        Doc("Values of gamma_0 of the part with one hidden layer, from lazy to rich."),
    ] = (0.5, 1.0, 2.0)
    learning_rate: Annotated[Rate, Doc("Step size of the part with one hidden layer.")] = 0.1
    steps: Annotated[int, Ge(2), Le(200), Doc("Steps of the part with one hidden layer.")] = 20
    widths: Annotated[Widths, Doc("Widths of the part with one hidden layer.")] = (
        64,
        256,
        1024,
        4096,
    )
    members: Annotated[
        int, Ge(8), Doc("Networks at the largest of them; more of others, at equal cost.")
    ] = 1000
    depth: Annotated[int, Ge(2), Le(8), Doc("Hidden layers of deep networks and on images.")] = 2
    deep_richness: Annotated[float, Gt(0), Doc("gamma_0 of deep networks.")] = 2.0
    deep_learning_rate: Annotated[Rate, Doc("Step size of deep networks.")] = 0.3
    deep_steps: Annotated[int, Ge(1), Le(100), Doc("Steps of deep networks.")] = 10
    deep_widths: Annotated[Widths, Doc("Widths of deep networks.")] = (32, 64, 128, 256, 512)
    deep_members: Annotated[
        int, Ge(8), Doc("Deep networks at the largest width; more of others.")
    ] = 1000
    sites: Annotated[int, Ge(2000), Doc("Neurons that stand for infinitely many.")] = 80_000
    linear_width: Annotated[Width, Doc("Width of deep linear networks.")] = 128
    linear_members: Annotated[int, Ge(8), Doc("Deep linear networks.")] = 10_000
    points: Annotated[
        tuple[Annotated[int, Ge(1), Le(200)], ...],
        MinLen(1),
        Doc("Numbers of whitened training points."),
    ] = (1, 6, 20)
    gram_widths: Annotated[Widths, Doc("Widths of linear networks on many points.")] = (
        100,
        400,
        1600,
        6400,
    )
    gram_members: Annotated[
        int, Ge(8), Doc("Linear networks on the most points, at each width; more on fewer points.")
    ] = 10_000
    edge_width: Annotated[Width, Doc("Width of networks at the edge of stability.")] = 100
    image_count: Annotated[
        int, Ge(2), Le(100), Doc("Training images, and as many test images; even.")
    ] = 10
    image_steps: Annotated[int, Ge(1), Le(100), Doc("Steps on images.")] = 10
    image_widths: Annotated[Widths, Doc("Widths of networks on images.")] = (32, 128, 512)
    image_members: Annotated[
        int, Ge(8), Doc("Networks on images at the largest width; more of others.")
    ] = 100
    image_sites: Annotated[int, Ge(2000), Doc("Neurons of the theory on images.")] = 20_000

    def check(self) -> None:
        """Refuse unknown activations, with the nearest name, and an odd number of images."""
        activations.get(self.activation)
        if self.image_count % 2:
            raise ValueError(f"image_count is {self.image_count}: give an even number")

    @classmethod
    def quick(cls) -> "FiniteWidthDmft":
        """Return a preset of a few seconds."""
        return cls(
            richness=(0.5, 2.0),
            steps=6,
            widths=(64, 256),
            members=64,
            deep_steps=4,
            deep_widths=(32, 64),
            deep_members=64,
            sites=4000,
            linear_members=256,
            points=(1, 3),
            gram_widths=(100, 400),
            gram_members=1000,
            image_count=2,
            image_steps=2,
            image_widths=(32, 64),
            image_members=16,
            image_sites=4000,
        )

    @classmethod
    def paper(cls) -> "FiniteWidthDmft":
        """Return more and wider networks, more steps, points and images."""
        return cls(
            richness=(0.25, 0.5, 1.0, 2.0, 4.0),
            steps=50,
            widths=(16, 64, 256, 1024, 4096),
            members=4000,
            depth=3,
            deep_steps=20,
            deep_widths=(64, 128, 256, 512, 1024, 2048, 4096),
            deep_members=200,
            sites=400_000,
            linear_width=128,
            linear_members=100_000,
            points=(1, 6, 20, 50),
            gram_members=50_000,
            image_count=20,
            image_steps=20,
            image_widths=(64, 256, 1024, 4096),
            image_members=50,
            image_sites=60_000,
        )
