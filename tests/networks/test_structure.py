"""Finite networks as objects: shapes, widths, tables, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import networks as nn


def small(**options):
    return nn.Sequential(nn.Dense(8), nn.Relu(), nn.Dense(8), nn.Relu(), nn.Dense(2), **options)


def test_model_is_a_pytree_under_every_transformation(key):
    model = small(parametrization=nn.NTK(1.5, 0.1)).init(key, (3,))
    x = jnp.ones((4, 3))
    batch = jax.jit(jax.vmap(model))(x)
    assert batch.shape == (4, 2)
    np.testing.assert_allclose(batch[0], model(x[0]), rtol=1e-12)
    slopes = jax.grad(lambda m: jnp.sum(m(x[0])))(model)
    assert [leaf.shape for leaf in jax.tree.leaves(slopes)] == [
        (8, 3), (8,), (8, 8), (8,), (2, 8), (2,)
    ]  # fmt: skip
    assert isinstance(model.layers[0], nn.Affine)
    many = jax.vmap(lambda key: small().init(key, (3,)))(jax.random.split(key, 5))
    assert many.layers[0].weight.shape == (5, 8, 3)


def test_forward_map_written_out(key):
    model = small(parametrization=nn.NTK(1.5, 0.1)).init(key, (3,))
    x = h = np.array([1.0, -2.0, 0.5])
    for index in (0, 2, 4):
        layer = model.layers[index]
        h = 1.5 / np.sqrt(len(h)) * np.asarray(layer.weight) @ h + 0.1 * np.asarray(layer.bias)
        h = np.maximum(h, 0) if index < 4 else h
    np.testing.assert_allclose(model(jnp.asarray(x)), h, rtol=1e-12)


def test_same_key_same_network(key):
    first, second = (jax.tree.leaves(small().init(key, (3,))) for _ in range(2))
    assert all(bool(jnp.all(a == b)) for a, b in zip(first, second, strict=True))
    other = jax.tree.leaves(small().init(jax.random.key(1), (3,)))
    assert not any(bool(jnp.any(a == b)) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.float32, jnp.float64])
def test_dtype(key, dtype):
    model = small(parametrization=nn.MuP(1.0, 0.5)).init(key, (3,), dtype=dtype)
    assert {leaf.dtype for leaf in jax.tree.leaves(model)} == {jnp.dtype(dtype)}
    assert model(jnp.ones(3, dtype)).dtype == dtype


def test_at_width_keeps_inputs_and_outputs():
    inner = nn.Residual(nn.Sequential(nn.Relu(), nn.Dense(8, weight_std=2.0)))
    net = nn.Sequential(nn.Dense(8), inner, nn.Relu(), nn.Dense(3), parametrization=nn.MuP())
    wide = net.at_width(20)
    assert [row.shape for row in wide.parameter_table((5,))] == [(20, 5), (20, 20), (3, 20)]
    assert wide.at_width(8) == net
    assert hash(wide.at_width(8)) == hash(net)
    features = nn.Sequential(nn.Dense(8), nn.Relu()).at_width(20)
    assert features.parameter_table((5,))[0].shape == (20, 5)


def test_parameter_table_gives_roles_and_scales(key):
    net = nn.Sequential(
        nn.Dense(64), nn.Tanh(), nn.Dense(16), nn.Tanh(), nn.Dense(3, weight_std=2.0, bias=False),
        parametrization=nn.MuP(1.5, 0.1),
    )  # fmt: skip
    rows = net.parameter_table((4,))
    assert [row.role for row in rows] == ["input", "bias", "hidden", "bias", "output"]
    assert [row.path for row in rows][2] == ".layers[2].weight"
    np.testing.assert_allclose(
        np.array([row[3:] for row in rows], float),
        [
            [1.5 / 2, 1, 16, 1 / 4, 4],
            [0.1, 1, 64, 1, 1],
            [1.5 / 8, 1, 1 / 4, 1 / 64, 1 / 2],
            [0.1, 1, 16, 1, 1],
            [2 / 16, 1, 1 / 16, 1 / 16, 1 / 4],
        ],
    )
    weights = jax.tree.leaves(net.at_width(256).init(key, (4,)))
    for row, weight in zip(net.at_width(256).parameter_table((4,)), weights, strict=True):
        error = row.init_std / np.sqrt(2 * weight.size)
        assert abs(float(jnp.std(weight)) - row.init_std) < 4 * error


@pytest.mark.parametrize("form", [nn.Standard, nn.NTK, nn.MeanField, nn.MuP, nn.DepthMuP])
def test_equivalent_forms_have_equal_adam_steps(form):
    """multiplier * adam is the size of the acting weight's step: equal for MeanField and MuP."""
    rows = small(parametrization=form()).parameter_table((4,))
    steps = [row.multiplier * row.adam for row in rows]
    if form in (nn.MeanField, nn.MuP, nn.DepthMuP):
        np.testing.assert_allclose(np.array(steps, float), [1 / 4, 1 / 8, 1 / 8])


