"""Settings from shapes alone: reference values, exact invariances, and what is refused."""
# ruff: noqa: ARG005

import sys
from types import ModuleType

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxtyping import Array

import widthwise as ww
from widthwise.networks.scaling import Plan
from widthwise.networks.scaling.family import seeded

X = np.random.default_rng(0).standard_normal((5, 3))
Y = np.random.default_rng(1).standard_normal((5, 1))


def mlp(width: int, key: Array) -> eqx.nn.MLP:
    return eqx.nn.MLP(3, 1, width, 2, activation=jnp.tanh, key=key)


class Block(eqx.Module):
    """A residual branch of two layers after a normalization."""

    norm: eqx.nn.LayerNorm
    fc: eqx.nn.Linear
    c_proj: eqx.nn.Linear

    def __call__(self, x: Array) -> Array:
        return x + self.c_proj(jax.nn.relu(self.fc(self.norm(x))))


class Tower(eqx.Module):
    embed: eqx.nn.Embedding
    blocks: list[Block]
    norm: eqx.nn.LayerNorm
    head: eqx.nn.Linear


def tower(width: int, depth: int, key: Array) -> Tower:
    keys = jax.random.split(key, 2 * depth + 2)
    blocks = [
        Block(
            eqx.nn.LayerNorm(width),
            eqx.nn.Linear(width, 4 * width, key=keys[2 * i]),
            eqx.nn.Linear(4 * width, width, key=keys[2 * i + 1]),
        )
        for i in range(depth)
    ]
    return Tower(
        eqx.nn.Embedding(11, width, key=keys[-1]),
        blocks,
        eqx.nn.LayerNorm(width),
        eqx.nn.Linear(width, 11, use_bias=False, key=keys[-2]),
    )


def rows(plan: Plan) -> dict[str, tuple[float, float, float]]:
    return {r.path: (r.learning_rate, r.weight_decay, r.epsilon) for r in plan.rows}


def trained(model: eqx.Module, plan: Plan, optimizer: optax.GradientTransformation) -> np.ndarray:
    """Outputs after five steps; multipliers of the plan act in the forward map."""
    times = {row.path: row.multiplier for row in plan.rows}

    @jax.jit
    def value(params: eqx.Module) -> tuple[Array, Array]:
        seen = jax.tree_util.tree_map_with_path(
            lambda path, leaf: leaf * times[jax.tree_util.keystr(path)], params
        )
        outputs = jax.vmap(eqx.combine(seen, rest))(jnp.asarray(X))
        return jnp.mean((outputs - jnp.asarray(Y)) ** 2), outputs

    params, rest = eqx.partition(plan.initialize(model), eqx.is_inexact_array)
    scaled = plan.transformation(optimizer)
    gradient, update = jax.jit(jax.grad(lambda p: value(p)[0])), jax.jit(scaled.update)
    state = scaled.init(params)
    for _ in range(5):
        updates, state = update(gradient(params), state, params)
        params = optax.apply_updates(params, updates)
    return np.asarray(value(params)[1])


def test_spectral_condition() -> None:
    """Initial scale and learning rate of one matrix, (outputs, inputs)."""
    expected = {
        (1024, 64): (0.125, 16),
        (1024, 1024): (0.03125, 1),
        (10, 1024): (0.0030881618, 0.009765625),
        (4096, 1024): (0.03125, 4),
        (1024, 4096): (0.0078125, 0.25),
    }
    rules = ww.Spectral()
    for (n_out, n_in), (std, rate) in expected.items():
        scale = rules.scale("hidden", n_in, n_out, std=1.0)
        assert scale.init_std == pytest.approx(std, rel=1e-8)
        assert (scale.sgd, scale.adam) == pytest.approx((rate, 1 / n_in))
        assert scale.muon == pytest.approx((n_out / n_in) ** 0.5)
    net = ww.Sequential(ww.Dense(1024), ww.Relu(), ww.Dense(10), parametrization=rules)
    last = net.parameter_table((64,))[1]
    assert (last.init_std, last.sgd) == pytest.approx((0.0030881618, 0.009765625))


