"""Training ensembles against loops written in NumPy and exact maps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import widthwise as ww

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((6, 3)), RNG.standard_normal(6)
XT, YT = RNG.standard_normal((2, 3)), RNG.standard_normal(2)
WIDTH = 5


def mlp(parametrization, outputs=1, width=WIDTH):
    return ww.Sequential(
        ww.Dense(width), ww.Tanh(), ww.Dense(width), ww.Tanh(), ww.Dense(outputs),
        parametrization=parametrization,
    )  # fmt: skip


def start(net, key):
    """Weights of a network, as stored."""
    model = net.init(key, X.shape[1:], dtype=jnp.float64)
    return [np.asarray(layer.weight) for layer in model.layers if hasattr(layer, "weight")]


def forward(weights, x, multipliers):
    hs, a = [], x
    for index, (w, m) in enumerate(zip(weights, multipliers, strict=True)):
        hs.append(a)
        z = m * a @ w.T
        a = np.tanh(z) if index < len(weights) - 1 else z
    return a[:, 0], hs


def gradients(weights, x, multipliers, back):
    """Gradient of sum(back * output) in every matrix of weights."""
    _, hs = forward(weights, x, multipliers)
    found, g = [], back[:, None]
    for index in reversed(range(len(weights))):
        found.append(multipliers[index] * g.T @ hs[index])
        g = multipliers[index] * (g @ weights[index]) * (1 - hs[index] ** 2)
    return found[::-1]


def mean_field(width, inputs):
    """Multipliers and learning-rate factors of Bordelon & Pehlevan's parametrization."""
    return [inputs**-0.5, width**-0.5, 1 / width], [width] * 3


@pytest.fixture(scope="module")
def history():
    """Momentum at two values of richness, centered."""
    return ww.train(
        mlp(ww.MeanField()), (X, Y), key=jax.random.key(0), members=3, steps=6,
        optimizer=optax.sgd(0.2, momentum=0.5), richness=(0.5, 2.0), centered=True,
        loss="sum", test=(XT, YT), at=[0, 1, 6],
    )  # fmt: skip


def test_agrees_with_a_loop_in_numpy(history):
    assert dict(history.output.sizes) == {
        "width": 1, "richness": 2, "member": 3, "step": 3, "input": 6,
    }  # fmt: skip
    key = jax.random.fold_in(jax.random.key(0), 2)
    multipliers, factors = mean_field(WIDTH, 3)
    for gamma in (0.5, 2.0):
        weights = start(mlp(ww.MeanField()), key)
        first, first_test = (forward(weights, x, multipliers)[0] for x in (X, XT))
        velocity = [np.zeros_like(w) for w in weights]
        for step in range(7):
            f = (forward(weights, X, multipliers)[0] - first) / gamma
            if step in (0, 1, 6):
                found = history.sel(width=WIDTH, richness=gamma, member=2, step=step)
                np.testing.assert_allclose(found.output, f, rtol=1e-10, atol=1e-12)
                assert float(found.loss) == pytest.approx(np.sum((f - Y) ** 2) / 2, rel=1e-10)
                ft = (forward(weights, XT, multipliers)[0] - first_test) / gamma
                np.testing.assert_allclose(found.test_output, ft, rtol=1e-10, atol=1e-12)
                assert float(found.test_loss) == pytest.approx(np.sum((ft - YT) ** 2) / 2)
            grads = gradients(weights, X, multipliers, (f - Y) / gamma)
            velocity = [0.5 * v + g for v, g in zip(velocity, grads, strict=True)]
            weights = [
                w - 0.2 * gamma**2 * factor * v
                for w, v, factor in zip(weights, velocity, factors, strict=True)
            ]
    assert (history.diverged_at == -1).all()


def test_two_layer_linear_map_is_exact_at_any_width():
    """f' = f + eta K D + eta^2 gamma^2 f D^2 and K' likewise: Bordelon & Pehlevan 2023."""
    net = ww.Sequential(ww.Dense(7), ww.Dense(1), parametrization=ww.MeanField())
    key, gamma, eta, y = jax.random.key(3), 0.7, 0.3, 1.5
    history = ww.train(
        net, (np.ones((1, 1)), [y]), key=key, members=2, steps=8, optimizer=optax.sgd(eta),
        loss="sum", richness=gamma, widths=(7, 9),
    )  # fmt: skip
    for width in (7, 9):
        own = jax.random.fold_in(jax.random.fold_in(key, width), 1)
        model = net.at_width(width).init(own, (1,), dtype=jnp.float64)
        h, w = (np.asarray(layer.weight).ravel() for layer in model.layers)
        f, kernel = h @ w / width / gamma, (h @ h + w @ w) / width
        found = history.output.sel(width=width, member=1).values.ravel()
        for step in range(9):
            assert found[step] == pytest.approx(f, rel=1e-10)
            d = y - f
            f, kernel = (
                f + eta * kernel * d + eta**2 * gamma**2 * f * d**2,
                kernel + 4 * eta * gamma**2 * f * d + eta**2 * gamma**2 * kernel * d**2,
            )