def test_depth_mup_scales_branches(key):
    block = nn.Residual(nn.Sequential(nn.Relu(), nn.Dense(8)))
    net = nn.Sequential(nn.Dense(8), *[block] * 4, nn.Dense(1), parametrization=nn.DepthMuP())
    model = net.init(key, (3,))
    assert model.layers[1].multiplier == 0.5
    rows = net.parameter_table((3,))
    assert rows[1].adam == pytest.approx(1 / 8 / 2)
    assert rows[0].adam == pytest.approx(1 / 3)


def test_repr():
    net = small(parametrization=nn.NTK(1.5, 0.1))
    assert repr(net) == (
        "Sequential(Dense(8), Elementwise(relu), Dense(8), Elementwise(relu), Dense(2), "
        "parametrization=NTK(weight_std=1.5, bias_std=0.1))"
    )
    assert repr(nn.Dense(4, weight_std=2.0, bias=False)) == "Dense(4, weight_std=2.0, bias=False)"
    assert repr(nn.Residual(nn.Dense(4))) == "Residual(Dense(4))"


def test_hyperparameters_can_be_differentiated():
    x = jnp.ones((2, 3))

    def nngp(weight_std):
        net = nn.Sequential(nn.Dense(8), nn.Relu(), nn.Dense(1), parametrization=nn.NTK(weight_std))
        return net.kernel(x).nngp[0, 1]

    assert jax.grad(nngp)(2.0) == pytest.approx(4 * nngp(2.0) / 2.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Dense(0), "width of Dense is 0"),
        (lambda: nn.Dense(4, weight_std=-1.0), "weight_std is -1.0"),
        (lambda: nn.NTK(float("nan")), "weight_std is nan"),
        (lambda: nn.MuP(bias_std=float("inf")), "bias_std is inf"),
        (lambda: nn.Sequential(), "no layers"),
        (lambda: nn.Sequential(small(parametrization=nn.NTK())), "outermost only"),
        (lambda: small().at_width(0), "width of Dense is 0"),
        (lambda: small().init(jax.random.key(0), ()), "at least one axis"),
        (lambda: small().init(jax.random.key(0), (0,)), "at least one axis"),
        (lambda: small().kernel(jnp.ones(3)), "shape (examples, features) or"),
        (lambda: small().kernel(jnp.ones((2, 3), int)), "real floating"),
        (lambda: small().kernel(jnp.ones((2, 3), complex)), "real floating"),
        (lambda: small().kernel(jnp.ones((2, 3)), jnp.ones((2, 4))), "inputs of one shape"),
        (
            lambda: small().kernel(jnp.ones((2, 3)), jnp.ones((4, 3)), diagonal=True),
            "diagonal pairs",
        ),
        (
            lambda: nn.Sequential(nn.Residual(nn.Dense(4))).init(jax.random.key(0), (3,)),
            "end it with the width it starts from",
        ),
        (
            lambda: nn.Sequential(nn.Dense(3), nn.Residual(nn.Relu())).kernel(jnp.ones((2, 3))),
            "end the branch with a Dense layer",
        ),
        (lambda: nn.Sequential(nn.Relu(), nn.Dense(1)).kernel(jnp.ones((2, 3))), "Gaussian"),
        (
            lambda: nn.Sequential(nn.Dense(1), nn.Relu(), nn.Relu()).kernel(jnp.ones((2, 3))),
            "Gaussian",
        ),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
        make()
