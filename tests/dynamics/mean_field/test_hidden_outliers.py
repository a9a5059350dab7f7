"""Outliers of hidden weights against reference values, networks, and equivalent problems."""

import jax
import numpy as np
import optax
import pytest

import widthwise as ww
from widthwise.dynamics import dmft, hidden_outliers

ONE = (np.ones((1, 1)), np.ones(1))
TWO = (np.eye(2) * 2**0.5, np.array([1.0, -0.6]))


def network(depth, activation, variance, widths=(64, 64)):
    """A chain of layers whose weights all start with one variance, and learn at one rate."""
    layers = [layer for i in range(depth) for layer in (ww.Dense(widths[i % 2]), activation())]
    return ww.Sequential(*layers, ww.Dense(1), parametrization=ww.MuP(weight_std=variance**0.5))


def solved(net, data=ONE, **settings):
    return dmft(net, data, loss="sum", **settings)


def largest(found):
    return found.singular_value.isel(outlier=0).values


@pytest.mark.parametrize(
    ("variance", "rate", "richness", "expected", "escape"),
    [
        (1.0, 0.02, 5.0, {8: 2.0250350, 12: 2.0927414, 30: 2.0990262}, 6.566),
        (0.25, 0.05, 3.0, {8: 1.0086591, 12: 1.2561944, 20: 1.5236258, 40: 1.5239685}, 7.213),
    ],
)
def test_linear_networks(variance, rate, richness, expected, escape):
    net = network(2, ww.Identity, variance)
    solution = solved(net, steps=max(expected), learning_rate=rate, richness=richness)
    found = hidden_outliers(solution)
    np.testing.assert_allclose(largest(found)[list(expected)], list(expected.values()), atol=1e-6)
    assert found.attrs["escape_step"] == pytest.approx(escape, abs=1e-3)
    assert found.attrs["edge"] == pytest.approx(2 * variance**0.5)


def test_both_hidden_matrices_of_a_linear_network_have_the_same_outliers():
    solution = solved(network(3, ww.Identity, 0.5), steps=20, learning_rate=0.05, richness=2.0)
    for layer in (1, 2):
        found = hidden_outliers(solution, layer, steps=(5, 10, 20))
        np.testing.assert_allclose(largest(found), [np.nan, 1.4155696, 1.4611763], atol=1e-6)
        assert float(found.escape_statistic[0]) == pytest.approx(0.3409162, abs=1e-4)


def test_test_points_change_nothing():
    net = network(2, ww.Identity, 0.5)
    settings = {"data": TWO, "steps": 12, "learning_rate": 0.05, "richness": 3.0}
    alone = hidden_outliers(solved(net, **settings), steps=(12,))
    more = solved(net, **settings, x_test=np.array([[1.0, 1.0], [0.3, -2.0]]))
    np.testing.assert_allclose(
        hidden_outliers(more, steps=(12,)).singular_value, alone.singular_value, rtol=1e-7
    )


@pytest.mark.parametrize(
    ("data", "expected", "independent"),
    [
        (ONE, [1.588, 1.817, 2.063, 2.175], [1.432, 1.553, 1.731, 1.820]),
        (TWO, [1.796, 2.011, 2.110, 2.174], None),
    ],
)
def test_sampled_networks_of_tanh(data, expected, independent):
    solution = solved(
        network(2, ww.Tanh, 0.5),
        data,
        steps=40,
        learning_rate=0.1,
        richness=3.0,
        method="sampled",
        key=jax.random.key(0),
    )
    found = hidden_outliers(solution, steps=(10, 15, 25, 40))
    np.testing.assert_allclose(largest(found), expected, atol=0.005)
    if independent is not None:
        np.testing.assert_allclose(found.independent[:, 0], independent, atol=0.005)


def test_a_sampled_linear_network_has_the_outliers_of_the_closed_equations():
    net = network(2, ww.Identity, 0.25)
    settings = {"steps": 40, "learning_rate": 0.05, "richness": 3.0}
    exact = hidden_outliers(solved(net, **settings))
    sampled = solved(net, **settings, method="sampled", key=jax.random.key(0), tolerance=1.0)
    np.testing.assert_allclose(
        largest(hidden_outliers(sampled)), largest(exact), atol=2e-4, equal_nan=True
    )


def test_layers_of_unequal_widths_against_networks():
    """The bulk of a rectangular matrix, and the units of both responses."""
    layers = (ww.Dense(256), ww.Identity(), ww.Dense(512), ww.Identity(), ww.Dense(1))
    net = ww.Sequential(*layers, parametrization=ww.MeanField(weight_std=1.2))
    found = hidden_outliers(
        solved(net, steps=10, learning_rate=0.02, richness=6.0), steps=(0, 5, 10)
    )
    history = ww.train(
        net,
        (np.ones((1, 1), np.float32), np.ones(1, np.float32)),
        key=jax.random.key(0),
        members=4,
        steps=10,
        optimizer=optax.sgd(0.02),
        richness=6.0,
        loss="sum",
        record="singular_values",
        at=(0, 5, 10),
    )
    measured = history.singular_values.isel(width=0, matrix=0, rank=0).mean("member").values
    assert found.attrs["edge"] == pytest.approx(1.2 * (1 + 2**0.5))
    assert measured[0] == pytest.approx(found.attrs["edge"], rel=0.02)
    np.testing.assert_allclose(measured[1:], largest(found)[1:], rtol=0.01)


def test_refusals():
    solution = solved(network(2, ww.Identity, 1.0), steps=2, learning_rate=0.02)
    with pytest.raises(ValueError, match="numbered from 1 to 1"):
        hidden_outliers(solution, 2)
    with pytest.raises(ValueError, match="between 0 and 2"):
        hidden_outliers(solution, steps=(3,))
    shallow = solved(network(1, ww.Identity, 1.0), steps=2, learning_rate=0.02)
    with pytest.raises(ValueError, match="one hidden layer"):
        hidden_outliers(shallow)
    flow = solved(network(2, ww.Identity, 1.0), times=(0.1,))
    with pytest.raises(ValueError, match="gradient flow"):
        hidden_outliers(flow)
