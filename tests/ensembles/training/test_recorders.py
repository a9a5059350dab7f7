"""What is recorded of a network, against its definition by derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

import widthwise as ww
from widthwise.ensembles.training.recorders import BUILT_IN, singular_values
from widthwise.ensembles.training.trained import Trained
from widthwise.numerics.losses import SQUARED

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((4, 3)), RNG.standard_normal(4)
NET = ww.Sequential(
    ww.Dense(6), ww.Tanh(), ww.Dense(6), ww.Tanh(), ww.Dense(1), parametrization=ww.MeanField()
)
GAMMA = 0.6


def norms(model, x, y):
    """A recorder of a user's own."""
    weights = [layer.weight for layer in model.network.layers if hasattr(layer, "weight")]
    return {"norm": (("array",), jnp.stack([jnp.linalg.norm(w) for w in weights]))}


@pytest.fixture(scope="module")
def history():
    return ww.train(
        NET, (X, Y), key=jax.random.key(1), members=2, steps=3, optimizer=optax.sgd(0.3),
        richness=GAMMA, loss="sum", record=[*BUILT_IN, norms], at=[0, 3],
    ).isel(width=0, member=1)  # fmt: skip


@pytest.fixture(scope="module")
def weights():
    """Weights at the last step, trained here."""
    model = NET.init(jax.random.fold_in(jax.random.key(1), 1), (3,), dtype=jnp.float64)
    ws = [jnp.asarray(layer.weight) for layer in model.layers if hasattr(layer, "weight")]
    grad = jax.jit(jax.grad(loss))
    for _ in range(3):
        ws = [w - 0.3 * GAMMA**2 * 6 * g for w, g in zip(ws, grad(ws), strict=True)]
    return ws


def raw(ws, x, shifts=(0.0, 0.0)):
    h1 = ws[0] @ x / 3**0.5 + shifts[0]
    h2 = ws[1] @ jnp.tanh(h1) / 6**0.5 + shifts[1]
    return (ws[2] @ jnp.tanh(h2) / 6)[0], (jnp.tanh(h1), jnp.tanh(h2))


def loss(ws):
    f = jax.vmap(lambda x: raw(ws, x)[0])(jnp.asarray(X)) / GAMMA
    return jnp.sum((f - Y) ** 2) / 2


def test_kernels_are_those_of_features_and_gradients(history, weights):
    x = jnp.asarray(X)
    _, features = jax.vmap(lambda x: raw(weights, x))(x)
    zeros = (jnp.zeros(6), jnp.zeros(6))
    slopes = jax.vmap(jax.grad(lambda s, x: raw(weights, x, s)[0]), (None, 0))(zeros, x)
    now = history.sel(step=3)
    phis = [np.asarray(a @ a.T) / 6 for a in features]
    gs = [6 * np.asarray(b @ b.T) for b in slopes]
    np.testing.assert_allclose(now.feature_kernel, phis, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(now.gradient_kernel, gs, rtol=1e-9, atol=1e-12)
    tangent = gs[0] * (X @ X.T / 3) + gs[1] * phis[0] + phis[1]
    np.testing.assert_allclose(now.ntk, tangent, rtol=1e-9)


def test_weights(history, weights):
    for i, w in enumerate(weights):
        np.testing.assert_allclose(history[f"weight_{i}"].sel(step=3), w, rtol=1e-9, atol=1e-12)
    chosen = ww.ensembles.weights(roles=("hidden",))
    network = NET.init(jax.random.key(0), (3,))
    model = Trained(network, None, jnp.asarray(GAMMA), SQUARED["sum"], True)
    found = chosen(model, jnp.asarray(X), jnp.asarray(Y))
    assert {name: dims for name, (dims, _) in found.items()} == {"weight_0": ("row_0", "column_0")}


def test_spectra(history, weights):
    now = history.sel(step=3)
    values = np.linalg.svd(np.asarray(weights[1]) / 6**0.5, compute_uv=False)
    np.testing.assert_allclose(now.singular_values[0], values, rtol=1e-9)
    flat, unravel = ravel_pytree(weights)
    slope = jax.jit(lambda v: ravel_pytree(jax.grad(loss)(unravel(v)))[0])
    moves = 1e-5 * np.eye(len(flat))
    hessian = np.stack([np.asarray(slope(flat + m) - slope(flat - m)) for m in moves]) / 2e-5
    top = 6 * GAMMA**2 * np.linalg.eigvalsh(hessian)[-1]  # one factor for all arrays
    residual = float(now.sharpness_residual)
    assert residual < 1e-3 * top
    assert abs(float(now.sharpness) - top) <= residual + 1e-7 * top


def test_a_recorder_of_ones_own(history, weights):
    assert history.norm.dims == ("step", "array")
    found = [np.linalg.norm(w) for w in weights]
    np.testing.assert_allclose(history.norm.sel(step=3), found, rtol=1e-10)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("feature_kernels", "did you mean 'feature_kernel'"),
        ([], "at least one"),
        (["loss", "loss"], "each once"),
        (lambda *_: jnp.ones(3), "return {name"),
        (lambda *_: {"a": (("i", "j"), jnp.ones(3))}, "name each axis once"),
        (lambda *_: {"a": (("member",), jnp.ones(3))}, "another name"),
        (["loss", lambda *_: {"loss": ((), jnp.ones(()))}], "which is taken"),
        (singular_values(), "0 matrices"),
        ("feature_kernel", "at least two Dense layers"),
    ],
)
def test_refused_recorders(key, record, message):
    net = ww.Sequential(ww.Dense(1), parametrization=ww.MeanField())
    with pytest.raises((ValueError, TypeError), match=message):
        ww.train(
            net, (X, Y), key=key, members=1, steps=1, optimizer=optax.sgd(0.1), rates="sgd",
            record=record,
        )  # fmt: skip
