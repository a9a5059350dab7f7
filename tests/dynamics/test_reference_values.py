"""Predictions against numbers computed with neural-tangents 0.6.5 (Novak et al., 2020)."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import networks as nn
from widthwise.dynamics import (
    KernelMatrices,
    KernelPair,
    gradient_flow,
    loss_flow,
    max_learning_rate,
    predict,
)

FILE = Path(__file__).parent / "data" / "neural_tangents.json"
RECORDS = {record["name"]: record for record in json.loads(FILE.read_text())["records"]}
ACTIVATIONS = {"Relu": nn.Relu, "Erf": nn.Erf, "Gelu": nn.Gelu}


def normal(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape)


def network(record):
    return nn.Sequential(
        *(
            ACTIVATIONS[layer["op"]]()
            if layer["op"] != "Dense"
            else nn.Dense(1, layer["W_std"], layer["b_std"], bias=layer["b_std"] is not None)
            for layer in record["layers"]
        ),
        parametrization=nn.NTK(),
    )


def data(record):
    x = normal(record["x_train"]["seed"], record["x_train"]["shape"])
    y = np.stack([np.sin(2 * x[:, 0]) + x[:, 1], np.cos(x[:, 2]) * x[:, 0]], axis=1)
    return jnp.asarray(x), jnp.asarray(y)


def points(record):
    return jnp.asarray(normal(record["x_test"]["seed"], record["x_test"]["shape"]))


START = {"initial_train": 0.3 * normal(1502, (8, 2)), "initial_test": 0.3 * normal(1503, (3, 2))}


@pytest.mark.parametrize("name", [name for name in RECORDS if name.startswith("predict_")])
def test_ensembles(name):
    record = RECORDS[name]
    x, y = data(record)
    times = sorted(float(t) for t in record["times"] if t != "None")
    settings = {
        "learning_rate": record["learning_rate"],
        "diag_reg": record["diag_reg"],
        "diag_reg_absolute": record["diag_reg_absolute_scale"],
    }
    net, x_test = network(record), points(record)
    together = predict(net, x, y, x_test, time=times, **settings)
    at_end = predict(net, x, y, x_test, **settings)
    # the peer predicts the training points with the regularized kernel: noisy outputs there
    kernels = []
    for matrix in net.kernel(x):
        unit = 1.0 if record["diag_reg_absolute_scale"] else jnp.trace(matrix) / len(matrix)
        noisy = matrix + record["diag_reg"] * unit * jnp.eye(len(matrix))
        kernels.append(KernelMatrices(matrix, noisy, noisy))
    train = predict(KernelPair(*kernels), None, y, time=times, **settings)
    # the peer rounds the angles of ReLU to half the digits
    tolerance = 1e-8 if "relu" in name else 1e-11
    for which in ("nngp", "ntk"):
        for t, mean, covariance in (
            *zip(map(str, times), *getattr(together, which), strict=True),
            ("None", *getattr(at_end, which)),
        ):
            expected = record["times"][t][which]
            np.testing.assert_allclose(mean, expected["mean"], rtol=0, atol=tolerance)
            np.testing.assert_allclose(covariance, expected["cov"], rtol=0, atol=tolerance)
    for t, mean in zip(times, train.ntk.mean, strict=True):
        expected = record["times"][str(t)]["ntk_train_mean"]
        np.testing.assert_allclose(mean, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", [name for name in RECORDS if "_mse_momentum_" in name])
def test_one_network(name):
    record = RECORDS[name]
    x, y = data(record)
    times = sorted(map(float, record["times"]))
    settings = {"learning_rate": record["learning_rate"], "momentum": record["momentum"]}
    trained = gradient_flow(network(record), x, y, points(record), time=times, **START, **settings)
    assert trained.test is not None
    # the peer integrates momentum numerically, and rounds the angles of ReLU
    tolerance = 1e-8 if record["momentum"] is None else 1e-7
    for t, train, test in zip(times, trained.train, trained.test, strict=True):
        expected = record["times"][str(t)]
        np.testing.assert_allclose(train, expected["train"], rtol=0, atol=tolerance)
        np.testing.assert_allclose(test, expected["test"], rtol=0, atol=tolerance)


def test_cross_entropy():
    record = RECORDS["gradient_descent_xent"]
    x, y = data(record)
    labels = jnp.argmax(y, axis=1)

    def loss(logits):
        return -jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels].mean()

    trained = loss_flow(
        network(record), x, loss, points(record), time=5.0, learning_rate=1.0, **START
    )
    assert trained.test is not None
    expected = record["times"]["5.0"]
    np.testing.assert_allclose(trained.train, expected["train"], atol=1e-6)
    np.testing.assert_allclose(trained.test, expected["test"], atol=1e-6)


def test_largest_learning_rate():
    record = RECORDS["max_learning_rate"]
    x, _ = data(record)
    largest = max_learning_rate(network(record).kernel(x).ntk, record["y_train_size"])
    assert largest == pytest.approx(record["value"], rel=1e-8)  # the peer rounds angles
