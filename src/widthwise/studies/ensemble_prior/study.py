"""The study ensemble-prior: its parameters, presets and parts."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le, MinLen
from pydantic import AfterValidator
from typing_extensions import Doc

from widthwise import activations
from widthwise.experiments import Reference, Study
from widthwise.studies.ensemble_prior import classes, features, kernels, norms, surfaces, variance
from widthwise.studies.ensemble_prior.datasets import canonical, points_of
from widthwise.studies.ensemble_prior.networks import Architecture
from widthwise.studies.ensemble_prior.own import OwnArchitecture

Width = Annotated[int, Ge(1), Le(65536)]


@dataclass(frozen=True, kw_only=True)
class EnsemblePrior(Study):
    """Which function does a wide network prefer where the data do not decide?

    An infinitely wide lazy network is a linear regression on its random features. Features that
    solve the task, a part p of all, contribute to what is learned as p d, d the number of samples:
    a feature of C bits, p = 2^-C, needs about 2^C samples, where Bayes needs C. The function is an
    average over all features that fit, not the simplest one. Networks fitted to four points show
    it: narrow ones find diverse functions, of few kinks, wide ones the same smooth one, up to what
    is left of a random start.

    Tolerances are the next order of the theory, fixed before any measurement. Contributions of m
    random features: 2/m relative, by which their law matters (the correction for coins is of that
    size, and in the prediction); accuracy and error at new inputs 2/(m - d + 1), from the spread of
    the ratio. Shares of three classes are those of infinitely many features, up to d/N. Samples
    needed are whole: 1; the exponent of 2^C - 1 is 1 up to 1/(2^C - 1). Networks of width n on P
    points: (3P + 4)/n relative in second moments, that of the inverse of a Wishart matrix, and in
    exponents that of the narrowest width fitted. Signs of differences have no tolerance.
    """

    question = "Which function does a wide network prefer where the data do not decide?"
    reference = Reference(
        title='Infinite-width MLPs as an "ensemble prior"',
        authors=("Vivek Hebbar",),
        year=2023,
        venue="Alignment Forum",
    )
    parts = (features, classes, norms, surfaces, variance, kernels)

    feature_members: Annotated[int, Ge(8), Doc("Regressions on features at each setting.")] = 3000
    norm_members: Annotated[int, Ge(2), Doc("Feature sets for norms other than L2.")] = 20
    points: Annotated[
        tuple[Annotated[str, AfterValidator(canonical)], ...],
        Doc(
            "Sets of labelled points in the plane: xor, generic, or files of x1, x2, label. The "
            "points in a file become the parameter, not its name."
        ),
    ] = ("xor", "generic")
    widths: Annotated[
        tuple[Width, ...], MinLen(1), Doc("Widths of networks fitted to them, ascending.")
    ] = (4, 16, 64, 128, 256, 512, 1024)
    members: Annotated[int, Ge(3), Doc("Networks of each width, readout and set.")] = 100
    steps: Annotated[int, Ge(1), Le(10**7), Doc("Steps of gradient descent.")] = 700
    draws: Annotated[
        int, Ge(400), Le(10**6), Doc("Untrained networks, a control variate for variances.")
    ] = 12_000
    hidden_layers: Annotated[int, Ge(1), Le(8), Doc("Hidden layers of networks.")] = 1
    activation: Annotated[str, Doc("Their activation, by name.")] = "relu"
    weight_variance: Annotated[
        float, Gt(0), Le(100), Doc("Variance of hidden weights times their inputs.")
    ] = 2.0
    bias_variance: Annotated[float, Ge(0), Le(100), Doc("Variance of hidden biases.")] = 1.0
    readout_variance: Annotated[
        float, Gt(0), Le(100), Doc("Variance of random readout weights times the width.")
    ] = 2.0
    architecture: Annotated[
        str,
        Doc(
            "Networks of your own in their place: file.py:function, which makes a Sequential of "
            "its width."
        ),
    ] = ""
    deep_widths: Annotated[
        tuple[Width, ...], Doc("Widths of networks with two hidden layers; may be none.")
    ] = (32, 128, 512)
    deep_members: Annotated[int, Ge(2), Doc("Networks with two hidden layers.")] = 8

    @property
    def form(self) -> Architecture | OwnArchitecture:
        """Networks with random readouts."""
        if self.architecture:
            return OwnArchitecture(self.architecture)
        return Architecture(
            self.hidden_layers,
            self.activation,
            self.weight_variance,
            self.bias_variance,
            self.readout_variance,
        )

    @property
    def one_layer(self) -> Architecture | None:
        """Networks of one hidden layer, whose first order in 1/width is known, if they are such."""
        form = self.form
        return form if isinstance(form, Architecture) and form.hidden_layers == 1 else None

    def check(self) -> None:
        """Refuse widths out of order, unknown activations, and points that cannot be told apart."""
        activations.get(self.activation)
        self.form.network(2)
        for name in ("widths", "deep_widths"):
            given = getattr(self, name)
            if list(given) != sorted(set(given)):
                raise ValueError(f"{name} is {given}: give ascending widths")
        if not self.points:
            raise ValueError("points is empty: give 'xor', 'generic', or files of points")
        if len(set(self.points)) < len(self.points):
            raise ValueError("points has one set twice: give each once")
        if self.bias_variance == 0 and not self.architecture:
            for text in self.points:
                _check_directions(points_of(text).x)

    @classmethod
    def quick(cls) -> "EnsemblePrior":
        """Return a preset of a few seconds."""
        return cls(
            feature_members=20,
            norm_members=2,
            points=("xor",),
            widths=(64,),
            members=4,
            steps=300,
            draws=400,
            deep_widths=(),
        )

    @classmethod
    def paper(cls) -> "EnsemblePrior":
        """Return larger ensembles and widths."""
        return cls(
            feature_members=20_000,
            norm_members=100,
            widths=(4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096),
            members=1000,
            steps=4000,
            draws=50_000,
            deep_widths=(32, 128, 512, 2048),
            deep_members=40,
        )


def _check_directions(x: np.ndarray) -> None:
    """Refuse points that networks without biases cannot tell apart."""
    length = np.linalg.norm(x, axis=1)
    if np.any(length == 0):
        raise ValueError("bias_variance is 0 and a point is the origin, where every output is 0")
    cosine = (x / length[:, None]) @ (x / length[:, None]).T - 2 * np.eye(len(x))
    if cosine.max() > 1 - 1e-12:
        raise ValueError(
            "bias_variance is 0 and two points lie in one direction, where outputs are "
            "proportional: give a positive bias_variance"
        )
