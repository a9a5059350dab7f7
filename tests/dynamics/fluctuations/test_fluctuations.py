"""Fluctuations of a network as it is written: conventions, gains, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

import widthwise as ww
from widthwise.dynamics.fluctuations import Descent, two_layer_linear
from widthwise.ensembles.two_layer_linear import train_gram

RNG = np.random.default_rng(6)
X, Y, NEW = RNG.standard_normal((2, 3)), np.array([1.0, -0.5]), RNG.standard_normal((1, 3))
SETTINGS = {"steps": 3, "learning_rate": 0.1, "loss": "sum"}


def network(*hidden, width=8, stds=(0.7, 1.2, 0.9), rules=None):
    layers = []
    for phi, std in zip(hidden, stds, strict=False):
        layers += [ww.Dense(width, weight_std=std), phi]
    rules = ww.MeanField() if rules is None else rules
    return ww.Sequential(*layers, ww.Dense(1, weight_std=stds[len(hidden)]), parametrization=rules)


def trained(net, gamma, steps, eta):
    """Full-batch gradient descent of one linear network, by the table of its weights' rates."""
    rng = np.random.default_rng(2)
    inner, outer = net.parameter_table((3,))
    drawn = rng.standard_normal(inner.shape), rng.standard_normal(outer.shape)
    v, w = (row.init_std * z for row, z in zip((inner, outer), drawn, strict=True))
    outputs = []
    for _ in range(steps + 1):
        hidden = inner.multiplier * v @ X.T
        outputs.append((outer.multiplier * w @ hidden)[0] / gamma)
        error = (Y - outputs[-1])[None] / gamma
        back = outer.multiplier * w.T @ error
        w = w + eta * gamma**2 * outer.sgd * outer.multiplier * error @ hidden.T
        v = v + eta * gamma**2 * inner.sgd * inner.multiplier * back @ X
    return drawn, np.array(outputs)


def test_conventions_are_those_of_networks():
    # one network's Gram matrix predicts its training exactly: gains, richness, rates as stated
    gamma, width, eta = 1.5, 8, 0.1
    (v, w), outputs = trained(network(ww.Identity()), gamma, 3, eta)
    vectors = np.concatenate([0.7 * v @ X.T / 3**0.5, w.T], axis=1)
    rates = (eta * 1.2**2, gamma / 1.2)  # the last gain is absorbed
    found = train_gram(
        (vectors.T @ vectors / width)[None], 0.49 * X @ X.T / 3, Y,
        steps=3, rates=rates, centered=False,
    )  # fmt: skip
    np.testing.assert_allclose(found[0][0], outputs, atol=1e-12)
    theory = ww.fluctuations(network(ww.Identity()), (X, Y), richness=gamma, **SETTINGS)
    expected = two_layer_linear(Descent(0.49 * X @ X.T / 3, Y, 3, *rates, loss="sum"))
    for name in ("output", "ntk"):
        factor = 1.0 if name == "output" else 1.44
        np.testing.assert_allclose(theory.mean[name], factor * expected.mean[name], atol=1e-12)
        np.testing.assert_allclose(
            theory.variance(name), factor**2 * expected.variance(name), atol=1e-12
        )


@pytest.mark.slow
def test_every_route_agrees_on_linear_networks():
    # slopes of activations, gains, and a point that is only watched
    steep = ww.Elementwise(ww.activations.identity.affine(1.3, 0.0, name="1.3 z"))
    settings = {**SETTINGS, "x_test": NEW, "steps": 2}
    shallow = ww.fluctuations(network(steep), (X, Y[:, None]), richness=1.5, **settings)
    assert shallow.mean["output"].shape == (3, 3)
    # every layer adds the product of all gains and slopes to the tangent kernel
    inputs = np.concatenate([X, NEW])
    passed = (0.7 * 1.3 * 1.2) ** 2 * inputs @ inputs.T / 3
    np.testing.assert_allclose(shallow.mean["ntk"][0], 2 * passed, rtol=1e-12)
    deep = network(steep, steep)
    found = ww.fluctuations(deep, (X, Y), richness=1e-3, centered=True, **SETTINGS)
    still = ww.fluctuations(deep, (X, Y), richness=0, centered=True, sites=2**15, **SETTINGS)
    np.testing.assert_allclose(still.mean["ntk"], found.mean["ntk"][0], rtol=1e-5)
    np.testing.assert_allclose(still.mean["output"], found.mean["output"], atol=1e-5)
    scale = found.variance().max()
    np.testing.assert_allclose(still.covariance(), found.covariance(), atol=0.03 * scale)
    passed = (0.7 * 1.3 * 1.2 * 1.3 * 0.9) ** 2 * X @ X.T / 3
    np.testing.assert_allclose(still.mean["ntk"], 3 * passed, rtol=1e-9)


