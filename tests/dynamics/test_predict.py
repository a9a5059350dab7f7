"""Ensembles under training: dense algebra, finite networks, limits and symmetries."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from widthwise import networks as nn
from widthwise.dynamics import KernelMatrices, KernelPair, gradient_flow, max_learning_rate, predict

RNG = np.random.default_rng(0)
X, X_TEST = RNG.standard_normal((4, 3)), RNG.standard_normal((2, 3))
Y = RNG.standard_normal((4, 2))
NET = nn.Sequential(
    nn.Dense(256), nn.Erf(), nn.Dense(1), parametrization=nn.NTK(weight_std=1.5, bias_std=0.2)
)
BOTH = NET.kernel(np.concatenate([X, X_TEST]))


def pair(points):
    """Kernels of these training points and of the test points."""
    blocks = ((points, points), ([4, 5], points), ([4, 5], [4, 5]))
    return KernelPair(*(KernelMatrices(*(k[np.ix_(*block)] for block in blocks)) for k in BOTH))


PAIR = pair([0, 1, 2, 3])


def close(left, right, tolerance=1e-11):
    """Compare array by array, relative to the largest entry."""
    for one, other in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        scale = max(1.0, np.abs(other).max())
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)


TRAININGS = {
    "flow": {"time": 3.0, "learning_rate": 0.7},
    "momentum": {"time": 9.0, "learning_rate": 0.2, "momentum": 0.7},
    "steps": {"steps": 5, "learning_rate": 2.0},
    "momentum in steps": {"steps": 5, "learning_rate": 1.5, "momentum": 0.7},
    "end": {"time": np.inf},
}


def one_network_at_a_time(which, initial, training):
    """Outputs at all six points, trained from these initial ones in the simplest way."""
    kernel = np.asarray(getattr(BOTH, which))
    rate = training.get("learning_rate", 1.0) / Y.size
    momentum = training.get("momentum")
    pull = np.zeros((6, 6))
    pull[:, :4] = rate * kernel[:, :4]
    goal = np.concatenate([Y, np.zeros((2, 2))])
    if "steps" in training:
        outputs, speed = initial, np.zeros_like(initial)
        for _ in range(training["steps"]):
            speed = (momentum or 0.0) * speed - pull @ (outputs - goal)
            outputs = outputs + speed
        return outputs
    if momentum is None:
        generator = np.block([[-pull, pull @ goal], [np.zeros((2, 8))]])
        state = np.concatenate([initial, np.eye(2)])
    else:
        zero = np.zeros((6, 6))
        drag = (momentum - 1) * np.eye(6)
        generator = np.block(
            [[zero, np.eye(6), np.zeros((6, 2))], [-pull, drag, pull @ goal], [np.zeros((2, 14))]]
        )
        state = np.concatenate([initial, np.zeros((6, 2)), np.eye(2)])
    time = min(training["time"], 1e4)
    return (expm(time * generator) @ state)[:6]


@pytest.mark.parametrize("which", ["nngp", "ntk"])
@pytest.mark.parametrize("name", TRAININGS)
def test_one_network_and_the_law_of_all(name, which):
    training = TRAININGS[name]
    start = RNG.standard_normal((6, 2))
    expected = one_network_at_a_time(which, start, training)
    settings = {"initial_train": start[:4], "initial_test": start[4:], **training}
    close(
        gradient_flow(getattr(PAIR, which), None, Y, **settings), (expected[:4], expected[4:]), 1e-7
    )
    # the law: training is affine in the initial outputs, which are Gaussian with mean zero
    zero = one_network_at_a_time(which, np.zeros((6, 2)), training)
    columns = [
        one_network_at_a_time(which, np.stack([e, e], axis=1), training)[:, 0] - zero[:, 0]
        for e in np.eye(6)
    ]
    linear = np.stack(columns, axis=1)
    covariance = linear @ np.asarray(BOTH.nngp) @ linear.T
    law = getattr(predict(PAIR, None, Y, **training), which)
    close(law, (zero[4:], covariance[4:, 4:]), 1e-7)
    at_train = getattr(predict(NET, X, Y, **training), which)
    close(at_train, (zero[:4], covariance[:4, :4]), 1e-7)


def test_finite_networks_trained(key):
    members, rate, steps = 300, 1.0, 20
    y = jnp.asarray(Y[:, :1])
    x, x_test = jnp.asarray(X), jnp.asarray(X_TEST)

    def train(key):
        def loss(model):
            return jnp.mean((jax.vmap(model)(x) - y) ** 2) / 2

        def step(_, model):
            return jax.tree.map(lambda p, g: p - rate * g, model, jax.grad(loss)(model))

        model = jax.lax.fori_loop(0, steps, step, NET.init(key, (3,)))
        return jax.vmap(model)(x_test)[:, 0]

    outputs = np.asarray(jax.jit(jax.vmap(train))(jax.random.split(key, members)))
    last_layer, law = predict(PAIR, None, y[:, 0], steps=steps, learning_rate=rate)
    deviation = outputs - np.asarray(law.mean)
    error = outputs.std(0) / np.sqrt(members)
    # the next order is 1 / width
    assert np.all(np.abs(deviation.mean(0)) < 4 * error + 2 / 256)
    # enough members to tell that not only the last layer was trained
    assert np.any(np.abs(outputs.mean(0) - last_layer.mean) > 4 * error + 2 / 256)
    squares = deviation[:, :, None] * deviation[:, None, :]
    error = squares.std(0) / np.sqrt(members)
    assert np.all(np.abs(squares.mean(0) - law.covariance) < 4 * error + 2 / 256)


def test_limits_in_time():
    flow = predict(PAIR, None, Y, time=[0.0, 1e6, np.inf])
    for which, law in zip(("nngp", "ntk"), flow, strict=True):
        close((law.mean[0], law.covariance[0]), (jnp.zeros((2, 2)), PAIR.nngp.test))
        end = getattr(predict(PAIR, None, Y), which)
        for late in (1, 2):
            close((law.mean[late], law.covariance[late]), tuple(end), 1e-9)
    train = predict(NET, X, Y)
    for law in train:
        close(law, (Y, np.zeros((4, 4))), 1e-10)


times = st.floats(0.0, 100.0)


@settings(max_examples=15, deadline=None)
@given(times, st.permutations(range(4)), st.floats(0.1, 10.0), st.floats(0.1, 10.0))
def test_symmetries(time, order, scale, faster):
    rows = np.array(order)
    expected = predict(PAIR, None, Y, time=time)
    permuted = pair(order)
    close(predict(permuted, None, Y[rows], time=time), expected)
    scaled = predict(PAIR, None, scale * Y, time=time)
    for one, other in zip(scaled, expected, strict=True):
        close(one, (scale * other.mean, other.covariance), 1e-10)
    close(predict(PAIR, None, Y, time=time / faster, learning_rate=faster), expected)
    close(predict(PAIR, None, Y, time=time / Y.size, loss="sum"), expected)
    larger = [
        KernelMatrices(*(scale * k for k in jax.tree.leaves(kernel)))
        for kernel in (permuted.nngp, permuted.ntk)
    ]
    rescaled = predict(KernelPair(*larger), None, Y[rows], time=time / scale)
    for one, other in zip(rescaled, expected, strict=True):
        close(one, (other.mean, scale * other.covariance), 1e-10)


@settings(max_examples=10, deadline=None)
@given(times, st.floats(0.0, 2.0), st.booleans())
def test_no_test_points_means_the_training_points(time, diag_reg, absolute):
    options = {"time": time, "diag_reg": diag_reg, "diag_reg_absolute": absolute}
    close(predict(NET, X, Y, **options), predict(NET, X, Y, X, **options))
    unit = 1.0 if absolute else float(jnp.trace(PAIR.nngp.train_train)) / 4
    weights = np.asarray(
        predict(NET, X, Y, diag_reg=diag_reg, diag_reg_absolute=absolute).nngp.mean
    )
    noisy = PAIR.nngp.train_train + diag_reg * unit * np.eye(4)
    close(weights, PAIR.nngp.train_train @ np.linalg.solve(noisy, Y))


@pytest.mark.parametrize("time", [2.0, 1e4, 1e18, np.inf])
@pytest.mark.parametrize("momentum", [None, 0.9])
def test_points_that_repeat(time, momentum):
    y = np.concatenate([Y, Y[:1] + 2.0])
    options = {"time": time, "momentum": momentum, "loss": "sum"}
    law = predict(pair([0, 1, 2, 3, 0]), None, y, **options)
    if np.isinf(time):
        merged = np.concatenate([Y[:1] + 1.0, Y[1:]])
        close(law, predict(PAIR, None, merged, **options), 1e-9)
    else:
        # one point with twice the weight: a kernel rescaled in its row and column
        weight = np.array([np.sqrt(2), 1, 1, 1])
        blocks = [
            KernelMatrices(
                weight[:, None] * k.train_train * weight[None, :], k.cross * weight[None, :], k.test
            )
            for k in (PAIR.nngp, PAIR.ntk)
        ]
        merged = np.concatenate([Y[:1] + 1.0, Y[1:]]) * weight[:, None]
        close(law, predict(KernelPair(*blocks), None, merged, **options), 1e-9)


def test_largest_learning_rate_is_sharp():
    for momentum in (0.0, 0.6):
        largest = max_learning_rate(PAIR.ntk.train_train, Y.size, momentum=momentum)
        options = {"steps": 3000, "momentum": momentum}
        stable = predict(NET, X, Y, learning_rate=0.99 * largest, **options)
        assert np.abs(stable.ntk.mean).max() < 10
        predict(NET, X, Y, learning_rate=largest, **options)
        with pytest.raises(ValueError, match=f"NTK is unstable .* at most {largest:.6g}"):
            predict(NET, X, Y, learning_rate=1.001 * largest, **options)


def test_targets_without_an_axis():
    flat = predict(PAIR, None, Y[:, 0], time=[1, 2])
    table = predict(PAIR, None, Y[:, :1], time=[1, 2])
    assert flat.ntk.mean.shape == (2, 2)
    close(flat.ntk.mean, table.ntk.mean[..., 0])
    start = {"initial_train": Y[:, 0], "initial_test": jnp.zeros(2)}
    assert gradient_flow(PAIR.ntk, None, Y[:, 0], time=1.0, **start).train.shape == (4,)


INDEFINITE = np.eye(4) - 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: predict(NET, X * np.nan, Y), "12 numbers that are not finite"),
        (lambda: predict(NET, X, Y / 0.0), "y_train has 8 entries that are NaN or infinite"),
        (lambda: predict(NET, X, Y[:3]), r"y_train has shape \(3, 2\): give \(4,\)"),
        (lambda: predict(NET, None, Y), "x_train is None"),
        (lambda: predict(PAIR, X, Y), "kernels were given together with inputs"),
        (lambda: predict(PAIR, None, Y, time=-1.0), "time is -1.0: give one number"),
        (lambda: predict(PAIR, None, Y, steps=1.5), "steps is 1.5: give one whole number"),
        (lambda: predict(PAIR, None, Y, time=1.0, steps=1), "time and steps were both given"),
        (lambda: predict(PAIR, None, Y, learning_rate=0.0), "learning_rate is 0.0"),
        (lambda: predict(PAIR, None, Y, momentum=1.0), "momentum is 1.0"),
        (lambda: predict(PAIR, None, Y, diag_reg=-0.1), "diag_reg is -0.1"),
        (
            lambda: gradient_flow(KernelMatrices(INDEFINITE), None, Y, initial_train=Y),
            "smallest eigenvalue is -1, .* larger diag_reg",
        ),
        (
            lambda: gradient_flow(PAIR.ntk, None, Y, initial_train=Y, initial_test=Y[:2, :1]),
            "initial_test has 1 outputs and initial_train 2",
        ),
        (lambda: KernelMatrices(np.ones((2, 3))), "give a square matrix"),
        (lambda: KernelMatrices(np.triu(np.ones((2, 2)))), "not symmetric"),
        (lambda: KernelMatrices(np.eye(2), np.eye(3)), r"give \(test points, 2\)"),
        (lambda: KernelMatrices(np.eye(2), np.ones((1, 2)), np.eye(2)), "1 test points"),
        (lambda: KernelMatrices(np.eye(2), np.ones((1, 2))).test, "needs test_test"),
        (lambda: KernelPair(PAIR.nngp, KernelMatrices(np.eye(4))), "different points"),
        (lambda: max_learning_rate(np.zeros((2, 2)), 2), "largest eigenvalue"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message), np.errstate(divide="ignore"):
        call()
