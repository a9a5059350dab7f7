"""Samples that a feature of C bits needs: under L2, norms nearer to L1, and Bayes."""

import itertools
from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.dynamics.feature_model import contribution_of, samples_needed
from widthwise.ensembles.feature_model import contributions, minimum_norm_weights, sign_features
from widthwise.experiments import Claim, Shard
from widthwise.numerics import statistics
from widthwise.numerics.fits import fit_line
from widthwise.numerics.statistics import Estimate
from widthwise.plotting import Picture, legend, log_axis, measured, new_figure, theory
from widthwise.studies.ensemble_prior.common import claim_of, generators, mean_claim

if TYPE_CHECKING:
    from widthwise.studies.ensemble_prior.study import EnsemblePrior

PART = "norms"
FEATURES = 2**14
NORMS = {"2": 2, "1.5": 1.5, "1.25": 1.25, "1.1": 1.1, "1": 1, "bayes": "bayes"}
WORDS = {
    **{name: f"smallest L{name} norm" for name in NORMS if name != "bayes"},
    "bayes": "posterior",
}
BITS = (4, 5, 6)
_LP = (400, 20)
"""Features and samples of the linear program."""


def sides(norm: str, bits: int) -> tuple[int, int]:
    """Two numbers of samples, a quarter below and above those that are needed."""
    needed = samples_needed(bits, norm=NORMS[norm])
    low = max(2, int(0.75 * needed))
    return low, max(low + 1, -int(-1.25 * needed // 1))


def crossing(ratios: np.ndarray, places: tuple[int, int]) -> np.ndarray:
    """Samples where random and perfect features contribute equally, by two ratios (side, ...)."""
    low, high = np.log(places)
    first, second = np.log(ratios)
    return np.asarray(np.exp(low + (high - low) * first / (first - second)))


def predict(study: "EnsemblePrior") -> xr.Dataset:
    """Samples needed with infinitely many features."""
    del study
    needed = [[_predicted(norm, bits) for bits in BITS] for norm in NORMS]
    return xr.Dataset(
        {
            "samples_needed": (("norm", "bits"), needed),
            "exponent": 1.0,
            "difference": 0.0,
            "perfect_share": 1.0,
        },
        coords={"norm": list(NORMS), "bits": list(BITS)},
    )


def _predicted(norm: str, bits: int) -> float:
    places = sides(norm, bits)
    found = contribution_of(bits, np.array(places), norm=NORMS[norm])
    return float(crossing(1 / found.ratio, places))


def shards(study: "EnsemblePrior") -> list[Shard]:
    """One for each complexity."""
    return [Shard(PART, {"bits": bits}, (0, study.norm_members)) for bits in BITS]


def measure(study: "EnsemblePrior", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Contributions of random over perfect features on both sides; the L1 linear program."""
    del study
    bits = int(shard.settings["bits"])
    perfect = FEATURES >> bits
    most = max(sides(norm, bits)[1] for norm in NORMS)
    ratios, shares = [], []
    for rng in generators(key, 2000 + bits, shard.members):
        y = rng.choice([-1.0, 1.0], most)
        random = sign_features(rng, y, (FEATURES - perfect,))
        ratios.append(
            [
                [_ratio(norm, y[:d], random[:d], perfect) for d in sides(norm, bits)]
                for norm in NORMS
            ]
        )
        n, d = _LP
        phi = np.hstack([y[:d, None], random[:d, : n - 1]])[:, ::-1]
        w = minimum_norm_weights(phi, y[:d], norm=1)
        shares.append(contributions(phi, w, y[:d], sizes=(n - 1, 1))[1])
    return xr.Dataset(
        {
            "random_over_perfect": (("member", "norm", "side"), ratios),
            "perfect_share": ("member", shares),
        },
        coords={"norm": list(NORMS)},
    )


def _ratio(norm: str, y: np.ndarray, random: np.ndarray, perfect: int) -> float:
    """Contribution of random features over that of perfect ones.

    Of the solutions of smallest L1 norm, that of smallest L2 norm gives the same weight to all
    features that equal the labels or minus the labels, and none to others; the posterior is uniform
    over features that equal the labels.
    """
    if norm in ("1", "bayes"):
        along = y @ random
        equal = along == len(y)
        return float(np.sum(equal if norm == "bayes" else equal | (along == -len(y)))) / perfect
    phi = np.hstack([np.repeat(y[:, None], perfect, axis=1), random])
    w = minimum_norm_weights(phi, y, norm=float(norm))
    one, other = contributions(phi, w, y, sizes=(perfect, random.shape[1]))
    return float(other / one)


def _needed(measurement: xr.Dataset, *pairs: tuple[str, int]) -> Estimate:
    """Samples needed under a norm, or the difference between two of them."""
    columns = [
        measurement.random_over_perfect.sel(norm=norm, bits=bits).transpose("member", "side").values
        for norm, bits in pairs
    ]

    def difference(means: np.ndarray) -> np.ndarray:
        found = [crossing(means[2 * i : 2 * i + 2], sides(*pair)) for i, pair in enumerate(pairs)]
        return np.asarray(found[0] - found[1]) if len(found) > 1 else found[0]

    return statistics.of_means(difference, np.concatenate(columns, axis=1))


def claims(study: "EnsemblePrior", prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
    """Samples needed under each norm, their order, and the exponent of least squares."""
    del study
    most = max(BITS)
    found = [
        claim_of(
            f"samples-needed-{norm}",
            f"Samples at which perfect features of {most} bits contribute half: {WORDS[norm]}",
            float(prediction.samples_needed.sel(norm=norm, bits=most)),
            _needed(measurement, (norm, most)),
            tolerance=1.0,  # samples are whole
        )
        for norm in NORMS
    ]
    names = list(NORMS)
    for more, fewer in itertools.pairwise(names):
        found.append(
            claim_of(
                f"order-{more}-{fewer}",
                f"Samples needed at {most} bits: {WORDS[more]} minus {WORDS[fewer]}",
                float(prediction.difference),
                _needed(measurement, (more, most), (fewer, most)),
                tolerance=0.0,
                kind="at_least",
            )
        )
    needed = [_needed(measurement, ("2", bits)) for bits in BITS]
    value = np.array([float(one.value) for one in needed])
    line = fit_line(
        BITS, np.log2(value), [float(one.standard_error) for one in needed] / value / np.log(2)
    )
    found.append(
        Claim(
            "exponent",
            "Bits of samples needed for a bit of complexity: smallest L2 norm",
            float(prediction.exponent),
            line.slope,
            line.slope_error,
            1 / (2 ** min(BITS) - 1),  # 2^C - 1 samples, not 2^C
        )
    )
    found.append(
        mean_claim(
            "l1-perfect",
            f"Share of one perfect among {_LP[0]} features, {_LP[1]} samples: smallest L1 norm",
            float(prediction.perfect_share),
            measurement.perfect_share.transpose("bits", "member").values.ravel(),
            tolerance=1e-6,  # of the linear program
        )
    )
    return found


def pictures(
    study: "EnsemblePrior", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Samples needed over complexity."""
    del study, prediction
    figure, (ax,) = new_figure(1, size=(5.6, 4.0))
    bits = np.arange(2, 13)
    for color, name in enumerate(NORMS):
        line = [_predicted(name, int(one)) for one in bits]
        theory(ax, bits, line, WORDS[name], color=color)
        found = [_needed(measurement, (name, one)) for one in BITS]
        value = np.array([float(one.value) for one in found])
        errors = [float(one.standard_error) for one in found]
        measured(ax, BITS, value, errors, WORDS[name], color=color)
    log_axis(ax, "y")
    ax.set_xlabel("complexity C in bits")
    ax.set_ylabel("samples needed")
    legend(ax, place="outside")
    return [
        Picture(
            "norms",
            "From an ensemble of all features to the simplest one",
            "Samples at which features contribute half that are a part 2^-C of all. Least squares, "
            "which wide networks do, needs 2^C; norms nearer to L1 approach Bayes, which needs C. "
            f"{FEATURES} "
            "features; crossings between two numbers of samples a quarter apart on each side.",
            figure,
        )
    ]
