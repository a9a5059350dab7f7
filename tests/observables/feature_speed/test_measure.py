"""Speeds of features: a network by hand, the speed formula, and steps that are really made."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import widthwise as ww
from widthwise.numerics.fits import fit_power_law
from widthwise.observables.feature_speed import find_nodes

RNG = np.random.default_rng(0)


class Matrix(eqx.Module):
    w: jax.Array

    def __call__(self, x):
        return self.w @ x


class ByHand(eqx.Module):
    one: Matrix
    two: Matrix
    three: Matrix

    def __call__(self, x):
        return self.three(jax.nn.relu(self.two(jax.nn.relu(self.one(x)))))


def by_hand():
    rows = (
        [[1, -1], [0.5, 2], [1, 0.5]],
        [[1, 0.5, -0.3], [-1, 1, 0.2], [0.4, -0.2, 0.7]],
        [[0.3, -0.2, 0.5]],
    )
    return ByHand(*[Matrix(jnp.asarray(w, jnp.float64)) for w in rows])


def measured(model, **settings):
    x, y = np.array([[1.0, 2.0]]), np.array([[1.0]])
    return ww.feature_speed(model, x, y, loss="sum", **settings)


def test_a_network_by_hand():
    with jax.enable_x64(True):
        found = measured(by_hand())
    assert found.attrs["loss"] == pytest.approx(0.7626125)
    np.testing.assert_allclose(found.decay, [0.5406922625, 14.5956406375, 55.7500242], atol=1e-7)
    np.testing.assert_allclose(found.cosine, [1, 0.9973267746, 1], atol=1e-9)
    np.testing.assert_allclose(
        found.sensitivity, [1.7556959101, 0.7604018036, 0.8097165992], atol=1e-9
    )
    backward = [(0.18525**2 + 0.2717**2) ** 0.5, (0.3705**2 + 0.247**2 + 0.6175**2) ** 0.5, 1.235]
    np.testing.assert_allclose(found.backward_norm, backward, rtol=1e-9)
    np.testing.assert_allclose(found.residual, 0, atol=1e-14)
    assert found.cut.all()
    assert found.node.values.tolist() == [".one", ".two", "output"]


def test_balanced_layers():
    with jax.enable_x64(True):
        found = measured(by_hand(), update="balanced")
    np.testing.assert_allclose(found.decay, [1 / 3, 2 / 3, 1], rtol=1e-12)
    assert float(found.cosine[1]) == pytest.approx(0.7110456881, abs=1e-9)
    assert float(found.speed[1]) * 3**0.5 == pytest.approx(1.2315512175, abs=1e-9)


def architectures():
    branch = ww.Residual(ww.Sequential(ww.Relu(), ww.Dense(8)))
    attend = ww.SelfAttention(8, heads=2, head_width=3)
    feed = ww.Sequential(ww.LayerNorm(), ww.Dense(12), ww.Gelu(), ww.Dense(8))
    return {
        "mlp": ((5,), ww.Sequential(ww.Dense(8), ww.Relu(), ww.Dense(8), ww.Tanh(), ww.Dense(2))),
        "residual": ((5,), ww.Sequential(ww.Dense(8), branch, branch, ww.Dense(2))),
        "convolution": (
            (4, 4, 1),
            ww.Sequential(
                ww.Conv(4, (3, 3)), ww.Relu(), ww.Conv(2, (2, 2)), ww.Flatten(), ww.Dense(2)
            ),
        ),
        "transformer": (
            (3, 4),
            ww.Sequential(
                ww.Dense(8),
                ww.Residual(ww.Sequential(ww.LayerNorm(), attend)),
                ww.Residual(feed),
                ww.GlobalAvgPool(),
                ww.Dense(2),
            ),
        ),
    }


@pytest.mark.parametrize("name", ["mlp", "residual", "convolution", "transformer"])
def test_the_formula_holds_and_steps_follow_it(name):
    shape, net = architectures()[name]
    steps = (1e-5, 1e-4, 1e-3)
    with jax.enable_x64(True):
        model = net.init(jax.random.key(0), shape)
        x, y = RNG.standard_normal((3, *shape)), RNG.standard_normal((3, 2))
        found = ww.feature_speed(model, x, y, steps=steps)
    cuts = found.where(found.cut, drop=True)
    assert cuts.sizes["node"] >= 3
    np.testing.assert_allclose(cuts.residual, 0, atol=1e-12)
    np.testing.assert_allclose(
        cuts.speed, cuts.decay / (cuts.cosine * cuts.backward_norm * cuts["size"] ** 0.5), rtol=1e-9
    )
    # First layers move linearly, and so do activations after them until a kink is crossed.
    curved = found.step_error[:, found.step_error.values[-1] > 1e-8]
    assert {"output", ".layers[2]"} <= set(curved.node.values.tolist())
    for node in curved.node.values:
        law = fit_power_law(np.array(steps), curved.sel(node=node))
        assert law.exponent == pytest.approx(1, abs=0.02), node
    np.testing.assert_allclose(found.moved.isel(step=0), found.speed, rtol=1e-2)
    assert found.attrs["loss_decay"] == pytest.approx(float(found.decay[-1]))
    if name in ("residual", "transformer"):
        assert not found.cut.all()
        inside = found.where(~found.cut, drop=True)
        assert np.all(np.abs(inside.residual) > 1e-3)


def test_optimizers_rates_and_names():
    net = ww.Sequential(ww.Dense(8), ww.Relu(), ww.Dense(1), parametrization=ww.MuP())
    model = net.init(jax.random.key(0), (2,))
    x, y = RNG.standard_normal((4, 2)).astype(np.float32), np.ones((4, 1), np.float32)
    plain = ww.feature_speed(model, x, y)
    assert plain.node.values.tolist() == [".layers[0]", ".layers[1]", "output"]
    faster = ww.feature_speed(model, x, y, learning_rates="sgd", nodes=[".layers[0]"])
    assert float(faster.speed[0]) == pytest.approx(8 / 2 * float(plain.speed[0]), rel=1e-5)
    half = ww.feature_speed(model, x, y, update=optax.sgd(0.5))
    np.testing.assert_allclose(half.speed, plain.speed / 2, rtol=1e-5)
    signs = ww.feature_speed(
        model, x, y, update=lambda g, _: jax.tree.map(lambda a: -jnp.sign(a), g)
    )
    np.testing.assert_allclose(signs.residual, 0, atol=1e-4)


class Awkward(eqx.Module):
    """A shared layer, a layer inside vmap, one in a scan, and one that is not used."""

    shared: Matrix
    inside: Matrix
    looped: Matrix
    unused: Matrix

    def __call__(self, x):
        x = self.shared(jnp.tanh(self.shared(x)))
        x = jax.vmap(self.inside)(x[None])[0]
        x, _ = jax.lax.scan(lambda c, _: (self.looped(c), None), x, None, length=2)
        return x


def test_what_cannot_be_seen_is_left_out():
    model = Awkward(*[Matrix(jnp.asarray(RNG.standard_normal((3, 3)))) for _ in range(4)])
    nodes = find_nodes(model, jnp.ones(3))
    assert [node.name for node in nodes] == [".shared", ".shared#2", "output"]
    assert [node.cut for node in nodes] == [False, True, True]  # the shared weights come again
    assert [sum(node.upstream) for node in nodes] == [1, 1, 3]


def test_dead_layers_have_no_angle():
    with jax.enable_x64(True):
        model = eqx.tree_at(lambda m: m.two.w, by_hand(), -jnp.ones((3, 3)))
        found = measured(model)
    assert np.isnan(found.cosine[0])
    assert "no gradient comes back" in str(found.note[0].values)
    assert "does not move" in str(found.note[2].values)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"loss": lambda f, _: f}, ValueError, "return one real number"),
        ({"loss": lambda f, _: jnp.sum(f) * jnp.inf}, ValueError, "the loss is"),
        ({"nodes": ["outptu"]}, ValueError, "did you mean 'output'"),
        ({"steps": [0.0]}, ValueError, "positive, finite"),
        ({"update": "balance"}, ValueError, "did you mean 'balanced'"),
        ({"update": 3}, TypeError, "Optax"),
        ({"update": "balanced", "learning_rates": 1.0}, ValueError, "leave learning_rates out"),
        ({"model": ww.Sequential(ww.Dense(2))}, TypeError, "no weights yet"),
        ({"model": 3}, TypeError, "an Equinox or a PyTorch module"),
        ({"model": Matrix(jnp.ones((1, 2), int))}, ValueError, "no floating-point arrays"),
    ],
)
def test_refused(change, error, match):
    given = {"model": Matrix(jnp.ones((1, 2))), "loss": "mean"} | change
    with pytest.raises(error, match=match):
        ww.feature_speed(given.pop("model"), np.ones((1, 2)), np.ones((1, 1)), **given)
