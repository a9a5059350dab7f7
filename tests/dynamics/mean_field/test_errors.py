"""What cannot be solved is refused, with what to do instead."""

import jax
import numpy as np
import pytest

import widthwise as ww
from widthwise.dynamics import Diverged, dmft

KEY = jax.random.key(0)
X, Y = np.eye(2), np.array([1.0, -1.0])
MEAN_FIELD = ww.MeanField()


def network(*layers, parametrization: ww.networks.Parametrization | None = MEAN_FIELD):
    return ww.Sequential(*layers, parametrization=parametrization)


def shallow(activation, parametrization: ww.networks.Parametrization | None = MEAN_FIELD):
    return network(ww.Dense(16), activation, ww.Dense(1), parametrization=parametrization)


LINEAR = shallow(ww.Identity())
DEEP = network(ww.Dense(16), ww.Tanh(), ww.Dense(16), ww.Tanh(), ww.Dense(1))


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (shallow(ww.Relu(), ww.NTK()), r"MeanField\(\) at richness=1/sqrt\(16\)=0.25"),
        (shallow(ww.Relu(), None), "no mean-field limit"),
        (shallow(ww.Relu(), ww.Standard()), "no mean-field limit"),
        (shallow(ww.Relu(), ww.MeanField(bias_std=0.1)), "biases"),
        (network(ww.Conv(4, 3), ww.Relu(), ww.Flatten(), ww.Dense(1)), "Conv"),
        (network(ww.Dense(16), ww.Relu(), ww.Dense(2)), "2 outputs"),
        (network(ww.Dense(1)), "at least one hidden layer"),
        (network(ww.Dense(9), ww.Relu(), ww.Tanh(), ww.Dense(1)), "put a Dense layer between"),
        (shallow(ww.Elementwise(ww.activations.step)), "jumps"),
        (shallow(ww.Elementwise(ww.activations.sign)), "jumps"),
        (shallow(ww.Elementwise(ww.activations.hermite(2))), "grows faster"),
        (shallow(ww.Elementwise(ww.activations.exp)), "grows faster"),
    ],
)
def test_networks(net, words):
    with pytest.raises(ValueError, match=words):
        dmft(net, (X, Y), steps=2, loss="sum", key=KEY)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"richness": 0.0}, "widthwise.predict"),
        ({"richness": -1.0}, "positive"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": np.ones(3)}, "one for each of 2 steps"),
        ({"steps": 0}, "at least 1"),
        ({"steps": None}, "either steps"),
        ({"times": 1.0}, "either steps"),
        ({"steps": None, "times": [2.0, 1.0]}, "increasing"),
        ({"loss": "summ"}, "did you mean 'sum'"),
        ({"loss": "cross_entropy"}, "labels 0 and 1"),
        ({"loss": lambda f, y: f[:1] - y[:1]}, "one number"),
        ({"method": "deep-linear"}, "did you mean 'deep_linear'"),
        ({"sample_weight": np.ones(3)}, "sample_weight has shape"),
        ({"sample_weight": -np.ones(2)}, "at least 0"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"sites": 0}, "sites"),
        ({"x_test": np.ones((2, 5))}, "inputs of one shape"),
    ],
)
def test_settings(change, words):
    with pytest.raises(ValueError, match=words):
        dmft(LINEAR, (X, Y), **({"steps": 2} | change))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ((np.array([[1.0, np.nan], [0.0, 1.0]]), Y), "not finite"),
        ((X, np.array([1.0, np.inf])), "NaN or infinite"),
        ((X, np.ones(3)), "targets have shape"),
        ((X, np.ones((2, 2))), "targets have shape"),
        ((np.zeros((2, 2)), Y), "all inputs are zero"),
        ((np.ones((2, 3, 4)), Y), "points, features"),
    ],
)
def test_data(data, words):
    with pytest.raises(ValueError, match=words):
        dmft(LINEAR, data, steps=2, loss="sum")


def test_methods_that_do_not_apply():
    tanh = shallow(ww.Tanh())
    with pytest.raises(ValueError, match="give Identity"):
        dmft(tanh, (X, Y), steps=2, loss="sum", method="deep_linear")
    with pytest.raises(ValueError, match="2 hidden layers"):
        dmft(DEEP, (X, Y), steps=2, loss="sum", method="two_layer", key=KEY)
    with pytest.raises(ValueError, match="give key"):
        dmft(tanh, (X, Y), steps=2, loss="sum")
    with pytest.raises(ValueError, match="give at least 2100"):
        dmft(DEEP, (X, Y), steps=20, loss="sum", key=KEY, sites=1000)


def test_divergence_names_the_step():
    with pytest.raises(Diverged, match="smaller learning rate") as caught:
        dmft(LINEAR, (X, Y), steps=50, loss="sum", learning_rate=10.0)
    assert 0 < caught.value.step < 50


def test_iteration_that_does_not_converge():
    net = network(*[layer for _ in range(3) for layer in (ww.Dense(8), ww.Identity())], ww.Dense(1))
    with pytest.raises(RuntimeError, match="did not converge"):
        dmft(net, (3 * X, 3 * Y), steps=20, loss="sum", learning_rate=0.05, method="fixed_point")


def test_an_error_beyond_the_tolerance_says_how_many_sites():
    with pytest.raises(ValueError, match="give sites="):
        dmft(
            DEEP,
            (X, Y),
            steps=5,
            loss="sum",
            learning_rate=0.5,
            key=KEY,
            sites=1000,
            tolerance=1e-5,
        )
