"""Several outputs, biases and momentum: against limits, other methods and finite networks."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import widthwise as ww
from widthwise.dynamics import dmft

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X, X_TEST = RNG.standard_normal((3, 4)), RNG.standard_normal((2, 4))
Y = np.array([[1.0, -0.5], [-0.5, 0.7], [0.3, 0.2]])
LABELS = np.array([0, 2, 1])
MUP = ww.MuP(1.2, bias_std=0.6)  # trains biases; MeanField(bias_std=0) would not
ALL = ("output", "feature_kernel", "gradient_kernel")


def network(depth, activation, outputs, *, width=64, parametrization=MUP):
    layers = [layer for _ in range(depth) for layer in (ww.Dense(width), activation())]
    last = ww.Dense(outputs, bias_std=0.0)
    return ww.Sequential(*layers, last, parametrization=parametrization)


LINEAR = network(2, ww.Identity, 2)


def within(one, other, names=ALL):
    for name in names:
        error = np.hypot(one.standard_error[name], other.standard_error.get(name, 0.0))
        distance = np.abs(getattr(one, name) - getattr(other, name))
        assert (distance < 5 * (error + 0.3 * error.max())).all(), name


def trained(net, y, *, steps, learning_rate, richness, momentum, seed):
    """One network of this architecture in NumPy: outputs after training, and its last features."""
    rng, rows = np.random.default_rng(seed), net.parameter_table((X.shape[1],))
    values = [row.init_std * rng.standard_normal(row.shape) for row in rows]
    velocity = [np.zeros(row.shape) for row in rows]
    f, a = np.zeros(0), []
    for step in range(steps + 1):
        effective = [row.multiplier * v for row, v in zip(rows, values, strict=True)]
        weights, biases = effective[::2], effective[1::2]
        a = [X.T]
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            a.append(np.tanh(w @ a[-1] + b[:, None]))
        f = (weights[-1] @ a[-1] + biases[-1][:, None]).T / richness
        if step == steps:
            break
        odds = np.exp(f - f.max(axis=1, keepdims=True))
        back = ((y - odds / odds.sum(axis=1, keepdims=True)) / len(y)).T / richness
        for layer in reversed(range(len(weights))):
            gradient = [back @ a[layer].T, back.sum(axis=1)]
            if layer:
                back = weights[layer].T @ back * (1 - a[layer] ** 2)
            for index, part in zip((2 * layer, 2 * layer + 1), gradient, strict=True):
                row = rows[index]
                velocity[index] = momentum * velocity[index] + row.multiplier * part
                values[index] = values[index] + (
                    learning_rate * richness**2 * row.sgd * velocity[index]
                )
    return f, a[-1].T @ a[-1] / len(a[-1])


# --------------------------------------------------------------------------------- limits


def test_lazy_networks_follow_the_kernel():
    settings = {"steps": 8, "learning_rate": 0.05, "momentum": 0.6}
    found = dmft(LINEAR, (X, Y), x_test=X_TEST, richness=1e-4, **settings)
    everywhere = np.concatenate([X, X_TEST])
    kernel = np.asarray(LINEAR.kernel(everywhere).ntk)
    np.testing.assert_allclose(
        found.initial_ntk, np.einsum("ij,cd->icjd", kernel, np.eye(2)), atol=1e-9
    )
    expected = ww.predict(LINEAR, X, Y, everywhere, **settings).ntk.mean
    np.testing.assert_allclose(found.output[8], expected, atol=1e-6)


def test_lazy_two_layer_networks_with_momentum_follow_the_kernel():
    one = (np.ones((1, 3)), np.array([1.0]))
    net = network(1, ww.Erf, 1, parametrization=ww.MeanField())
    settings = {"steps": 12, "learning_rate": 0.2, "momentum": 0.5}
    found = dmft(net, one, richness=1e-4, **settings)
    np.testing.assert_allclose(
        found.output[12], ww.predict(net, *one, **settings).ntk.mean, atol=1e-6
    )


# ------------------------------------------------------------------- the same, another way


def test_march_iteration_and_neurons_of_linear_networks():
    settings = {"steps": 6, "learning_rate": 0.06, "momentum": 0.5}
    march = dmft(LINEAR, (X, Y), x_test=X_TEST, **settings)
    fixed = dmft(LINEAR, (X, Y), x_test=X_TEST, method="fixed_point", **settings)
    assert march.residual < 1e-12 < fixed.residual < 1e-9
    sampled = dmft(LINEAR, (X, Y), x_test=X_TEST, method="sampled", key=KEY, **settings)
    for name in (*ALL, "forward_response", "backward_response"):
        one, two, three = (getattr(s, name) for s in (march, fixed, sampled))
        np.testing.assert_allclose(one, two, atol=1e-8)
        if name in ALL:
            np.testing.assert_allclose(one, three, atol=1e-5 if name == "output" else 3e-4)
    assert march.gradient_kernel.shape == (2, 7, 5, 2, 7, 5, 2)
    assert march.forward_response.shape == (1, 7, 5, 7, 5, 2)
    one = network(1, ww.Identity, 1, parametrization=ww.MeanField())  # velocities, not histories
    data = (np.ones((1, 3)), np.array([1.0]))
    march = dmft(one, data, **settings)
    neurons = dmft(one, data, method="two_layer", **settings)
    for name in ALL:
        np.testing.assert_allclose(getattr(march, name), getattr(neurons, name), atol=1e-9)


def test_two_layers_by_neurons_and_by_sampled_kernels():
    net = network(1, ww.Tanh, 3)
    settings = {"steps": 5, "learning_rate": 0.6, "momentum": 0.5, "richness": 2.0, "key": KEY}
    neurons = dmft(net, (X, LABELS), loss="cross_entropy", **settings)
    fields = dmft(net, (X, LABELS), loss="cross_entropy", method="sampled", **settings)
    assert neurons.method == "two_layer"
    within(fields, neurons)
    rows = dmft(net, (X, np.eye(3)[LABELS]), loss="cross_entropy", **settings)
    np.testing.assert_array_equal(rows.output, neurons.output)


def test_two_classes_are_one_output():
    """Only the difference of two logits is pushed: (f_1 - f_0) / sqrt(2) is one output's f."""

    def one(f, y):
        return jnp.mean(jnp.logaddexp(0.0, 2**0.5 * f) - y * 2**0.5 * f)

    labels = np.array([1, 0, 1])
    settings = {"steps": 8, "learning_rate": 0.3, "momentum": 0.4, "richness": 2.0}
    two = dmft(LINEAR, (X, labels), loss="cross_entropy", **settings)
    single = dmft(network(2, ww.Identity, 1), (X, labels), loss=one, **settings)
    difference = (two.output[..., 1] - two.output[..., 0]) / 2**0.5
    np.testing.assert_allclose(difference, single.output, atol=1e-12)
    np.testing.assert_allclose(two.feature_kernel, single.feature_kernel, atol=1e-11)
    np.testing.assert_allclose(two.loss, single.loss, atol=1e-12)


