"""Archived predictions through the archived interface, and what it refuses."""

import json
from collections import namedtuple
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import widthwise.compat.neural_tangents as nt
from widthwise.compat.neural_tangents import stax

FILE = Path(__file__).parents[1] / "dynamics" / "data" / "neural_tangents.json"
RECORDS = {record["name"]: record for record in json.loads(FILE.read_text())["records"]}


def normal(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape)


def kernel_fn(record):
    def layer(op, W_std=None, b_std=None, width=1):
        return stax.Dense(width, W_std, b_std) if op == "Dense" else getattr(stax, op)()

    return stax.serial(*(layer(**given) for given in record["layers"])).kernel_fn


def data(record):
    x = normal(record["x_train"]["seed"], record["x_train"]["shape"])
    y = np.stack([np.sin(2 * x[:, 0]) + x[:, 1], np.cos(x[:, 2]) * x[:, 0]], axis=1)
    return x, y


def points(record):
    return normal(record["x_test"]["seed"], record["x_test"]["shape"])


ensemble = nt.predict.gradient_descent_mse_ensemble
START = (0.3 * normal(1502, (8, 2)), 0.3 * normal(1503, (3, 2)))
ENSEMBLES = [name for name in RECORDS if name.startswith("predict_")]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name == "predict_relu2" else name
        for name in ENSEMBLES
    ],
)
def test_ensembles(name):
    record = RECORDS[name]
    x, y = data(record)
    settings = {
        "diag_reg": record["diag_reg"],
        "diag_reg_absolute_scale": record["diag_reg_absolute_scale"],
    }
    kernel = kernel_fn(record)
    predict_fn = nt.predict.gradient_descent_mse_ensemble(
        kernel, x, y, record["learning_rate"], **settings
    )
    times = sorted(float(t) for t in record["times"] if t != "None")
    together = predict_fn(times, points(record), compute_cov=True)
    at_end = predict_fn(None, points(record), None, True)
    means = predict_fn(x_test=points(record), get="ntk")
    np.testing.assert_allclose(means, at_end.ntk.mean, atol=1e-10)
    k = [kernel(a, b, ("nngp", "ntk")) for a, b in ((x, None), (points(record), x))]
    k_test = kernel(points(record), None, "nngp")
    posterior = nt.predict.gp_inference(k[0], y, **settings)(None, k[1], k_test)
    # that library rounds the angles of ReLU to half the digits
    tolerance = 1e-8 if "relu" in name else 1e-11
    for which in ("nngp", "ntk"):
        for t, mean, covariance in (
            *zip(map(str, times), *getattr(together, which), strict=True),
            ("None", *getattr(at_end, which)),
            ("None", *getattr(posterior, which)),
        ):
            expected = record["times"][t][which]
            np.testing.assert_allclose(mean, expected["mean"], rtol=0, atol=tolerance)
            np.testing.assert_allclose(covariance, expected["cov"], rtol=0, atol=tolerance)
    # that library adds the noise to what it predicts at the training points
    matrix = k[0].ntk
    unit = 1.0 if record["diag_reg_absolute_scale"] else np.trace(matrix) / len(matrix)
    noisy = matrix + record["diag_reg"] * unit * np.eye(len(matrix))
    train = nt.predict.gradient_descent_mse(noisy, y, record["learning_rate"])(times)
    for t, mean in zip(times, train, strict=True):
        expected = record["times"][str(t)]["ntk_train_mean"]
        np.testing.assert_allclose(mean, expected, rtol=0, atol=tolerance)


def test_training_points_are_test_points_like_others():
    record = RECORDS["predict_erf3_reg"]
    x, y = data(record)
    predict_fn = nt.predict.gradient_descent_mse_ensemble(kernel_fn(record), x, y, diag_reg=0.1)
    for t in (None, 2.0):
        for a, b in zip(
            jax.tree.leaves(predict_fn(t, compute_cov=True)),
            jax.tree.leaves(predict_fn(t, x, compute_cov=True)),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, atol=1e-12)


