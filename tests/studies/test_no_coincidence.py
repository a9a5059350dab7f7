"""The study's own arithmetic: what it predicts, where it claims, how large its ensembles are."""

import numpy as np
import pytest

from widthwise.studies import NoCoincidence
from widthwise.studies.no_coincidence import circuits, covariance, estimators, images, property_p

STUDY = NoCoincidence.quick()


def test_predictions_are_the_reference_values():
    """Published and derived values; see the documentation of the study."""
    odd = NoCoincidence(activations=("tanh",), property_depths=(1, 4, 8))
    found = property_p.predict(odd)
    reference = [8.96207360, 7.27702939, 5.74674247]
    np.testing.assert_allclose(found.variance.sel(activation="tanh"), reference, atol=1e-7)
    assert float(found["random_baseline"]) == pytest.approx((15 / 16) ** 64, rel=1e-12)
    assert float(found["parity_baseline"][0]) == pytest.approx((7 / 8) ** 32, rel=1e-12)
    permutation = circuits.predict(odd)["permutation"]
    np.testing.assert_allclose(permutation, [1 / 70, 0.00461561, 1.04753e-4], rtol=1e-5)


def test_claims_are_made_where_first_order_is_good():
    assert covariance.expansion(np.array([0.3]), 16) == 1 / 16
    assert covariance.claim_width((16, 128), np.array([2.0])) == 16
    assert covariance.claim_width((128, 16), np.array([10.0])) == 128
    assert covariance.claim_width((16, 32), np.array([50.0])) == 32


def test_ensembles_cost_the_same_at_every_width():
    study = NoCoincidence(members=1000)
    assert [covariance.members_at(study, n) for n in (16, 128, 256, 65536)] == [4000, 1000, 250, 8]
    assert covariance.even(12_000) == 4000
    assert covariance.even(3) == 3


def test_images_are_unit_inputs_in_all_pairs():
    x, pairs = images.inputs(STUDY), images.pairs(STUDY)
    assert x.shape == (3, 784)
    np.testing.assert_allclose(np.sum(x**2, axis=1), 784, rtol=1e-5)
    np.testing.assert_allclose(
        pairs[:, 1], [x[a] @ x[b] / 784 for a, b in [(0, 1), (0, 2), (1, 2)]]
    )


def test_circuits_are_claimed_only_where_the_ensemble_resolves_them(key):
    few = NoCoincidence(circuit_sizes=(1, 3), circuits=2000)
    shards = circuits.shards(few)
    assert [shard.settings["gates"] for shard in shards] == [1, 3]
    share = circuits.measure(few, shards[0], key)["share"]
    assert share.dims == ("member", "layers")
    assert float(share.sel(layers=16).mean()) == pytest.approx(1 / 70, abs=0.01)


def test_sampling_costs_what_its_operations_cost():
    cost = estimators.predict(STUDY)["cost_in_samples"].sel(width=16)
    assert float(cost.sel(estimator="mean")) == 2
    assert 30 < float(cost.sel(estimator="covariance")) < 40


def test_an_unknown_activation_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="gelu"):
        NoCoincidence(activations=("gleu",))