def test_flow_of_several_outputs_is_the_limit_of_small_steps():
    flow = dmft(LINEAR, (X, Y), times=[0.4])
    steps = dmft(LINEAR, (X, Y), steps=64, learning_rate=0.4 / 64)
    assert flow.step_error < 1e-5
    np.testing.assert_allclose(flow.output[0], steps.output[64], atol=3e-3)


def test_outliers_are_those_of_one_output():
    """Equal targets and forces of two outputs: one output of readouts turned by 45 degrees."""
    data, settings = (np.ones((1, 1)), np.ones((1, 2))), {"steps": 12, "learning_rate": 0.02}
    kwargs = {"richness": 5.0, "loss": "sum", "momentum": 0.3, **settings}
    one = network(2, ww.Identity, 1, parametrization=ww.MuP())
    two = network(2, ww.Identity, 2, parametrization=ww.MuP())
    found = [
        ww.dynamics.hidden_outliers(dmft(net, (data[0], y), **kwargs), steps=(8, 12))
        for net, y in ((one, 2**0.5 * np.ones(1)), (two, data[1]))
    ]
    np.testing.assert_allclose(
        found[0].singular_value.values[:, 0], found[1].singular_value.values[:, 0], rtol=1e-6
    )


# ------------------------------------------------------------------------- finite networks


