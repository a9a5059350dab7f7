"""The study's own arithmetic: published scalings, networks as theory has them, and claims."""

import jax
import numpy as np
import pytest
import xarray as xr

from widthwise.experiments import judge
from widthwise.studies import FeatureSpeed
from widthwise.studies.feature_speed import networks, plain_networks, residual_networks, scalings

STUDY = FeatureSpeed(depth=8, widths=(1024,), residual_width=512)


def test_scalings_have_the_published_powers_of_depth() -> None:
    deep = FeatureSpeed(depths=(100, 200), residual_width=512)
    found = scalings.predict(deep).value
    powers = np.log2(found.sel(depth=200) / found.sel(depth=100)).values
    np.testing.assert_allclose(powers, [*scalings.EXPONENTS.values()], atol=0.02)


def test_speed_and_decay_at_finite_depth() -> None:
    """Two hidden layers by hand: K = (c_1 + c_2) 1 + c_1 (W W' - 1) in the second."""
    at = scalings.scaling(STUDY, "ntk", 2)
    c = at.learning_rate[:2] * np.array([10, 256])
    backward = at.init_std[-1] ** 2 * 256
    second = c[1] ** 2 + 2 * c[0] * c[1] + c[0] ** 2 * 3
    found = scalings.predict(FeatureSpeed(depths=(2, 4), residual_width=512)).value.sel(
        rule="ntk", depth=2
    )
    np.testing.assert_allclose(found, [(backward * second / 512) ** 0.5, backward * c.sum()])


def measured(power: float) -> xr.Dataset:
    rng = np.random.default_rng(0)
    layers = np.arange(1, 9)
    exact = plain_networks.predict(STUDY).cosine.values * layers ** (power + 0.5)
    values = exact * (1 + 0.005 * rng.standard_normal((1, 40, 8)))
    return xr.Dataset(
        {"cosine": (("width", "member", "layer"), values)},
        coords={"width": [1024], "layer": layers},
    )


@pytest.mark.parametrize(("power", "verdict"), [(-0.5, "holds"), (-0.3, "fails"), (0.0, "fails")])
def test_other_powers_of_depth_fail(power, verdict) -> None:
    claims = plain_networks.claims(STUDY, plain_networks.predict(STUDY), measured(power))
    found = {claim.name: claim.verdict for claim in judge(claims)}
    assert found["plain-exponent"] == found["plain-layer-8"] == verdict


def test_unscaled_branches_are_rescaled_features() -> None:
    """Branches of weight c / sqrt(N) on an unscaled skip; one network, its angle near theory."""
    small = FeatureSpeed(branches=(4, 8), residual_width=256, residual_members=4)
    shard = residual_networks.shards(small)[0]
    found = residual_networks.measure(small, shard, jax.random.key(0)).cosine
    expected = residual_networks.predict(small).cosine.isel(network=0)
    np.testing.assert_allclose(found.mean("member"), expected, rtol=0.03)


def test_members_have_equal_cost() -> None:
    sizes = [s.size for s in networks.member_shards("a", {}, (64, 256), 3)]
    assert sizes == [12, 3]


def test_refused() -> None:
    with pytest.raises(ValueError, match="give increasing numbers"):
        FeatureSpeed(widths=(64, 32))
