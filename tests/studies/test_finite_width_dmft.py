"""The study's own arithmetic: what it predicts, where it claims, how large its ensembles are."""

import numpy as np
import pytest

from widthwise.studies import FiniteWidthDmft
from widthwise.studies.finite_width_dmft import edge, images, networks, samples, two_layer


def test_predictions_are_the_reference_values():
    """Tanh: by an independent quadrature over neurons; linear: by closed recursions."""
    study = FiniteWidthDmft(richness=(1.0, 2.0), points=(1, 6, 20, 50))
    found = two_layer.predict(study).sel(richness=1.0)
    steps = [5, 10, 20]
    np.testing.assert_allclose(found.output[steps], [0.35118039, 0.56659053, 0.80311174], atol=1e-6)
    np.testing.assert_allclose(
        found.output_variance[steps], [0.221289, 0.149424, 0.056771], atol=1e-4
    )
    np.testing.assert_allclose(found.ntk_variance[[10, 20]], [0.214052, 0.122595], atol=1e-4)
    shift = found.output_correction[steps]
    np.testing.assert_allclose(shift, [-0.022997, -0.058326, -0.072146], atol=1e-4)
    linear = samples.predict(study).isel(step=20)
    excess = [0.097815, 0.290775, 0.831063, 1.988822]
    np.testing.assert_allclose(linear.excess, excess, atol=1e-6)
    assert linear.initial_variance.values.tolist() == [5, 15, 43, 103]
    quiet = edge.predict(study).ntk_variance[[0, 1, 2, 5]]
    np.testing.assert_allclose(quiet, [4, 35.104, 0.15476, 0.0762], rtol=1e-3)


def test_ensembles_cost_the_same_at_every_width():
    assert [networks.members_at(100, n, 512) for n in (64, 512, 10**6)] == [800, 100, 8]
    study = FiniteWidthDmft(points=(1, 20), gram_members=1000)
    assert [samples.members(study, points) for points in study.points] == [10_000, 1000]


def test_claims_are_made_where_the_ensemble_resolves_the_next_order():
    study = FiniteWidthDmft(points=(1, 20), gram_widths=(100, 400, 1600), gram_members=10_000)
    assert samples.claim_width(study, 20, 43.0) == 400
    assert samples.claim_width(study, 1, 5.0) == 100
    assert samples.claim_width(study, 20, 1.0) == 100


def test_images_are_unit_inputs_of_two_classes():
    (x, y), x_test, y_test = images.images(FiniteWidthDmft(image_count=4))
    assert x.shape == x_test.shape == (4, 784)
    np.testing.assert_allclose(np.sum(x**2, axis=1), 784, rtol=1e-5)
    assert y.tolist() == y_test.tolist() == [1, 1, -1, -1]


def test_impossible_parameters_are_refused():
    with pytest.raises(ValueError, match="tanh"):
        FiniteWidthDmft(activation="tahn")
    with pytest.raises(ValueError, match="image_count is 3: give an even number"):
        FiniteWidthDmft(image_count=3)
