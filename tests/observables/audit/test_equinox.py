"""Planted faults in Equinox models: each is found and named, and sound models are passed over."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import widthwise as ww
from widthwise.networks import Standard
from widthwise.observables.audit.setting import Setting

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 8)).astype(np.float32)
Y = RNG.integers(4, size=12)
WIDE, DEPTH = 32, 4
TOKENS = RNG.standard_normal((12, 6, 8)).astype(np.float32)


class Block(eqx.Module):
    """x + scale * W relu(x), where W keeps the size of what it is given."""

    linear: eqx.nn.Linear
    scale: jax.Array | np.ndarray

    def __call__(self, x):
        return x + jnp.where(self.scale == 0, 1, DEPTH**-0.5) * self.linear(jax.nn.relu(x))


class Small(eqx.Module):
    """Attention, residual blocks, tanh, ReLU, a readout: all that the planted faults need."""

    first: eqx.nn.Linear
    attention: eqx.nn.MultiheadAttention
    blocks: list
    bounded: eqx.nn.Linear
    rectified: eqx.nn.Linear
    last: eqx.nn.Linear
    trained: jax.Array | np.ndarray

    def __init__(self, key):
        k = jax.random.split(key, DEPTH + 5)
        self.first = eqx.nn.Linear(8, WIDE, key=k[0])
        self.attention = eqx.nn.MultiheadAttention(2, WIDE, key=k[1])
        self.blocks = [
            Block(times(eqx.nn.Linear(WIDE, WIDE, use_bias=False, key=one), 6**0.5), np.asarray(1))
            for one in k[5:]
        ]
        self.bounded = eqx.nn.Linear(WIDE, WIDE, key=k[2])
        self.rectified = eqx.nn.Linear(WIDE, WIDE, key=k[3])
        self.last = eqx.nn.Linear(WIDE, 4, key=k[4])
        self.trained = np.asarray(1)

    def __call__(self, x):
        x = jax.vmap(self.first)(x)
        x = jnp.mean(x + self.attention(x, x, x), axis=0)
        for block in self.blocks:
            x = block(x)
        w = self.rectified.weight
        w = jnp.where(self.trained == 1, w, jax.lax.stop_gradient(w))
        rectified = eqx.tree_at(lambda m: m.weight, self.rectified, w)
        x = jnp.tanh(self.bounded(x))
        return self.last(jax.nn.relu(rectified(x)))


def times(layer, factor):
    return eqx.tree_at(lambda m: m.weight, layer, replace_fn=lambda w: w * factor)


def planted(where, change):
    return eqx.tree_at(where, Small(jax.random.key(0)), replace_fn=change)


def found(model, **options):
    audit = ww.audit(model, batch=(TOKENS, Y), **options)
    return [(one.layer, one.fault) for one in audit.faults], audit


def test_a_sound_model():
    model = Small(jax.random.key(0))
    faults, audit = found(model)
    assert faults == []
    assert audit.findings == []
    # against sums in NumPy
    h = TOKENS @ np.asarray(model.first.weight).T + np.asarray(model.first.bias)
    first = audit.layers[0]
    assert first.name == ".first"
    assert first.signal == pytest.approx(np.sqrt(np.mean(h**2)), rel=1e-5)
    assert first.std == pytest.approx(np.sqrt(np.mean(np.square(model.first.weight))), rel=1e-5)
    p = jax.nn.softmax(jax.vmap(model)(TOKENS)) - jax.nn.one_hot(Y, 4)
    expected = float(jnp.sqrt(jnp.mean((p / len(TOKENS)) ** 2)))
    assert audit.layers[-1].gradient == pytest.approx(expected, rel=1e-5)


def test_one_layer_at_ten_times_the_scale():
    faults, audit = found(planted(lambda m: m.blocks[1].linear.weight, lambda w: 10 * w))
    assert (".blocks[1].linear", "initial scale") in faults
    (own,) = (one for one in audit.faults if one.fault == "initial scale")
    assert own.value == pytest.approx(10, rel=0.1)
    assert "multiply by 0.09" in own.change


def test_outputs_far_too_large():
    faults, audit = found(planted(lambda m: m.last.weight, lambda w: 100 * w))
    assert faults == [(".last", "output scale")]
    assert audit.loss > 3 * np.log(4)


def test_dead_units():
    faults, _ = found(planted(lambda m: m.rectified.bias, lambda b: b - 30))
    assert faults == [(".rectified", "dead units")]


def test_saturated_tanh():
    faults, _ = found(planted(lambda m: m.bounded.weight, lambda w: 30 * w))
    assert (".bounded", "saturated") in faults


def test_a_frozen_layer():
    faults, _ = found(planted(lambda m: m.trained, lambda _: np.int32(0)))
    assert faults == [(".rectified", "no gradient")]


def test_branches_without_their_root_of_the_depth():
    faults, _ = found(planted(lambda m: [b.scale for b in m.blocks], lambda _: np.int32(0)))
    assert faults == [(".blocks", "residual branches")]


def test_exploding_attention_logits():
    def both(m):
        return m.attention.query_proj.weight, m.attention.key_proj.weight

    model = planted(both, lambda w: 10 * w)
    faults, audit = found(model)
    assert (".attention", "attention logits") in faults
    (own,) = (one for one in audit.faults if one.fault == "attention logits")
    x = jax.vmap(jax.vmap(model.first))(TOKENS[:4])
    q, k = (np.asarray(x @ w.T, float).reshape(4, 6, 2, WIDE // 2) for w in both(model))
    logits = np.einsum("bthd,bshd->bhts", q, k) / np.sqrt(WIDE // 2)
    spreads = np.var(logits, axis=-1)
    assert own.value == pytest.approx(np.sqrt(np.mean(spreads)), rel=1e-4)


@pytest.mark.slow
def test_a_learning_rate_that_is_too_large():
    faults, _ = found(Small(jax.random.key(0)), learning_rate=3.0)
    assert [fault for _, fault in faults] == ["step size"]


def make(width, key):
    return eqx.nn.MLP(8, 4, width, 1, key=key)


WIDTHS = (16, 32, 64)


@pytest.mark.slow
def test_a_learning_rate_that_does_not_transfer():
    audit = ww.audit(make, batch=(X, Y), widths=WIDTHS, learning_rate=1e-3)
    (fault,) = audit.faults
    assert (fault.layer, fault.fault) == (".layers[1]", "transfer over width")
    assert 0.5 < fault.value < 1.5  # outputs of the standard parametrization: from 1 to 3/2
    assert audit.cost.passes <= 5
    assert "groups" in fault.change
    # what is to be pasted trains as the plan does
    code = audit.paste()
    names: dict[str, Any] = {"model": make(64, jax.random.key(3))}
    exec(code, names)
    model, optimizer = names["model"], names["optimizer"]
    assert audit.plan is not None
    planned = audit.plan.initialize(make(64, jax.random.key(3)))
    for a, b in zip(jax.tree.leaves(model), jax.tree.leaves(planned), strict=True):
        if eqx.is_inexact_array(a):
            np.testing.assert_allclose(a, b, rtol=1e-5)
    import optax

    params = eqx.filter(planned, eqx.is_inexact_array)
    gradients = jax.tree.map(lambda p: jnp.asarray(np.full(p.shape, 1e-7), p.dtype), params)
    own = optimizer.update(gradients, names["state"], params)[0]
    plan = audit.plan.transformation(optax.adam(1e-3))
    other = plan.update(gradients, plan.init(params), params)[0]
    for a, b in zip(jax.tree.leaves(own), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4)


def test_the_plan_is_that_of_parametrize():
    """Its scales are those of the models that were looked at: other draws, so within 15 %."""
    plan = ww.audit(make, batch=(X, Y), widths=WIDTHS).plan
    assert plan is not None
    expected = {row.path: row for row in ww.parametrize(make, 64, base_width=16).rows}
    assert {row.path for row in plan.rows} == set(expected)
    for row in plan.rows:
        other = expected[row.path]
        assert row.learning_rate == other.learning_rate
        if row.path.endswith("weight"):
            assert row.init_std == pytest.approx(other.init_std, rel=0.15)
            assert row.init_factor == pytest.approx(other.init_factor, rel=0.15)


@pytest.mark.slow
def test_a_network_under_mup_is_sound():
    net = ww.Sequential(
        ww.Dense(8), ww.Relu(), ww.Dense(8), ww.Relu(), ww.Dense(4), parametrization=ww.MuP()
    )
    assert ww.audit(net, batch=(X, Y), widths=WIDTHS, learning_rate=1e-2).healthy


def test_features_behind_a_readout_of_zeros_move_in_the_second_step():
    def zero(width, key):
        model = make(width, key)
        return eqx.tree_at(lambda m: m.layers[-1].weight, model, replace_fn=jnp.zeros_like)

    audit = ww.audit(zero, batch=(X, Y), widths=WIDTHS, parametrization="mup")
    assert audit.healthy
    assert audit.width is not None
    assert audit.width.data.step.values.tolist() == [0, 1, 2]
    assert audit.cost.passes <= 5
    assert [layer.speed > 0 for layer in audit.layers] == [False] * (len(audit.layers) - 1) + [True]
    assert not ww.audit(zero, batch=(X, Y), widths=WIDTHS, learning_rate=1e-2).healthy


@pytest.mark.parametrize(("examples", "looked_at"), [(3, 3), (4, 4), (12, 4), (20, 5)])
def test_sizes_are_compared_on_a_quarter_of_the_examples(examples, looked_at):
    x = {"tokens": np.zeros((examples, 7)), "positions": np.zeros((2, 7))}
    part = Setting((x, np.zeros(examples)), "mean", "adam", 1e-3).quartered()
    assert part.batch[0]["tokens"].shape == (looked_at, 7)
    assert part.batch[0]["positions"].shape == (2, 7)
    assert part.examples == looked_at


def test_a_loss_for_one_number_of_examples_gets_them():
    weights = jnp.linspace(0.5, 1.5, len(X))

    def loss(outputs, targets):
        return jnp.mean(weights * jnp.sum((outputs - targets[:, None]) ** 2, axis=1))

    audit = ww.audit(make, batch=(X, Y), loss=loss, widths=WIDTHS, members=2)
    assert audit.width is not None
    assert audit.cost.passes == pytest.approx(2 * 4 / 3 + 4 / 3)


@pytest.mark.slow
def test_standard_networks_do_not_transfer_under_gradient_descent():
    net = ww.Sequential(
        ww.Dense(8), ww.Relu(), ww.Dense(8), ww.Relu(), ww.Dense(4), parametrization=Standard()
    )
    audit = ww.audit(net, batch=(X, Y), widths=WIDTHS, optimizer="sgd", learning_rate=1e-2)
    assert [one.fault for one in audit.faults] == ["transfer over width"]


def nothing(x):
    return x


@pytest.mark.parametrize(
    ("model", "options", "error", "match"),
    [
        (eqx.nn.Lambda(nothing), {}, ValueError, "no parameters"),
        (
            lambda width, key: eqx.nn.Linear(8, 4 + 0 * width, key=key),
            {},
            ValueError,
            "use the width",
        ),
        (lambda width: make(width, jax.random.key(0)), {}, TypeError, "no argument key"),
        (lambda width, key: (width, key), {}, TypeError, "returns tuple"),
        (lambda size, key: make(size, key), {}, ValueError, "give width_argument"),
        (3, {}, TypeError, "what was given is int"),
        (make, {"width_argument": "size"}, ValueError, "give one of width, key"),
        (make, {"widths": (8, 16)}, ValueError, "at least 3"),
        (make, {"members": 1}, ValueError, "at least 2"),
        (make, {"learning_rate": 0.0}, ValueError, "positive"),
        (make, {"optimizer": "adamm"}, ValueError, "adamm"),
        (make, {"optimizer": nothing, "parametrization": "mup"}, ValueError, "or an optimizer"),
        (make(8, jax.random.key(0)), {"batch": (X.astype(int), X)}, ValueError, "batch="),
        (make(8, jax.random.key(0)), {"batch": X}, TypeError, "batch"),
        (make(8, jax.random.key(0)), {"batch": (np.inf * X, Y)}, ValueError, "loss is nan"),
        ("nowhere", {}, ValueError, "no Hugging Face folder"),
    ],
)
def test_refused(model, options, error, match):
    with pytest.raises(error, match=match):
        ww.audit(model, **{"batch": (X, Y), "widths": WIDTHS, **options})