def test_classifiers_in_numpy():
    """Three classes, biases and momentum in 40 networks of width 200."""
    width, members = 200, 40
    net = network(2, ww.Tanh, 3, width=width)
    settings: dict = {"steps": 5, "learning_rate": 0.8, "momentum": 0.5, "richness": 2.0}
    found = dmft(net, (X, LABELS), loss="cross_entropy", key=KEY, **settings)
    settings["momentum"] = 0.0
    plain = dmft(net, (X, LABELS), loss="cross_entropy", key=KEY, **settings)
    settings["momentum"] = 0.5
    runs = [trained(net, np.eye(3)[LABELS], seed=seed, **settings) for seed in range(members)]
    for values, expected, without in zip(
        zip(*runs, strict=True),
        (found.output[-1], found.feature_kernel[-1][-1, :, -1]),
        (plain.output[-1], plain.feature_kernel[-1][-1, :, -1]),
        strict=True,
    ):
        error = np.std(values, axis=0, ddof=1) / members**0.5
        distance = np.abs(np.mean(values, axis=0) - expected)
        assert (distance < 4 * error + 3 / width).all()
        assert (np.abs(np.mean(values, axis=0) - without) > 4 * error + 3 / width).any()


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["mean", "cross_entropy"])
def test_wide_ensembles(loss):
    """Means of networks of width 512 are within sampling and O(1/width)."""
    y = LABELS if loss == "cross_entropy" else RNG.standard_normal((3, 3))
    found = dmft(
        network(2, ww.Tanh, 3), (X, y), steps=8, learning_rate=0.6, loss=loss, momentum=0.5, key=KEY
    )
    labelled, names = found.to_dataset(), ("output", "feature_kernel", "ntk")
    nets = ww.train(
        network(2, ww.Tanh, 3, width=512), (X, y), members=64, steps=8, at=[0, 8], loss=loss,
        learning_rates=0.6, record=names, key=KEY,
        optimizer=lambda rate: optax.sgd(rate, momentum=0.5),
    )  # fmt: skip
    for name in names:
        values = nets[name].sel(width=512, step=8).values
        expected = labelled[name].sel(step=8).values
        error = values.std(axis=0, ddof=1) / 8
        bound = 4 * error + 5 * labelled[f"{name}_standard_error"].sel(step=8).values
        assert (np.abs(values.mean(axis=0) - expected) < bound + 5 / 512).all(), name


def test_dataset_of_several_outputs():
    found = dmft(LINEAR, (X, Y), x_test=X_TEST, steps=2, learning_rate=0.05)
    data = found.to_dataset(two_times=True)
    assert data.output.dims == ("step", "input", "channel")
    assert data.test_output.shape == (3, 2, 2)
    assert data.two_time_gradient_kernel.shape == (2, 3, 3, 2, 3, 3, 2)
    assert data.forward_response.shape == (1, 3, 3, 3, 3, 2)
    mean = np.einsum("icjc->ij", found.ntk(2)) / 2
    np.testing.assert_allclose(data.ntk.sel(step=2), mean[:3, :3])


@pytest.mark.parametrize(
    ("net", "y", "change", "words"),
    [
        (LINEAR, Y[:, 0], {}, r"give \(3, 2\)"),
        (LINEAR, LABELS, {"loss": "cross_entropy"}, "labels 0 to 1"),
        (LINEAR, Y, {"loss": "cross_entropy"}, "rows of probabilities"),
        (LINEAR, Y, {"momentum": 1.0}, "momentum is 1.0"),
        (LINEAR, Y, {"momentum": 0.5, "steps": None, "times": [1.0]}, "belongs to steps"),
        (network(1, ww.Tanh, 1), Y[:, 0], {"learning_rate": 1e3, "key": KEY}, "diverges"),
        (
            ww.Sequential(ww.Dense(9), ww.Tanh(), ww.Dense(2), parametrization=MUP), Y, {},
            "outputs are random even at infinite width",
        ),
    ],
)  # fmt: skip
def test_errors(net, y, change, words):
    with pytest.raises(ValueError, match=words):
        dmft(net, (X, y), **({"steps": 3} | change))
