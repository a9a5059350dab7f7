"""The study weight-gaussianity: its parameters, presets and parts."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, MinLen
from typing_extensions import Doc

from widthwise.experiments import Reference, Study
from widthwise.studies.weight_gaussianity import layers, widths

Variant = Literal["normal", "uniform", "weight decay", "residual", "deep"]


@dataclass(frozen=True, kw_only=True)
class WeightGaussianity(Study):
    """How Gaussian do weights stay through training, and what moved?

    Ensembles of small ReLU networks learn images. Their square weight matrices are compared with
    three Gaussian families: independent entries, rows and columns permuted on their own (5
    numbers), and permuted together (13 numbers, the published model). Fitted to averages of degree
    one and two, the models predict cubic and quartic invariants without further parameters.

    What is exact: before training the law is known, so that the squared Wasserstein distance of a
    fit from it is sampling alone, 7.5 v / K on average for K networks of variance v; and between
    two layers without skips rows and columns are not tied at any time, so that the likelihood ratio
    of both families is 8 on average. Both are claimed up to the scatter of one ensemble: its
    standard deviation 3.1 v / K, and 7.5, the distance of 8 from the 95 % point. All else is
    published as a trend, claimed as one: the distance from the start grows, to ten times what
    sampling alone would give at least, and is less with weight decay and at larger width; fitted
    models miss the 39 published invariants by less than independent entries do, on average over
    invariants and layers, and the worst of them by less than one spread of single networks, on
    average over layers. Weights that start uniform are not Gaussian at the start; that they become
    so is the claim there. One finding is of this library: entries get lighter tails than any
    Gaussian's.
    """

    question = "How far have trained weights moved from a Gaussian start, and in which way?"
    reference = Reference(
        title="Approximate Gaussianity Beyond Initialisation in Neural Networks",
        authors=("Edward Hirst", "Sanjaye Ramgoolam"),
        year=2025,
        arxiv="2510.05218",
    )

    parts = (layers, widths)

    variants: Annotated[
        tuple[Variant, ...],
        MinLen(1),
        Doc("Ensembles: initial weights, weight decay, skips around layers, depth."),
    ] = ("normal", "uniform", "weight decay", "residual", "deep")
    members: Annotated[int, Ge(20), Doc("Networks of each.")] = 400
    steps: Annotated[int, Ge(4), Doc("Updates of Adam, in batches of 100 images.")] = 400
    records: Annotated[int, Ge(3), Le(1001), Doc("How often weights are looked at.")] = 9
    depth: Annotated[int, Ge(2), Le(20), Doc("Hidden layers, of 10 neurons.")] = 3
    widths: Annotated[
        tuple[Annotated[int, Ge(4), Le(4096)], ...],
        Doc("Widths of networks with two hidden layers, increasing; none leaves them out."),
    ] = (10, 20, 40)
    width_members: Annotated[int, Ge(20), Doc("Networks of each width.")] = 100
    dataset: Annotated[
        Literal["fashion-mnist-subset", "fashion-mnist", "mnist"],
        Doc("Images: those shipped, or files that you have."),
    ] = "fashion-mnist-subset"
    images: Annotated[int, Ge(100), Le(60_000), Doc("How many; 1000 are shipped.")] = 1000
    side: Annotated[Literal[1, 2, 4, 7, 14, 28], Doc("Pixels in a row, after averaging.")] = 7
    resamples: Annotated[int, Ge(20), Doc("Of the bootstrap for standard errors.")] = 100
    shard: Annotated[int, Gt(0), Doc("Networks that are trained and stored as one piece.")] = 200

    def check(self) -> None:
        """Refuse widths that do not increase, variants given twice, images there are not."""
        if list(self.widths) != sorted(set(self.widths)) or len(self.widths) == 1:
            raise ValueError(f"widths is {self.widths}: give increasing numbers, two at least")
        if len(set(self.variants)) < len(self.variants):
            raise ValueError(f"variants is {self.variants}: give each once")
        if self.dataset == "fashion-mnist-subset" and self.images > 1000:
            raise ValueError(f"images is {self.images}: 1000 are shipped; choose another dataset")
        if self.records > self.steps + 1:
            raise ValueError(f"records is {self.records}: there are {self.steps} updates")

    @classmethod
    def quick(cls) -> "WeightGaussianity":
        """Return one small ensemble with skips: its hidden layers are tied, its outputs not."""
        return cls(
            variants=("residual",),
            members=60,
            steps=300,
            records=3,
            widths=(),
            images=100,
            side=4,
            resamples=20,
        )

    @classmethod
    def paper(cls) -> "WeightGaussianity":
        """Return the published scale: 1000 networks, 50 epochs of 60,000 images, widths to 640."""
        return cls(
            members=1000,
            steps=30_000,
            records=51,
            widths=(10, 40, 160, 640),
            width_members=1000,
            dataset="fashion-mnist",
            images=60_000,
            side=28,
            resamples=400,
        )