@pytest.mark.parametrize("form", ["completep", "depth_mup"])
def test_depth(form: str) -> None:
    """Width times 4 and depth times 6; alpha is 1 for CompleteP and 1/2 for depth-muP."""
    branch = {"completep": 1 / 6, "depth_mup": 6**-0.5}[form]
    deep = {"completep": 1.0, "depth_mup": 6**-0.5}[form]
    plan = ww.parametrize(
        tower,
        32,
        base_width=8,
        depth=12,
        base_depth=2,
        parametrization=form,
        multipliers="explicit",
    )
    assert plan.branch_multiplier == pytest.approx(branch)
    assert plan.by_hand == (f"multiply every residual branch by {branch:.4g}",)
    got = rows(plan)
    for i in (0, 11):
        for name in ("fc", "c_proj"):
            row = got[f".blocks[{i}].{name}.weight"]
            assert row == pytest.approx((deep / 4, 4, branch / 4))
        assert got[f".blocks[{i}].norm.weight"] == pytest.approx((deep, 1, branch / 4))
        assert got[f".blocks[{i}].fc.bias"] == pytest.approx((deep, 1, branch / 4))
    assert got[".embed.weight"] == got[".norm.weight"] == pytest.approx((1, 1, 0.25))
    assert got[".head.weight"] == pytest.approx((0.25, 4, 1))
    # What the optimizer is told instead if the model stays as it is.
    kept = ww.parametrize(tower, 32, base_width=8, depth=12, base_depth=2, parametrization=form)
    end = rows(kept)[".blocks[3].c_proj.weight"]
    assert end == pytest.approx((deep * branch / 4, 4 / branch, 0.25))
    assert kept.by_hand == ()
    sizes = {row.path: row.init_std for row in kept.rows}
    base = 1 / np.sqrt(3 * 32)  # that of eqx.nn.Linear with 32 inputs
    assert sizes[".blocks[3].c_proj.weight"] == pytest.approx(base * 4**-0.5 * branch, rel=0.03)


def test_gradient_descent_in_branches() -> None:
    plans = [
        ww.parametrize(
            tower, 16, base_width=8, depth=8, base_depth=2, parametrization=form,
            optimizer="sgd", multipliers="explicit",
        )
        for form in ("completep", "depth_mup")
    ]  # fmt: skip
    assert [rows(p)[".blocks[1].fc.weight"][0] for p in plans] == pytest.approx([4, 1])


@pytest.mark.parametrize(
    ("form", "optimizer"),
    [("ntk", "sgd"), ("mean_field", "adamw"), ("ntk", "adam")],
)
def test_absorbed_multipliers_train_the_same_function(form: str, optimizer: str) -> None:
    made = {
        "sgd": optax.sgd(0.1, momentum=0.9),
        "adam": optax.adam(0.01, eps=1e-2),
        "adamw": optax.adamw(0.01, eps=1e-2, weight_decay=0.3),
    }[optimizer]
    outputs = [
        trained(
            mlp(16, jax.random.key(3)),
            ww.parametrize(
                mlp, 16, base_width=4, parametrization=form, optimizer=optimizer, multipliers=how
            ),
            made,
        )
        for how in ("absorbed", "explicit")
    ]
    np.testing.assert_allclose(*outputs, rtol=0, atol=1e-10)
    assert np.ptp(outputs[0]) > 1e-3


@pytest.mark.parametrize("form", ["standard", "mup", "completep"])
def test_at_the_base_nothing_changes(form: str) -> None:
    plan = ww.parametrize(
        tower, 8, base_width=8, depth=2, base_depth=2, parametrization=form, optimizer="adamw"
    )
    assert all(row[3:] == (row.init_std, 1, 1, 1, 1, 1) for row in plan.rows)
    model = tower(8, 2, jax.random.key(5))
    same = jax.tree.map(lambda a, b: bool(jnp.all(a == b)), model, plan.initialize(model))
    assert all(jax.tree.leaves(same))


def test_adam_is_that_of_the_rule() -> None:
    """One step of sign descent moves each weight by the learning rate of its role."""
    plan = ww.parametrize(mlp, 32, base_width=8, optimizer="sign")
    params = eqx.filter(mlp(32, jax.random.key(0)), eqx.is_inexact_array)
    tx = plan.transformation(optax.sign_sgd(0.5))
    updates, _ = tx.update(params, tx.init(params))
    moved = {
        jax.tree_util.keystr(path): float(jnp.max(jnp.abs(leaf)))
        for path, leaf in jax.tree_util.tree_leaves_with_path(updates)
    }
    assert moved == pytest.approx(
        {f".layers[{i}].{n}": 0.5 / (4 if i and n == "weight" else 1)
         for i in range(3) for n in ("weight", "bias")}
    )  # fmt: skip


