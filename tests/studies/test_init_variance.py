"""The band of initial scales: gradients in NumPy, a start rescaled, ends read off losses."""

from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import xarray as xr

from widthwise import activations, data
from widthwise.kernels.stability_band import lower_edge, upper_edge, variance_recursion
from widthwise.networks import GPT
from widthwise.studies import InitVariance
from widthwise.studies.init_variance import gpt_training, kaiming, networks, sweep, transformer

RELU = activations.relu
STUDY = InitVariance(std_range=(1e-3, 1.0), stds=4)


def test_the_recursion() -> None:
    sizes = [64, 128, 128, 128, 128, 10]
    found = variance_recursion(activations.relu, sizes, [0.1] * 5, square_norm=64.0)
    assert found[3] == pytest.approx(0.16777216, rel=1e-12)
    assert found[-1] == pytest.approx(0.1073741824, rel=1e-12)
    small = variance_recursion(activations.relu, sizes, [0.01] * 5, square_norm=64.0)
    assert small[-1] == pytest.approx(1.073741824e-11, rel=1e-12)
    gelu = variance_recursion(activations.gelu, [1, 1, 1], [0.3072**0.5, 1.0], square_norm=1.0)
    assert gelu[-1] == pytest.approx(0.106484592966, abs=1e-9)


@pytest.mark.parametrize(("depth", "expected"), [(2, 12.4014423077), (4, 49.6057692308)])
def test_kaiming_over_xavier(depth, expected) -> None:
    sizes = [13, *[64] * depth, 3]
    pairs = list(pairwise(sizes))
    both = [
        variance_recursion(activations.relu, sizes, stds, square_norm=13.0)[-1]
        for stds in ([(2 / a) ** 0.5 for a, _ in pairs], [(2 / (a + b)) ** 0.5 for a, b in pairs])
    ]
    assert both[0] == pytest.approx(2)
    assert both[0] / both[1] == pytest.approx(expected, abs=1e-9)


def blobs():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    return rng.standard_normal((60, 5)) + 2 * np.eye(5)[labels], labels


def test_the_upper_edge_is_where_gradients_of_networks_are_as_large_as_layers() -> None:
    """The gradient of the widest layer, over 40 networks written in NumPy."""
    x, labels = blobs()
    rng, width, depth, std = np.random.default_rng(1), 200, 3, 0.1
    errors, squares = (1 / 3 - np.eye(3)[labels]) / 60, []
    for _ in range(40):
        fans = [5, *[width] * depth]
        w = [rng.standard_normal((n, m)) * std for m, n in zip(fans, [*fans[1:], 3], strict=True)]
        a = [x]
        for matrix in w[:-1]:
            a.append(np.maximum(a[-1] @ matrix.T, 0))
        back, row = errors, []
        for layer in reversed(range(depth + 1)):
            row.append(np.sum((back.T @ a[layer]) ** 2))
            back = (back @ w[layer]) * (a[layer] > 0)
        squares.append(row)
    measured = np.max(np.mean(squares, axis=0)) ** 0.5
    edge = upper_edge(x, labels, width=width, depth=depth, learning_rate=0.5)
    predicted = 2 * edge * width**0.5 / 0.5 * (std / edge) ** depth
    assert measured == pytest.approx(predicted, rel=0.1)


def test_the_lower_edge() -> None:
    x, labels = blobs()
    found = lower_edge(x, labels, width=128, depth=3, learning_rate=0.1, steps=400)
    mode = x.T @ (np.eye(3)[labels] - 1 / 3) / 60
    strength = found * 128**0.5
    assert strength**-2 == pytest.approx(np.linalg.norm(mode, 2) / 2 * 2 * 40)
    longer = lower_edge(x, labels, width=128, depth=3, learning_rate=0.1, steps=1600)
    assert longer == pytest.approx(found / 2)


def test_the_first_update_sets_the_scale() -> None:
    optimizer = networks.RescaledStart((1.0, -1.0), "sgd", 0.5)
    assert optimizer == networks.RescaledStart((1.0, -1.0), "sgd", 0.5)
    chosen = optimizer(jnp.asarray(4.0))
    params: Any = [jnp.ones(2), jnp.ones(3)]
    state = chosen.init(params)
    for expected in ((4.0, 0.25), (3.5, -0.25)):
        update, state = chosen.update([jnp.ones(2), jnp.ones(3)], state, params)
        params = optax.apply_updates(params, update)
        np.testing.assert_allclose([params[0][0], params[1][0]], expected)


def test_networks_start_at_their_deviations() -> None:
    start = networks.Start((49, 32, 10), (0.3, 0.2))
    model = start.network().init(jax.random.key(0), (49,))
    stds = [float(jnp.std(model.layers[i].weight)) for i in (0, 2)]
    np.testing.assert_allclose(stds, [0.3, 0.2], rtol=0.15)