def test_mup_and_mean_field_are_equal():
    rules = (ww.MeanField(), ww.MuP())
    found = [
        ww.fluctuations(network(ww.Identity(), stds=(1.0, 1.0), rules=r), (X, Y), **SETTINGS)
        for r in rules
    ]
    np.testing.assert_array_equal(found[0].joint, found[1].joint)


def test_a_layer_without_activation_has_the_identity():
    # and any odd activation of degree one is linear, however it is written
    double = replace(
        ww.activations.from_function(lambda z: 2 * z, name="2 z"), parity="odd", degree=1.0
    )
    plain = ww.Sequential(ww.Dense(8), ww.Dense(1), parametrization=ww.MeanField())
    found, expected, doubled = (
        ww.fluctuations(net, (X, Y), **SETTINGS)
        for net in (
            plain,
            network(ww.Identity(), stds=(1.0, 1.0)),
            network(ww.Elementwise(double), stds=(1.0, 0.5)),
        )
    )
    np.testing.assert_array_equal(found.joint, expected.joint)
    np.testing.assert_allclose(doubled.variance(), expected.variance(), rtol=1e-12)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (network(ww.Tanh(), rules=ww.NTK()), "give parametrization=MeanField"),
        (network(ww.Tanh(), rules=ww.MuP()), r"derived where the two are equal, give MeanField"),
        (network(ww.Tanh(), stds=(1.0, 0.0)), "give positive gains"),
        (network(ww.Tanh(), rules=ww.MeanField(bias_std=0.1)), "has biases"),
        (network(ww.Elementwise(ww.activations.sign)), "sign has jumps"),
        (network(ww.Elementwise(ww.activations.exp)), "grows faster than its argument"),
        (
            network(ww.Elementwise(ww.activations.from_function(lambda z: z**3))),
            "grows faster than its argument",
        ),
        (ww.Sequential(ww.Dense(1), parametrization=ww.MeanField()), "at least one hidden layer"),
        (
            ww.Sequential(ww.Dense(4), ww.Tanh(), ww.Dense(2), parametrization=ww.MeanField()),
            "2 outputs",
        ),
        (
            ww.Sequential(
                ww.Dense(4), ww.Tanh(), ww.Dense(5), ww.Tanh(), ww.Dense(1),
                parametrization=ww.MeanField(),
            ),
            r"have the ratios \[0.8\]: give all one width",
        ),
    ],
)  # fmt: skip
def test_refused_networks(net, message):
    with pytest.raises(ValueError, match=message):
        ww.fluctuations(net, (X, Y), **SETTINGS)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"data": (X, Y[:1])}, ValueError, r"targets have shape \(1,\): give \(2,\)"),
        ({"data": (X, np.ones((2, 2)))}, ValueError, "for 2 inputs and one output"),
        ({"data": (np.full((2, 3), np.nan), Y)}, ValueError, "not finite"),
        ({"x_test": np.ones((2, 4))}, ValueError, "inputs of one shape"),
        ({"richness": 0}, ValueError, "give centered=True"),
        ({"net": network(ww.Tanh(), ww.Tanh())}, NotImplementedError, "train an ensemble"),
        ({"net": network(ww.Identity(), ww.Identity()), "steps": 30}, ValueError, "an action of"),
    ],
)
def test_refused_data(changes, error, message):
    given = {"net": network(ww.Tanh()), "data": (X, Y), **SETTINGS, **changes}
    with pytest.raises(error, match=message):
        ww.fluctuations(given.pop("net"), given.pop("data"), **given)