def test_decay_that_is_kept() -> None:
    plan = ww.parametrize(mlp, 32, base_width=8, decay="keep")
    assert {row.weight_decay for row in plan.rows} == {1.0}


def test_without_a_base_the_rules_stand_as_they_are() -> None:
    plan = ww.parametrize(mlp, 32, parametrization="ntk", multipliers="explicit")
    weights = [row for row in plan.rows if "weight" in row.path]
    assert [row.init_std for row in weights] == [1, 1, 1]
    assert [row.multiplier for row in weights] == pytest.approx([3**-0.5, 32**-0.5, 32**-0.5])
    model = plan.initialize(mlp(32, jax.random.key(9)))
    assert float(jnp.std(model.layers[1].weight)) == pytest.approx(1, rel=0.1)


def test_the_table_can_be_read() -> None:
    text = str(ww.parametrize(mlp, 32, base_width=8))
    assert text.splitlines()[0] == "MuP, adam: width 32 from base width 8"
    assert ".layers[1].weight  32x32  hidden" in text


class Raw(eqx.Module):
    """An array that no layer holds."""

    mixing: Array


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (3, {}, "give a function of the width|Type-check"),
        (lambda width: eqx.nn.Identity(), {}, "make has no argument key"),
        (lambda width, key: eqx.nn.Identity(), {}, "without parameters"),
        (lambda width, key: 1.0, {}, "make\\(16\\) returns float"),
        (lambda width, key: mlp(8, key), {}, "have the same shapes: use the width"),
        (lambda width, key: Raw(jnp.ones((width, 3))), {}, "give roles="),
        (lambda width, key: Raw(jnp.ones((width,) * 3)), {}, "grows along 3 axes"),
        (lambda width, key: Raw(jnp.ones(width, int)), {}, "without parameters"),
        (lambda width, key: [mlp(8, key)] * width, {}, "returns list"),
        (lambda width, key: eqx.nn.Sequential([eqx.nn.Linear(3, 3, key=key)] * width), {},
         "different arrays: the width may change shapes only"),
        (mlp, {"depth": 3, "base_depth": 1, "base_width": 4}, "make has no argument depth"),
        (mlp, {"parametrization": "mu"}, "parametrization is 'mu': give one of"),
        (mlp, {"roles": {"weight": "hiden"}}, "did you mean 'hidden'"),
        (mlp, {"roles": {"layers.0..weight": "hidden"}}, "grows along 1 axes and cannot be"),
        (lambda width, depth, key: mlp(width, key), {"depth": 2}, "same arrays at depth 2 and 4"),
        (tower, {"depth": 2, "parametrization": "completep", "branch_outputs": "never"},
         "give branch_outputs"),
        (ww.Sequential(ww.Dense(3)), {}, "has its own parametrization|Type-check"),
    ],
)  # fmt: skip
def test_bad_input(make: object, options: dict, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        ww.parametrize(make, 16, **options)  # pyright: ignore[reportArgumentType]


def test_a_role_that_is_given() -> None:
    def make(width: int, key: Array) -> Raw:
        return Raw(jnp.ones((width, 3)))

    plan = ww.parametrize(make, 16, base_width=8, roles={"mixing": "output"})
    assert (plan.rows[0].role, plan.rows[0].learning_rate) == ("output", 0.5)


def test_a_model_of_another_width_or_kind_is_refused() -> None:
    plan = ww.parametrize(mlp, 16)
    with pytest.raises(ValueError, match="the model and the plan differ"):
        plan.initialize(eqx.nn.MLP(3, 1, 16, 3, key=jax.random.key(0)))
    with pytest.raises(ValueError, match="the gradients have an array"):
        plan.transformation(optax.sgd(0.1)).update({"w": jnp.ones(3)}, ())
    with pytest.raises(TypeError, match="parameter groups are PyTorch's"):
        plan.parameter_groups(mlp(16, jax.random.key(0)), learning_rate=1.0)


def test_a_traced_key_seeds_no_other_framework(monkeypatch):
    """Models of Equinox are described by tracing them, also where PyTorch has been imported."""
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))

    def make(key):
        with seeded(key):
            return jax.random.normal(key, (3,))

    assert jax.eval_shape(make, jax.random.key(0)).shape == (3,)