def test_ends_are_read_off_losses() -> None:
    grid = np.log(sweep.stds(STUDY))
    ends = sweep.edges(STUDY, np.array([2.3, 0.1, 0.2, np.nan]))
    np.testing.assert_allclose(ends, [(grid[0] + grid[1]) / 2, (grid[2] + grid[3]) / 2])
    assert np.isnan(sweep.edges(STUDY, np.array([0.1, 0.1, 0.2, 0.3]))).all()
    assert np.isnan(sweep.edges(STUDY, np.full(4, 2.3))).all()
    worse = sweep.edges(STUDY, np.array([2.3, 0.1, 5.0, np.nan]))
    np.testing.assert_allclose(worse, ends)


def test_steps_until() -> None:
    goal = np.log(10) / 2
    assert kaiming.steps_until(np.array([goal + 1, goal + 0.5, goal - 0.5])) == 1.5
    assert np.isnan(kaiming.steps_until(np.array([2.3, 2.2])))


def test_learning_rates_warm_up() -> None:
    found = gpt_training.learning_rates(0.4, 4, 6)
    np.testing.assert_allclose(found, [0.1, 0.2, 0.3, 0.4, 0.4, 0.4])
    plan = transformer.schedule(STUDY, 5e-3)
    assert plan.weight_decay == pytest.approx(1 / (2 * 5e-3 * STUDY.text_time))
    assert np.size(plan.rates) == transformer.RECORDS * STUDY.text_steps


def test_the_prediction_is_the_balance_of_noise_and_decay() -> None:
    predicted = transformer.predict(STUDY).log_std
    simple = np.log(np.array(STUDY.text_rates) * STUDY.text_time**0.5)
    # Four time constants, and memories of ten steps in 150, leave a few percent.
    np.testing.assert_allclose(predicted.isel(step=-1), simple, atol=0.06)


def test_trend_is_the_change_over_all_blocks() -> None:
    values = np.array([[1.0, 3.0, 5.0], [2.0, 2.0, 2.0]])[:, :, None] + np.array([0.0, 1.0])
    rows = xr.DataArray(values, dims=("member", "layer", "tensor"))
    np.testing.assert_allclose(transformer.trend(rows), [4, 0], atol=1e-12)


@pytest.mark.slow
def test_training_is_that_of_adamw() -> None:
    text, keys = data.shakespeare(), jax.random.split(jax.random.key(0), 1)
    setting = gpt_training.Setting(8, 2, 4, 5, len(text.alphabet), 0.1, 0.9, 0.95)
    rates, starts = np.full((2, 2), 0.01), np.arange(12).reshape(1, 2, 2, 3) * 50
    schedule = gpt_training.Schedule(jnp.asarray(rates), 2.0)
    squares, losses = gpt_training.trained(
        setting, jnp.asarray(text.codes), jnp.asarray(starts), schedule, keys
    )
    model = GPT(
        8, 2, symbols=len(text.alphabet), length=5, head=4, weight_std=0.1, use_bias=False,
        key=keys[0],
    )  # fmt: skip
    mask = jax.tree_util.tree_map_with_path(
        lambda path, _: "ln_" not in jax.tree_util.keystr(path), model
    )
    optimizer = optax.adamw(0.01, 0.9, 0.95, weight_decay=2.0, mask=mask)
    state, errors = optimizer.init(eqx.filter(model, eqx.is_inexact_array)), []
    for begin in starts.reshape(4, 3):
        batch = text.codes[begin[:, None] + np.arange(6)]

        def loss(model: Any, batch: np.ndarray = batch) -> Any:
            logs = jax.nn.log_softmax(jax.vmap(model)(batch[:, :-1]))
            return -jnp.mean(jnp.take_along_axis(logs, batch[:, 1:, None], axis=2))

        value, gradient = eqx.filter_jit(eqx.filter_value_and_grad(loss))(model)
        errors.append(float(value))
        updates, state = optimizer.update(gradient, state, eqx.filter(model, eqx.is_inexact_array))
        model = eqx.apply_updates(model, updates)
    np.testing.assert_allclose(losses[0], np.reshape(errors, (2, 2)).mean(axis=1), rtol=1e-5)
    expected = gpt_training.mean_squares(model)
    np.testing.assert_allclose(squares[0, -1], expected, rtol=1e-4)


def test_refused() -> None:
    x, labels = blobs()
    for call, match in [
        (lambda: variance_recursion(RELU, [3, 3], [], square_norm=1.0), "one more"),
        (
            lambda: variance_recursion(activations.relu, [3, 3], [-1.0], square_norm=1.0),
            "at least 0",
        ),
        (lambda: upper_edge(x, labels, width=8, depth=1, learning_rate=0.1), "fewer have no edge"),
        (lambda: upper_edge(x, labels, width=8, depth=2, learning_rate=0.0), "positive"),
        (lambda: InitVariance(depths=(4, 2)), "increasing"),
        (lambda: InitVariance(text_rates=(2e-3, 1e-3)), "increasing"),
        (lambda: InitVariance(text_width=20), "text_head 8"),
    ]:
        with pytest.raises(ValueError, match=match):
            call()
