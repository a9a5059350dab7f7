"""Limits, invariances and other ways to the same solution."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import widthwise as ww
from widthwise.dynamics import dmft
from widthwise.dynamics.mean_field import linear_descent, linear_flow, whitened_features

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X, X_TEST = RNG.standard_normal((3, 4)), RNG.standard_normal((2, 4))
Y = np.array([1.0, -0.5, 0.3])
ONE = (np.ones((1, 3)), np.array([1.0]))
KERNELS = ("feature_kernel", "gradient_kernel")


def network(depth, activation, parametrization=None):
    layers = [layer for _ in range(depth) for layer in (ww.Dense(64), activation())]
    return ww.Sequential(*layers, ww.Dense(1), parametrization=parametrization or ww.MeanField())


LINEAR = network(2, ww.Identity)
SHALLOW = network(1, ww.Tanh)
DEEP = network(2, ww.Tanh)


def same(one, other, tolerance, names=("output", *KERNELS)):
    for name in names:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=tolerance)


def within(one, other, factor=5.0, names=("output", *KERNELS)):
    """Compare a sampled solution with another, entry by entry, in its standard errors."""
    for name in names:
        error = one.standard_error[name]
        floor = 0.3 * error.max() + 1e-12  # eight solutions estimate errors to a quarter
        distance = np.abs(getattr(one, name) - getattr(other, name)) / (error + floor)
        assert distance.max() < factor, name


# ------------------------------------------------------------------------- the lazy limit


def test_lazy_linear_networks_follow_the_kernel():
    net = network(3, ww.Identity, ww.MuP(1.3))
    training = {"steps": 8, "learning_rate": 0.02}
    found = dmft(net, (X, Y), x_test=X_TEST, richness=1e-4, **training)
    kernel = np.asarray(net.kernel(np.concatenate([X, X_TEST])).ntk)
    np.testing.assert_allclose(found.initial_ntk, kernel, atol=1e-9)
    f = np.zeros(5)
    for _ in range(8):
        f = f + 0.02 * kernel[:, :3] @ (Y - f[:3]) / 3
    np.testing.assert_allclose(found.output[8], f, atol=1e-6)
    gains = network(3, ww.Identity, ww.MeanField(1.3))  # gains of multipliers act on rates too
    found = dmft(gains, (X, Y), **training)
    np.testing.assert_allclose(found.initial_ntk, gains.kernel(X).ntk, atol=1e-9)


def test_lazy_two_layer_networks_follow_the_kernel():
    training = {"steps": 12, "learning_rate": 0.2}
    net = network(1, ww.Erf)  # of closed-form kernels, which compile faster
    found = dmft(net, ONE, richness=1e-4, **training)
    expected = ww.predict(net, *ONE, **training).ntk.mean
    np.testing.assert_allclose(found.output[12], expected, atol=1e-6)


@pytest.mark.parametrize("depth", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_lazy_sampled_networks_follow_the_kernel(depth):
    net = network(depth, ww.Erf)
    training = {"steps": 6, "learning_rate": 0.2}
    found = dmft(net, (X, Y), richness=1e-3, key=KEY, **training)
    expected = ww.predict(net, X, Y, **training).ntk.mean
    error = found.standard_error["output"][6]
    assert (np.abs(found.output[6] - expected) < 5 * error + 1e-5).all()
    assert found.error < 1e-3


# -------------------------------------------------------------------- the same, another way


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_global_iteration_and_march(depth):
    net, settings = network(depth, ww.Identity), {"steps": 10, "learning_rate": 0.02}
    march = dmft(net, (X, Y), **settings)
    fixed = dmft(net, (X, Y), method="fixed_point", **settings)
    assert march.residual < 1e-12 < fixed.residual < 1e-9
    same(march, fixed, 1e-8, ("output", *KERNELS, "forward_response", "backward_response"))


def test_sampled_linear_networks_are_exact_but_for_dropped_modes():
    settings = {"steps": 15, "learning_rate": 0.05}
    exact = dmft(LINEAR, (X, Y), **settings)
    sampled = dmft(LINEAR, (X, Y), method="sampled", key=KEY, **settings)
    same(sampled, exact, 3e-4)
    np.testing.assert_allclose(sampled.output, exact.output, atol=1e-5)
    rows = 3 * 16
    for response, kernel in (("forward_response", exact.gradient_kernel[1]),
                             ("backward_response", exact.feature_kernel[0])):  # fmt: skip
        one, two = (getattr(s, response)[0].reshape(rows, rows) for s in (sampled, exact))
        moved = kernel.reshape(rows, rows)
        np.testing.assert_allclose(one @ moved, two @ moved, atol=3e-3 * np.abs(two @ moved).max())


def test_sampled_and_quadrature():
    settings = {"steps": 12, "learning_rate": 0.2, "richness": 2.0}
    sampled = dmft(SHALLOW, ONE, method="sampled", key=KEY, **settings)
    within(sampled, dmft(SHALLOW, ONE, **settings))


def test_points_and_grid_of_a_two_layer_network():
    """Collinear inputs span one direction: slightly off it, points of a sequence take over."""
    x = np.array([[1.0, 0.0], [-0.5, 0.0]])
    settings = {"steps": 12, "learning_rate": 0.2, "richness": 2.0}
    grid = dmft(SHALLOW, (x, Y[:2]), **settings)
    points = dmft(SHALLOW, (x + 1e-5 * np.eye(2)[::-1], Y[:2]), key=KEY, **settings)
    assert grid.residual < 1e-7
    assert not grid.standard_error
    assert points.error < 1e-3
    within(points, grid)


def test_direct_equations():
    """Explicit responses, all modes, no pairs of sites."""
    path = Path(__file__).parents[3] / "benchmarks" / "dmft" / "direct.py"
    spec = importlib.util.spec_from_file_location("direct", path)
    assert spec is not None
    assert spec.loader is not None
    direct = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(direct)
    settings = {"steps": 4, "learning_rate": 0.3, "richness": 2.0}
    found = dmft(DEEP, (X[:2], Y[:2]), key=KEY, loss="sum", **settings)
    runs = [
        direct.solve(X[:2] @ X[:2].T / 4, Y[:2], depth=2, sites=4000, seed=seed, **settings)
        for seed in range(6)
    ]
    for values, name in zip(zip(*runs, strict=True), ("output", *KERNELS), strict=True):
        mean, error = np.mean(values, axis=0), np.std(values, axis=0, ddof=1) / np.sqrt(6)
        own = getattr(found, name).reshape(mean.shape)
        assert (np.abs(own - mean) < 5 * error + 0.01).all(), name


@pytest.mark.parametrize(
    ("loss", "parametrization"),
    [
        pytest.param("sum", ww.MuP(1.2), id="squared, muP", marks=pytest.mark.slow),
        pytest.param("cross_entropy", ww.MeanField(1.2), id="logistic, mean field"),
    ],
)
def test_networks_of_unequal_widths(loss, parametrization):
    """Networks of widths n and 2 n, trained in NumPy: the gradients feel the ratio."""
    n, members, steps, rate, richness = 200, 40, 5, 0.3, 2.0
    net = ww.Sequential(
        ww.Dense(n), ww.Tanh(), ww.Dense(2 * n), ww.Tanh(), ww.Dense(1),
        parametrization=parametrization,
    )  # fmt: skip
    y = np.array([1.0, 0.0, 1.0])
    found = dmft(net, (X, y), steps=steps, learning_rate=rate, richness=richness, loss=loss,
                 key=KEY)  # fmt: skip
    rows, outputs, features = net.parameter_table((4,)), [], []
    for seed in range(members):
        rng = np.random.default_rng(seed)
        w = [row.multiplier * row.init_std * rng.standard_normal(row.shape) for row in rows]
        rates = [rate * richness**2 * row.sgd * row.multiplier**2 for row in rows]
        f, a = np.zeros(3), []
        for step in range(steps + 1):
            a = [X.T]
            for layer in range(2):
                a.append(np.tanh(w[layer] @ a[-1]))
            f = (w[2] @ a[2])[0] / richness
            push = y - f if loss == "sum" else (y - 1 / (1 + np.exp(-f))) / 3
            if step == steps:
                break
            back = push[None] / richness
            for layer in (2, 1, 0):
                gradient = back @ a[layer].T
                back = w[layer].T @ back * (1 - a[layer] ** 2) if layer else back
                w[layer] = w[layer] + rates[layer] * gradient
        outputs.append(f)
        features.append(a[1].T @ a[1] / n)
    for values, expected in (
        (outputs, found.output[-1]),
        (features, found.feature_kernel[0][-1, :, -1]),
    ):
        error = np.std(values, axis=0, ddof=1) / np.sqrt(members)
        assert (np.abs(np.mean(values, axis=0) - expected) < 4 * error + 3 / n).all()


# ------------------------------------------------------------------------------ invariances


def test_only_richness_times_target_matters_in_linear_networks():
    settings = {"steps": 10, "learning_rate": 0.05}
    one = dmft(LINEAR, (X, Y), richness=1.0, **settings)
    other = dmft(LINEAR, (X, Y / 4), richness=4.0, **settings)
    np.testing.assert_allclose(4 * other.output, one.output, atol=1e-12)
    same(one, other, 1e-11, KERNELS)


@pytest.mark.parametrize(
    ("net", "tolerance"),
    [(LINEAR, 1e-12), (SHALLOW, 1e-12), (DEEP, None)],
    ids=["linear", "2", "3"],
)
def test_a_point_given_twice_counts_twice(net, tolerance):
    x, y = np.ones((2, 3)), np.ones(2)
    once = dmft(net, ONE, steps=6, loss="sum", learning_rate=0.1, key=KEY)
    twice = dmft(net, (x, y), steps=6, loss="sum", learning_rate=0.05, key=KEY)
    np.testing.assert_allclose(twice.output[:, 0], twice.output[:, 1], atol=1e-12)
    error = 5 * (once.error + twice.error) if tolerance is None else tolerance
    np.testing.assert_allclose(twice.output[:, 0], once.output[:, 0], rtol=0, atol=error)
    np.testing.assert_allclose(
        twice.feature_kernel[:, :, 1, :, 0], once.feature_kernel[:, :, 0, :, 0], atol=10 * error
    )


@pytest.mark.parametrize("net", [LINEAR, SHALLOW, DEEP], ids=["linear", "2", "3"])
def test_a_point_of_no_weight_is_a_test_point(net):
    settings = {"steps": 4, "learning_rate": 0.1, "key": KEY}
    weights = np.tile([1.0, 1.0, 0.0], (4, 1))
    masked = dmft(net, (X, Y), sample_weight=weights, loss="sum", **settings)
    held_out = dmft(net, (X[:2], Y[:2]), x_test=X[2:], loss="sum", **settings)
    same(masked, held_out, 1e-9)
    assert held_out.delta[:, 2].tolist() == [0.0] * 5


def test_losses():
    settings = {"steps": 5, "x_test": X_TEST}
    labels = np.array([1.0, 0.0, 1.0])

    def logistic(f, y):
        return jnp.mean(jnp.logaddexp(0.0, f) - y * f)

    named = dmft(LINEAR, (X, labels), learning_rate=0.4, loss="cross_entropy", **settings)
    own = dmft(LINEAR, (X, labels), learning_rate=0.4, loss=logistic, **settings)
    same(named, own, 1e-12, ("output", "delta", "loss"))
    mean = dmft(LINEAR, (X, Y), learning_rate=0.3, loss="mean", **settings)
    total = dmft(LINEAR, (X, Y[:, None]), learning_rate=np.full(5, 0.1), loss="sum", **settings)
    same(mean, total, 1e-12)
    np.testing.assert_allclose(3 * mean.loss, total.loss, atol=1e-12)


# ---------------------------------------------------------------- closed forms, gradient flow


def test_two_layer_linear_closed_forms():
    net = network(1, ww.Identity)
    steps = dmft(net, ONE, steps=9, loss="sum", learning_rate=0.1, richness=3.0)
    exact = linear_descent(1.0, steps=9, learning_rate=0.1, richness=3.0)
    np.testing.assert_allclose(steps.output[:, 0], exact.output, atol=1e-12)
    np.testing.assert_allclose([steps.ntk(t)[0, 0] for t in range(10)], exact.ntk, atol=1e-12)
    np.testing.assert_allclose(linear_flow(1.0, [1.0]).output, 0.9065882889, atol=1e-9)
    flow = linear_flow(1.0, [0.5], richness=2.0)
    np.testing.assert_allclose(flow.output, 0.7378497376, atol=1e-9)
    edge = linear_descent(1.0, steps=5, learning_rate=0.3, richness=4.0)
    np.testing.assert_allclose(edge.output[1:4], [0.6, 1.32384, 0.49275004], atol=1e-8)


def test_flow_of_two_layer_networks():
    net, times = network(1, ww.Identity), [0.0, 0.3, 1.0]
    for method in ("deep_linear", "two_layer"):
        found = dmft(net, ONE, times=times, method=method, richness=2.0)
        exact = linear_flow(1.0, times, richness=2.0)
        assert 0 < found.step_error < 1e-5
        np.testing.assert_allclose(found.output[:, 0], exact.output, atol=1e-5)
        np.testing.assert_allclose([found.ntk(t)[0, 0] for t in range(3)], exact.ntk, atol=1e-4)
        assert found.to_dataset(two_times=True).time.values.tolist() == times


@pytest.mark.slow
def test_features_at_the_end_of_flow_on_whitened_inputs():
    found = dmft(network(1, ww.Identity), (np.sqrt(2) * np.eye(2), Y[:2]), times=[3.0], loss="sum")
    end = whitened_features(Y[:2])
    np.testing.assert_allclose(found.feature_kernel[0][0, :, 0], end, atol=5e-3)


@pytest.mark.slow
def test_flow_of_deep_networks_is_the_limit_of_small_steps():
    flow = dmft(DEEP, ONE, times=[0.5], key=KEY, richness=2.0)
    steps = dmft(DEEP, ONE, steps=16, loss="sum", learning_rate=1 / 32, key=KEY, richness=2.0)
    assert flow.step_error < 0.01
    np.testing.assert_allclose(flow.output[:, 0], steps.output[[16], 0], atol=0.01)


# ---------------------------------------------------------------------------- the result


def test_dataset_survives_a_file(tmp_path):
    found = dmft(DEEP, (X, Y), steps=2, loss="sum", x_test=X_TEST, key=KEY)
    data = found.to_dataset(two_times=True)
    data.to_netcdf(tmp_path / "fields.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "fields.nc", engine="h5netcdf") as read:
        xr.testing.assert_identical(read.load(), data)
    assert data.feature_kernel.dims == ("step", "layer", "input", "input2")
    assert data.test_output.shape == (3, 2)
    assert data.two_time_gradient_kernel.shape == (2, 3, 3, 3, 3)
    assert data.forward_response.sel(layer_below=1).shape == (3, 3, 3, 3)
    np.testing.assert_allclose(data.ntk.sel(step=2), found.ntk(2)[:3, :3])
    assert data.output_standard_error.shape == data.output.shape
    assert data.ntk_standard_error.shape == data.ntk.shape
    again = dmft(DEEP, (X, Y), steps=2, loss="sum", x_test=X_TEST, key=KEY)
    same(found, again, 0.0)
