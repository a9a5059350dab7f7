"""The study's own arithmetic: its data, what it predicts, how it reads off thresholds."""

import numpy as np
import pytest
import xarray as xr

from widthwise.studies import FlatMinima
from widthwise.studies.flat_minima import (
    common,
    diagram,
    nonlinear,
    residual,
    small_start,
    threshold,
    underdetermined,
)

STUDY = FlatMinima()


def test_the_data_and_bounds_are_the_reference_values():
    solved = common.regression(STUDY)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(solved.covariance),
        [0.53182422, 0.95295029, 1.03292699, 1.17732895, 1.47873838],
        atol=1e-8,
    )
    assert np.linalg.norm(solved.target) == pytest.approx(1.0)
    assert solved.minimum == pytest.approx(0.6391267828, abs=1e-9)
    found = small_start.predict(STUDY).sel(depth=10)
    np.testing.assert_allclose(
        [found.lower, found.minimum, found.balanced, found.small_start],
        [21.045464088, 21.081519207, 21.081879162, 118.29907],
        rtol=1e-7,
    )
    ceiling = float(residual.predict(STUDY).published_learning_rate.sel(depth=10))
    assert ceiling == pytest.approx(0.0950323543, rel=1e-8)


def test_fewer_samples_than_features_have_the_reference_bounds():
    found = underdetermined.predict(STUDY)
    assert float(found.balanced) == pytest.approx(14.34, abs=0.05)
    assert float(found.lower) == pytest.approx(12.11, abs=0.05)


def test_tolerances_are_below_one_percent_and_fall_with_scale():
    assert small_start.tolerance(STUDY) == pytest.approx(0.008)
    assert small_start.tolerance(FlatMinima(scales=(0.01, 0.1))) == pytest.approx(0.002)
    # slope of log(1 - 1/L) over log L
    assert residual.next_order(FlatMinima(residual_depths=(5, 40))) == pytest.approx(
        np.log((1 - 1 / 40) / (1 - 1 / 5)) / np.log(8)
    )


def test_critical_rates_are_read_between_points_of_the_grid():
    grid = np.array(threshold.GRID)
    distance = np.where(grid < 0.95, 1e-9, 0.1)[None, :, None, None] * np.ones((1, 1, 3, 4))
    distance[0, 4:, 2] = 1e-9  # one scale of which all networks learn at larger rates
    distance[0, :, 2, 0], diverged = np.nan, np.zeros(distance.shape)
    diverged[0, :, 2, 0] = 1.0
    measurement = xr.Dataset(
        {
            name: (("depth", "rate", "size", "member"), value)
            for name, value in (("distance", distance), ("diverged", diverged))
        },
        coords={"depth": [3], "rate": grid, "size": list(threshold.SIZES)},
    )
    np.testing.assert_allclose(threshold.critical(measurement)[0], [0.95, 0.95, 1.2])
    study = FlatMinima(diagram_depths=(3,))
    by_name = {c.name: c for c in threshold.claims(study, threshold.predict(study), measurement)}
    assert by_name["threshold-ceiling"].measured == 4 * 3
    assert by_name["critical-scale-3"].measured == pytest.approx(0.125)


def test_residual_thresholds_end_at_the_first_failure():
    grid = np.array(residual.GRID)
    distance = np.where(grid < 0.9, 1e-9, 0.1)[:, None, None] * np.ones((1, 2, 2))
    distance[-1] = 1e-9  # wanders past the solution once more
    measurement = xr.Dataset(
        {
            name: (("rate", "depth", "member"), value)
            for name, value in (("distance", distance), ("diverged", 0 * distance))
        },
        coords={"rate": grid, "depth": [5, 10]},
    )
    below, above = grid[grid < 0.9][-1], grid[grid >= 0.9][0]
    np.testing.assert_allclose(np.exp(residual.critical(measurement)), np.sqrt(below * above))


def test_a_run_above_the_edge_fails_its_claim():
    study = FlatMinima(diagram_depths=(3,), sizes=(0.01, 0.1), rates=(0.5, 1.5), members=2)
    prediction = diagram.predict(study)
    edge = 2 / (np.array(study.rates) * float(prediction.max_learning_rate[0]))
    ends = np.broadcast_to(edge[None, :, None, None] * 1.01, (1, 2, 2, 2)).copy()
    distance = np.zeros((1, 2, 2, 2))
    distance[0, 1] = 1.0
    distance[0, 1, 0, 0] = 0.0  # converged above the ceiling
    ends[0, 0, 1] = np.nan
    distance[0, 0, 1] = np.nan  # diverged
    dims = ("depth", "rate", "size", "member")
    measurement = xr.Dataset(
        {
            "gauss_newton": (dims, ends),
            "distance": (dims, distance),
            "diverged": (dims, np.isnan(distance) * 1.0),
            "sharpness_start": (dims, np.zeros_like(ends)),
        },
        coords={"depth": [3], "rate": list(study.rates), "size": list(study.sizes)},
    )
    by_name = {c.name: c for c in diagram.claims(study, prediction, measurement)}
    assert by_name["edge-3"].measured == pytest.approx(1.01)
    assert by_name["ceiling"].measured == 1
    assert "sharp-start" not in by_name


def test_networks_that_oscillate_have_not_converged():
    prediction = nonlinear.predict(STUDY)
    sharp = np.array([[[50.0, 120.0], [10.0, 10.0]], [[90.0, 99.0], [19.0, 25.0]]])
    scatter = np.full(sharp.shape, 1e-3)
    scatter[0, 0, 1] = scatter[1, 1, 1] = 5.0
    dims = ("gain", "learning_rate", "member")
    values = {"sharpness": sharp, "scatter": scatter, "loss": 0 * sharp, "sharpness_start": sharp}
    measurement = xr.Dataset(
        {name: (dims, value) for name, value in values.items()},
        coords={"gain": list(STUDY.gelu_gains), "learning_rate": [0.02, 0.1]},
    )
    by_name = {c.name: c for c in nonlinear.claims(STUDY, prediction, measurement)}
    assert by_name["gelu-edge"].measured == pytest.approx(0.99)
    assert by_name["gelu-rate"].measured == pytest.approx(np.mean(np.log([90 / 19, 99 / 25])))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"samples": 5}, "give more samples than features"),
        ({"few_samples": 20}, "give fewer samples than features"),
        ({"depths": [5, 3]}, "depths is .5, 3.: give increasing numbers"),
        ({"rates": [0.5, 0.7]}, "give some below one and some above"),
        ({"depths": [1]}, "greater than or equal to 2"),
        ({"depths": [2.5]}, "valid integer"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        FlatMinima.from_parameters(parameters)


@pytest.mark.slow
def test_the_default_preset_without_nonlinear_networks_holds(tmp_path):
    found = FlatMinima(gelu_gains=(), members=6).run(tmp_path)
    assert {claim.verdict for claim in found.claims} == {"holds"}
