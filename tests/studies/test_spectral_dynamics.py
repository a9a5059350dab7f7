"""The study's own arithmetic: what it predicts, how it reads off the best learning rate."""

import numpy as np
import pytest
import xarray as xr

from widthwise.studies import SpectralDynamics
from widthwise.studies.spectral_dynamics import (
    common,
    extensive_outputs,
    hidden,
    proportional,
    transfer,
)

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


def test_hidden_outliers_are_the_reference_values():
    found = hidden.predict(STUDY)
    linear, tanh = (found.sel(activation=name) for name in ("identity", "tanh"))
    steps = [8, 12, 20, 40]
    np.testing.assert_allclose(
        linear.outlier.sel(step=steps), [1.0086591, 1.2561944, 1.5236258, 1.5239685], atol=1e-6
    )
    np.testing.assert_allclose(linear.independent.sel(step=[8, 40]), [1.0, 1.2217447], atol=1e-6)
    np.testing.assert_allclose(tanh.outlier.sel(step=[10, 40]), [1.588, 2.175], atol=0.005)


def test_frames_are_recorded_and_the_still_shows_frames():
    for steps in (4, 5, 12, 40, 200):
        study = SpectralDynamics(hidden_steps=steps)
        assert set(hidden.shown_steps(study)) <= set(hidden.frames(study))
        assert set(hidden.frames(study)) <= set(hidden.recorded_steps(study))
        assert set(hidden.report_steps(study)) <= set(hidden.recorded_steps(study))
        assert hidden.shown_steps(study)[-1] == steps


def test_no_outlier_is_claimed_of_networks_that_are_all_noise():
    """The largest value stays at the edge of the bulk: every claim on an outlier fails."""
    study = SpectralDynamics(hidden_widths=(200, 800))
    prediction = hidden.predict(study)
    steps = hidden.recorded_steps(study)
    edges = np.array([case.edge for case in hidden.CASES.values()])
    scatter = np.array([0.989, 0.99, 0.991])[:, None] * np.ones(len(steps))
    still = edges[:, None, None, None] * scatter * np.ones((1, 2, 1, 1))
    measurement = xr.Dataset(
        {"largest": (("activation", "width", "member", "step"), still)},
        coords={"activation": list(hidden.CASES), "width": [200, 800], "step": steps},
    )
    for claim in hidden.claims(study, prediction, measurement):
        low, high = claim.allowed
        assert (low <= claim.measured <= high) == claim.name.startswith("before")
