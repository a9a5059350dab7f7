"""The study's own arithmetic: networks, images, and claims on ensembles whose law is known."""

import jax
import numpy as np
import pytest
import xarray as xr

from widthwise import weights
from widthwise.experiments import judge
from widthwise.studies import WeightGaussianity
from widthwise.studies.weight_gaussianity import analysis, layers, networks

STUDY = WeightGaussianity(
    variants=("residual",), depth=2, members=60, records=3, widths=(), resamples=20
)
START = weights.IsotropicGaussian((10, 10), 0.0, 0.1)


def measured(end, seed: int = 0) -> xr.Dataset:
    """An ensemble that walks from its start to another law, the same one in every layer."""
    found = []
    for layer in range(2):
        keys = (jax.random.key(seed + 10 * layer + part) for part in (0, 1))
        first, last = (law.sample(key, 60) for law, key in zip((START, end), keys, strict=True))
        found.append(np.stack([first, (first + last) / 2, last], axis=1))
    dims = ("variant", "member", "step", "layer", "row", "column")
    return xr.Dataset(
        {"weight": (dims, np.stack(found, axis=2)[None])},
        coords={"variant": ["residual"], "layer": layers.layer_names(STUDY, "residual")},
    )


def verdicts(measurement: xr.Dataset) -> dict[str, str]:
    claims = layers.claims(STUDY, layers.predict(STUDY), measurement)
    return {claim.name: claim.verdict for claim in judge(claims)}


def test_claims_fail_on_ensembles_that_do_not_move() -> None:
    found = verdicts(measured(START))
    assert found["moved-residual"] == found["tied-hidden-1"] == "fails"
    assert found["grows-residual"] != "holds"


def test_claims_see_ties_and_light_tails() -> None:
    class TiedAndLight:
        """Rows and columns share a third of what they are; entries are uniform."""

        def sample(self, key: jax.Array, count: int) -> np.ndarray:
            w = np.random.default_rng(np.asarray(jax.random.key_data(key))).uniform(
                -1, 1, (count, 10, 10)
            )
            return w + np.triu(w).swapaxes(1, 2) * np.tri(10, k=-1) * 3

    found = verdicts(measured(TiedAndLight()))
    assert found["moved-residual"] == found["tied-hidden-1"] == "holds"
    assert found["not-tied"] == "fails"  # the output of the same ensemble is tied too
    assert found["met-residual"] == "fails"


@pytest.mark.parametrize("variant", ["normal", "uniform"])
def test_networks_start_as_predicted(variant: str) -> None:
    model = networks.network(variant, 2, 64).init(jax.random.key(0), (16,))
    w = np.asarray(model.layers[2].weight)
    variance = networks.start_variance(variant, 64)
    assert w.var() == pytest.approx(variance, rel=4 * (2 / 4096) ** 0.5)
    fourth = 1.8 if variant == "uniform" else 3.0
    assert np.mean(w**4) == pytest.approx(fourth * variance**2, rel=0.2)
    assert (np.abs(w).max() <= 64**-0.5) == (variant == "uniform")


def test_the_start() -> None:
    assert networks.hidden_layers(STUDY, "deep") == 3
    assert analysis.floor(0.1, 200) == pytest.approx(0.00375)


def test_images_are_averaged() -> None:
    x, labels = networks.images("fashion-mnist-subset", 100, 7)
    assert x.shape == (100, 49)
    assert -1 <= x.min() < x.max() <= 1
    assert set(labels.tolist()) <= set(range(10))
    fine, _ = networks.images("fashion-mnist-subset", 100, 28)
    np.testing.assert_allclose(fine.mean(axis=1), x.mean(axis=1), atol=1e-5)


def test_impossible_parameters_are_refused() -> None:
    for wrong, match in [
        ({"widths": (20, 10)}, "give increasing numbers"),
        ({"widths": (20,)}, "two at least"),
        ({"images": 2000}, "1000 are shipped"),
        ({"variants": ("normal", "normal")}, "give each once"),
        ({"records": 50, "steps": 10}, "there are 10 updates"),
    ]:
        with pytest.raises(ValueError, match=match):
            WeightGaussianity(**wrong)
