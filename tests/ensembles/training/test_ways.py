"""Other ways to train than full-batch descent, and what does not change a network's numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import widthwise as ww
from widthwise.ensembles.training.schedule import batch_of_step

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 3)).astype(np.float32)
Y = RNG.standard_normal(6).astype(np.float32)
NET = ww.Sequential(
    ww.Dense(8), ww.Tanh(), ww.Dense(8), ww.Tanh(), ww.Dense(3), parametrization=ww.MuP()
)
LABELS = np.array([0, 2, 1, 1, 0, 2])


def train(net=NET, data=(X, LABELS), **settings):
    defaults = {"key": jax.random.key(0), "members": 5, "steps": 4, "loss": "cross_entropy"}
    return ww.train(net, data, **defaults | settings)


@pytest.fixture(scope="module")
def adam():
    return train(optimizer=optax.adam, learning_rates=(0.05, 0.2))


def test_adam_agrees_with_a_loop_of_one_network(adam):
    """Adam's updates by hand, times the factors of muP: 1 / fan_in but for the input."""
    model = NET.init(jax.random.fold_in(jax.random.key(0), 3), (3,), dtype=np.float32)
    ws = [layer.weight for layer in model.layers if hasattr(layer, "weight")]
    factors = [1 / 3, 1 / 8, 1 / 8]

    def outputs(ws):
        return jnp.tanh(jnp.tanh(X @ ws[0].T) @ ws[1].T) @ ws[2].T

    def loss(ws):
        return -jnp.mean(jax.nn.log_softmax(outputs(ws))[np.arange(6), LABELS])

    grad = jax.jit(jax.grad(loss))
    m, v = [0.0] * 3, [0.0] * 3
    for t in range(1, 5):
        gs = grad(ws)
        m = [0.9 * a + 0.1 * g for a, g in zip(m, gs, strict=True)]
        v = [0.999 * a + 0.001 * g**2 for a, g in zip(v, gs, strict=True)]
        moves = [
            (a / (1 - 0.9**t)) / (jnp.sqrt(b / (1 - 0.999**t)) + 1e-8)
            for a, b in zip(m, v, strict=True)
        ]
        ws = [w - 0.2 * f * s for w, f, s in zip(ws, factors, moves, strict=True)]
    found = adam.sel(learning_rate=0.2, member=3, step=4).isel(width=0)
    np.testing.assert_allclose(found.output, outputs(ws), rtol=1e-3, atol=1e-4)
    assert float(found.loss) == pytest.approx(float(loss(ws)), rel=1e-3)


def test_batching_changes_at_most_rounding(adam):
    some = train(optimizer=optax.adam, learning_rates=(0.05, 0.2), members=(1, 4), side_by_side=2)
    assert some.member.values.tolist() == [1, 2, 3]
    np.testing.assert_allclose(some.output, adam.output[:, :, 1:4], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_every_epoch_visits_every_sample(key):
    def batch(step):
        return batch_of_step(key, step, samples=7, batch_size=3)

    order = np.asarray(jax.vmap(batch)(jnp.arange(8))).reshape(4, 6)
    assert all(len(set(epoch)) == 6 and max(epoch) < 7 for epoch in order)
    assert len({tuple(epoch) for epoch in order}) == 4


def test_batches_of_samples_are_those_of_the_schedule():
    """Linear network of one layer: every step is W - rate (f - y) x over its samples."""
    net = ww.Sequential(ww.Dense(1))
    found = train(
        net, (X, Y), optimizer=optax.sgd(0.1), loss="sum", batch_size=2, schedule="shared"
    ).isel(width=0)  # fmt: skip
    order = jax.random.fold_in(jax.random.key(0), 0x5C4ED01E)
    model = net.init(jax.random.fold_in(jax.random.key(0), 4), (3,), dtype=np.float32)
    w, seen = np.asarray(model.layers[0].weight)[0], []
    for step in range(4):
        index = np.asarray(batch_of_step(order, jnp.asarray(step), samples=6, batch_size=2))
        seen += index.tolist()
        x = X[index] / np.sqrt(3)
        w = w - 0.1 * (x @ w - Y[index]) @ x
    np.testing.assert_allclose(found.output.sel(member=4, step=4), X @ w / np.sqrt(3), rtol=1e-4)
    assert set(seen[:6]) == set(range(6))  # an epoch


def test_flow_of_a_two_layer_linear_network_has_its_closed_form():
    """K^2 - 4 gamma^2 f^2 is conserved, and f' = K (y - f): Saxe et al. 2014."""
    net = ww.Sequential(ww.Dense(5), ww.Dense(1), parametrization=ww.MeanField())
    gamma, y = 0.8, 1.3
    found = ww.train(
        net, (np.ones((1, 1)), np.array([y])), key=jax.random.key(2), members=2,
        times=[0.0, 0.3, 50.0], loss="sum", richness=gamma, record=["output", "ntk"],
    ).isel(width=0, input=0, input2=0)  # fmt: skip
    f, kernel = found.output.values, found.ntk.values
    conserved = kernel**2 - 4 * gamma**2 * f**2
    np.testing.assert_allclose(conserved, conserved[:, :1] * np.ones((1, 3)), rtol=1e-7)
    for member in range(2):
        grid = np.linspace(f[member, 0], f[member, 1], 20001)
        speed = np.sqrt(conserved[member, 0] + 4 * gamma**2 * grid**2) * (y - grid)
        assert np.trapezoid(1 / speed, grid) == pytest.approx(0.3, rel=1e-6)
    np.testing.assert_allclose(f[:, 2], y, rtol=1e-7)
    assert (found.diverged_at == -1).all()


@pytest.mark.slow
def test_lazy_networks_follow_the_kernel_prediction():
    """Small richness, large width: the mean over networks is that of the infinite width."""
    net = ww.Sequential(ww.Dense(256), ww.Erf(), ww.Dense(1), parametrization=ww.MeanField())
    mean = ww.predict(net, X, Y[:, None], X[:2] / 2, steps=30, learning_rate=0.5).ntk.mean[:, 0]
    history = train(
        net, (X, Y), optimizer=optax.sgd(0.5), steps=30, at=[30], members=40, loss="mean",
        richness=1e-2, centered=True, test=X[:2] / 2,
    )  # fmt: skip
    summary = ww.ensembles.summarize(history).isel(width=0, step=0).test_output
    distance = summary.sel(statistic="mean") - mean
    # the kernel's own mean is off by an order 1 / width
    assert np.all(abs(distance) < 4 * summary.sel(statistic="standard_error") + 2 / 256)
    assert np.all(summary.sel(statistic="standard_error") < 0.01)