def test_a_kernel_function_of_ones_own():
    record = RECORDS["predict_gelu1_absreg"]
    (x, y), ours = data(record), kernel_fn(record)
    fields = namedtuple("Both", "ntk nngp")

    def own(x1, x2, get, steps=1):
        both = ours(x1, x2, ("nngp", "ntk"))
        return getattr(both, get) if isinstance(get, str) else fields(both.ntk * steps, both.nngp)

    for cov in (False, True):
        expected = ensemble(ours, x, y)(1.0, points(record), None, cov)
        found = ensemble(own, x, y, steps=1)(1.0, points(record), None, cov)
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
            np.testing.assert_array_equal(a, b)


def squared(f, y):
    return jnp.sum((f - y) ** 2) / (2 * y.size)


@pytest.mark.parametrize(
    "name",
    [
        "gradient_descent_mse_momentum_None",
        pytest.param("gradient_descent_mse_momentum_0.9", marks=pytest.mark.slow),
    ],
)
def test_one_network(name):
    record = RECORDS[name]
    x, y = data(record)
    kernel, times = kernel_fn(record), sorted(map(float, record["times"]))
    own, cross = kernel(x, None, "ntk"), kernel(points(record), x, "ntk")
    if record["momentum"] is None:
        predict_fn = nt.predict.gradient_descent_mse(own, y, record["learning_rate"])
    else:
        predict_fn = nt.predict.gradient_descent(
            squared, own, y, record["learning_rate"], record["momentum"]
        )
    train, test = predict_fn(np.array(times), *START, cross)
    tolerance = 1e-8 if record["momentum"] is None else 1e-6
    for i, t in enumerate(times):
        expected = record["times"][str(t)]
        np.testing.assert_allclose(train[i], expected["train"], rtol=0, atol=tolerance)
        np.testing.assert_allclose(test[i], expected["test"], rtol=0, atol=tolerance)


@pytest.mark.slow
def test_cross_entropy_and_its_state():
    record = RECORDS["gradient_descent_xent"]
    x, y = data(record)
    labels = np.eye(2)[np.argmax(y, axis=1)]
    kernel = kernel_fn(record)
    own, cross = kernel(x, None, "ntk"), kernel(points(record), x, "ntk")

    def loss(logits, targets):
        return -jnp.mean(jnp.sum(targets * jax.nn.log_softmax(logits), axis=1))

    predict_fn = nt.predict.gradient_descent(loss, own, labels)
    state = predict_fn(5.0, nt.predict.ODEState(*START), None, cross)
    expected = record["times"]["5.0"]
    np.testing.assert_allclose(state.fx_train, expected["train"], atol=1e-6)
    np.testing.assert_allclose(state.fx_test, expected["test"], atol=1e-6)
    with pytest.raises(NotImplementedError, match="momentum"):
        predict_fn(1.0, nt.predict.ODEState(START[0], None, START[0]))
    with pytest.raises(ValueError, match="finite"):
        predict_fn(None, START[0])


def test_largest_learning_rate():
    record = RECORDS["max_learning_rate"]
    kernel = kernel_fn(record)(data(record)[0], None, "ntk")
    largest = nt.predict.max_learning_rate(kernel, record["y_train_size"])
    assert largest == pytest.approx(record["value"], rel=1e-8)
    pairs = np.einsum("ij,ab->ijab", kernel, np.eye(2))
    assert nt.predict.max_learning_rate(pairs) == pytest.approx(largest)


