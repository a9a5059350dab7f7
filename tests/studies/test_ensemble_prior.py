"""Networks fitted to few points: published values of their limit, points of a user's own."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from widthwise.dynamics import predict
from widthwise.studies import EnsemblePrior
from widthwise.studies.ensemble_prior import norms, surfaces, variance
from widthwise.studies.ensemble_prior.datasets import canonical, points_of
from widthwise.studies.ensemble_prior.first_order import first_order
from widthwise.studies.ensemble_prior.networks import (
    FINE,
    Architecture,
    coarse,
    limit,
    limits_on_grid,
    participation,
)

ONE = Architecture(1, "relu", 2.0, 1.0, 2.0)
TWO = Architecture(2, "relu", 2.0, 0.5, 2.0, first_bias_only=True)
PLACES = np.array([(0, 0), (1, 0), (2, 2), (0.5, -0.5), (0, 2), (-2, 1)], float)


@pytest.mark.parametrize(
    ("name", "row", "complexity", "mean", "left"),
    [
        (
            "xor",
            [1.5, 0.7542448820632494, 0.2542448820632494, 0.7542448820632494],
            16.27636499936279,
            [0, 0, 2.19781786, -0.367148538, 0, -1.35702137],
            [0.1948596, 0.10950602, 0.51550262, 0.09562375, 0.44942457, 0.3417645],
        ),
        (
            "generic",
            [1.045, 0.5688952208488768, 0.309628894077541, 0.6595819446],
            31.930545237874487,
            [-0.00214677364, 0.680520103, 2.32606365, -0.376870232, -1.26973716, -0.508446331],
            [0.12230318, 0.02323618, 1.54107528, 0.04416549, 0.51015555, 0.80321622],
        ),
    ],
)
def test_limit_of_networks_with_one_hidden_layer(name, row, complexity, mean, left):
    points = points_of(name)
    net = ONE.network(2**40)
    found = predict(net, points.x, points.y, PLACES).ntk
    np.testing.assert_allclose(found.mean, mean, atol=2e-8)
    np.testing.assert_allclose(np.diagonal(found.covariance), left, atol=2e-8)
    kernel = np.asarray(net.kernel(points.x).ntk) / 2**40
    np.testing.assert_allclose(kernel[0], row, atol=1e-8)
    assert points.y @ np.linalg.solve(kernel, points.y) == pytest.approx(complexity, rel=1e-8)
    again = limit(ONE, points, PLACES)
    for law in again.values():  # one hidden layer: both kernels are the same
        np.testing.assert_allclose(law.mean, found.mean, atol=1e-9)
        np.testing.assert_allclose(law.variance, np.diagonal(found.covariance), atol=1e-8)


@pytest.mark.parametrize(
    ("name", "left", "size", "spread"),
    [
        ("xor", 0.17132927868, 0.9983568053, 0.7982462),
        ("generic", 0.2867399088, 1.2115125063, 0.76131844),
    ],
)
def test_averages_over_the_square(name, left, size, spread):
    law = limits_on_grid(ONE, name)["ntk"]
    assert law.variance.mean() == pytest.approx(left, abs=1e-8)
    assert np.sqrt(np.mean(law.mean**2)) == pytest.approx(size, abs=1e-8)
    assert participation(law.mean) == pytest.approx(spread, abs=1e-6)


def test_two_hidden_layers_have_two_limits():
    points = points_of("xor")
    kernel = TWO.network(2**40).kernel(points.x)
    last = [1.25, 0.69977755, 0.44755156, 0.69977755]
    both = [2.5, 1.03933364, 0.49841394, 1.03933364]
    np.testing.assert_allclose(kernel.nngp[0] / 2, last, atol=1e-8)
    np.testing.assert_allclose(kernel.ntk[0] / 2**40, both, atol=1e-8)
    found = limit(TWO, points, PLACES[[2, 3, 5]])
    expected = {
        "nngp": [1.99998823, -0.421111013, -1.25943036],
        "ntk": [1.80910847, -0.396211403, -1.12884341],
    }
    for which, mean in expected.items():
        np.testing.assert_allclose(found[which].mean, mean, atol=2e-8)


def test_variance_to_first_order_against_random_features():
    """Regression on the features of many small networks, written out in NumPy."""
    width, members = 100, 1500
    points = points_of("generic")
    grid = points.grid(5)
    rng = np.random.default_rng(0)
    w, b = rng.standard_normal((members, 2, width)), rng.standard_normal((members, 1, width))
    v = rng.standard_normal((members, width, 1)) * (2 / width) ** 0.5
    at, here = (np.maximum(x @ w + b, 0) for x in (points.x, grid))
    kernel = at @ at.transpose(0, 2, 1)
    for readout, start in (("zero", 0.0), ("random", 1.0)):
        missing = points.y[:, None] - start * at @ v
        f = here @ (at.transpose(0, 2, 1) @ np.linalg.solve(kernel, missing)) + start * here @ v
        measured = f[..., 0].var(axis=0, ddof=1)
        # the same places out of the coarse grid: every fifth point of 21
        law = first_order(ONE, "generic", places=coarse_index())
        predicted = law.variance(width, trained_from=readout)
        assert measured.mean() == pytest.approx(predicted, rel=16 / width)


def coarse_index() -> tuple[int, ...]:
    """Where the points of a 5 x 5 grid are among those of the coarse one."""
    index = np.arange(21 * 21).reshape(21, 21)[::5, ::5]
    return tuple(index.ravel().tolist())


def test_spread_of_curvature():
    x, y = points_of("xor").grid(FINE).T
    kink = participation(np.abs(x))
    assert kink == pytest.approx(1 / (FINE - 2), rel=1e-6)  # one column of points
    assert participation(x**2 + 3 * y**2 + x) == pytest.approx(1)
    square = (x + 10 * y).reshape(FINE, FINE)
    np.testing.assert_array_equal(coarse(square.ravel()), square[::2, ::2].ravel())


def test_crossing_of_a_power_law():
    places = (10, 40)
    ratios = 30.0 / np.array(places)
    assert norms.crossing(ratios, places) == pytest.approx(30)


@pytest.mark.parametrize("members", [2, 9])
def test_disagreement_counts_pairs(members):
    rng = np.random.default_rng(members)
    values = rng.standard_normal((members, 7))
    pairs = [np.mean((a > 0) != (b > 0)) for i, a in enumerate(values) for b in values[i + 1 :]]
    assert surfaces.disagreement(values) == pytest.approx(np.mean(pairs))


def test_a_control_variate_leaves_the_variance():
    """Where trained networks equal their control, the many networks alone decide."""
    rng = np.random.default_rng(0)
    f = rng.standard_normal((3, 20, 5)).astype(np.float32)
    batches = rng.standard_normal((30, variance.BATCH, 5)) * 2
    found = xr.Dataset(
        {
            "fits": ("member", np.ones(20, bool)),
            "end": (("member", "place"), f[0]),
            "control": (("member", "place"), f[0]),
            "first": (("batch", "place"), batches.mean(axis=1)),
            "second": (("batch", "place"), (batches**2).mean(axis=1)),
        }
    )
    estimate = variance.estimate(found)
    exact = batches.reshape(-1, 5).var(axis=0, ddof=1).mean()
    assert float(estimate.value) == pytest.approx(exact, rel=1e-9)
    assert 0 < float(estimate.standard_error) < 0.1


# ---------------------------------------------------------------- points of a user's own


def test_a_file_enters_by_its_content(tmp_path: Path):
    file = tmp_path / "points.csv"
    file.write_text("x1,x2,label\n0,0,cat\n1,0.5,dog\n\n2,-1,cat\n0,0,cat\n")
    study = EnsemblePrior.from_parameters({"points": [str(file)]})
    assert study.points == ("0 0 -1; 1 0.5 1; 2 -1 -1",)
    assert EnsemblePrior.from_json(study.to_json()) == study
    points = points_of(study.points[0])
    np.testing.assert_array_equal(points.y, [-1, 1, -1])
    assert (points.centre, points.half) == ((1.0, -0.25), 2.0)
    identity = study.identity
    file.write_text("0,0,cat\n1,0.25,dog\n")
    assert EnsemblePrior(points=(str(file),)).identity != identity
    file.unlink()
    assert EnsemblePrior.from_json(study.to_json()).identity == identity


@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.sampled_from([-1.0, 2.5])),
        min_size=2,
        max_size=9,
        unique_by=lambda row: row[:2],
    ).filter(lambda rows: len({row[2] for row in rows}) == 2)
)
def test_text_of_points_is_its_own_canonical_form(rows):
    text = canonical("; ".join(f"{a!r} {b!r} {c!r}" for a, b, c in rows))
    assert canonical(text) == text
    points = points_of(text)
    np.testing.assert_array_equal(np.column_stack([points.x, points.y]), rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0,0,1\n1,1,-1\n0,0,-1\n", r"the point \(0, 0\) has the labels 1 and -1"),
        ("0,0,1\n1,1,1\n", "2 points of a single class"),
        ("0,0,a\n1,1,a\n", "2 points of a single class"),
        ("0,0,1\n", "1 points of a single class"),
        ("", "0 points of a single class"),
        ("0,0,1\n1,1\n", "point 2 is '1 1'"),
        ("0,0,1\n1,nan,0\n", "two finite numbers and a label"),
        ("0,0,a\n1,1,b\n2,2,c\n", "labels are a, b, c"),
        ("".join(f"{i},0,{i % 2}\n" for i in range(101)), "give at most 100"),
    ],
)
def test_bad_points_give_one_line(tmp_path: Path, content, message):
    file = tmp_path / "points.csv"
    file.write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        EnsemblePrior(points=(str(file),))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": ["nowhere.csv"]}, "'nowhere.csv' is no file of points"),
        ({"points": ["xor", "xor"]}, "one set twice"),
        ({"points": []}, "points is empty"),
        ({"widths": [64, 32]}, "give ascending widths"),
        ({"activation": "rleu"}, "relu"),
        ({"bias_variance": 0, "points": ["1 1 1; 2 2 -1"]}, "in one direction"),
        ({"bias_variance": 0, "points": ["0 0 1; 2 2 -1"]}, "the origin"),
        ({"readout_variance": 0}, "readout_variance"),
        ({"steps": 0}, "steps"),
    ],
)
def test_bad_parameters(change, message):
    with pytest.raises(ValueError, match=message) as caught:
        EnsemblePrior.from_parameters(change)
    assert "\n" not in str(caught.value)


def test_without_biases_opposite_points_are_no_obstacle():
    assert EnsemblePrior(bias_variance=0.0, points=("xor",)).form.bias_variance == 0


@pytest.mark.slow
def test_deeper_networks_of_another_activation(tmp_path: Path):
    study = EnsemblePrior(
        feature_members=8,
        norm_members=2,
        points=("0 0 1; 1 0 -1; 0.5 1 1",),
        widths=(32, 64),
        members=3,
        steps=2000,
        draws=400,
        hidden_layers=2,
        activation="tanh",
        deep_widths=(16, 32),
        deep_members=3,
    )
    run = study.run(tmp_path)
    names = {claim.name for claim in run.claims}
    assert {"points-roughness", "points-start", "kernel-zero-nearer"} <= names
    assert not any(name.startswith("points-variance") for name in names if "slope" not in name)
    assert {picture.name for picture in run.figures()} >= {"surfaces-points", "kernels"}
