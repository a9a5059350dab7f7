"""The study's own arithmetic: what it predicts, how it reads off the best learning rate."""

import numpy as np
import pytest

from widthwise.studies import SpectralDynamics
from widthwise.studies.spectral_dynamics import common, extensive_outputs, proportional, transfer

STUDY = SpectralDynamics(inputs=120, width_ratios=(0.5, 2.0), steps=10, rates=41)


def test_predictions_are_the_reference_values():
    found = proportional.predict(STUDY).sel(parametrization="mup").isel(step=-1)
    np.testing.assert_allclose(found.outlier, [2.0036432, 2.0605728], atol=1e-6)
    np.testing.assert_allclose(found.test_loss, [0.1562325, 0.0843412], atol=1e-7)
    assert float(extensive_outputs.predict(STUDY).edge) == pytest.approx(2.7350093, abs=1e-6)


def test_best_rates_lie_within_one_step_of_the_best_on_the_grid():
    """The reference drift over widths 0.5 to 16 is 1.34 and 4.3, read off the grid."""
    wide = SpectralDynamics(width_ratios=(0.5, 16.0), rates=41)
    found = transfer.predict(wide).best
    step = np.log2(50) / 40
    for parametrization, drift in (("mup", 1 / 1.34), ("ntk", 4.34)):
        at = found.sel(parametrization=parametrization)
        assert float(at[1] - at[0]) == pytest.approx(np.log2(drift), abs=step)


def test_best_rate_is_the_vertex_of_a_parabola():
    rates = np.geomspace(0.02, 1, 9)
    loss = np.exp((np.log2(rates)[None] - np.array([[-2.3], [-3.1]])) ** 2 - 5)
    np.testing.assert_allclose(transfer.best(loss, rates), [-2.3, -3.1], atol=1e-9)
    lost = np.where(rates > 0.2, np.inf, rates)  # the least loss at the end of the grid
    assert np.isfinite(transfer.best(lost[None], rates)).all()


def test_tolerances_shrink_with_the_smallest_dimension():
    assert common.next_order(STUDY, 0.5) == pytest.approx(2 / 60)
    assert common.next_order(STUDY, 2.0) == pytest.approx(2 / 120)
    assert ("ntk", 1.0) not in common.claimed_points(SpectralDynamics())


def test_width_ratios_must_increase():
    with pytest.raises(ValueError, match="give increasing numbers"):
        SpectralDynamics(width_ratios=(2.0, 1.0))