def test_outputs_in_the_kernel():
    """Correlated outputs, by the matrix exponential of the whole kernel."""
    rng = np.random.default_rng(0)
    root = rng.standard_normal((10, 10))
    whole = root @ root.T
    y, fx = rng.standard_normal((2, 5, 2))
    # rows are (point, output): the archived order has the axes in pairs
    kernel = whole.reshape(5, 2, 5, 2).transpose(0, 2, 1, 3)
    values, modes = np.linalg.eigh(whole)
    t = np.array([[0.5], [3.0]])
    decay = np.exp(-values * t[..., None] / y.size)
    expected = y.ravel() + (decay[:, 0, None, :] * modes) @ modes.T @ (fx - y).ravel()
    predict_fn = nt.predict.gradient_descent_mse(kernel, y, trace_axes=())
    np.testing.assert_allclose(predict_fn(t, fx), expected.reshape(2, 1, 5, 2), atol=1e-12)
    again, test = predict_fn(t, fx, fx, kernel)
    np.testing.assert_allclose(test, again, atol=1e-12)
    law = nt.predict.gp_inference(kernel, y, 0.1, True, ())("nngp", kernel, kernel)
    solved = np.linalg.solve(whole + 0.1 * np.eye(10), whole)
    np.testing.assert_allclose(law.mean.ravel(), solved.T @ y.ravel(), atol=1e-10)
    covariance = (whole - whole @ solved).reshape(5, 2, 5, 2).transpose(0, 2, 1, 3)
    np.testing.assert_allclose(law.covariance, covariance, atol=1e-10)


def test_a_process_with_the_tangent_kernel():
    record = RECORDS["predict_gelu1_absreg"]
    (x, y), kernel = data(record), kernel_fn(record)
    k, cross = (kernel(a, b, ("nngp", "ntk")) for a, b in ((x, None), (points(record), x)))
    test = kernel(points(record), None, ("nngp", "ntk"))
    law = nt.predict.gp_inference(k, y, 0.1, True)("ntkgp", cross, test)
    solved = np.linalg.solve(k.ntk + 0.1 * np.eye(8), np.asarray(cross.ntk).T)
    np.testing.assert_allclose(law.mean, solved.T @ y, atol=1e-12)
    np.testing.assert_allclose(law.covariance, test.ntk - cross.ntk @ solved, atol=1e-12)


NET = stax.serial(stax.Dense(8), stax.Erf(), stax.Dense(1))
EYE, COLUMN = np.eye(3), np.ones((3, 1))
MISTAKES = {
    "apply_fn": (TypeError, "third function", lambda: ensemble(NET.apply_fn, EYE, COLUMN)),
    "triple": (TypeError, "third function", lambda: ensemble(NET, EYE, COLUMN)),
    "get": (
        ValueError,
        "did you mean 'ntk'",
        lambda: ensemble(NET.kernel_fn, EYE, COLUMN)(get="ntkk"),
    ),
    "negative diag_reg": (
        ValueError,
        "diag_reg is -1",
        lambda: ensemble(NET.kernel_fn, EYE, COLUMN, diag_reg=-1.0)(get="ntk"),
    ),
    "flat targets": (
        ValueError,
        r"\(points, outputs\)",
        lambda: ensemble(NET.kernel_fn, EYE, COLUMN[:, 0]),
    ),
    "shape": (
        ValueError,
        "k_train_train has shape",
        lambda: nt.predict.gradient_descent_mse(np.ones((3, 3, 3)), COLUMN),
    ),
    "no kernel": (
        ValueError,
        "without k_test_train",
        lambda: nt.predict.gradient_descent_mse(EYE, COLUMN)(None, 0.0, 0.0),
    ),
    "nothing": (
        ValueError,
        "both initial outputs are None",
        lambda: nt.predict.gradient_descent_mse(EYE, COLUMN)(None, None),
    ),
    "missing nngp": (
        ValueError,
        "has no nngp kernel",
        lambda: nt.predict.gp_inference(NET.kernel_fn(EYE, None, ("ntk",)), COLUMN)("nngp"),
    ),
    "odd axes": (
        ValueError,
        "axes in pairs",
        lambda: nt.predict.max_learning_rate(np.ones((3, 3, 3))),
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(case):
    error, words, attempt = MISTAKES[case]
    with pytest.raises(error, match=words):
        attempt()
