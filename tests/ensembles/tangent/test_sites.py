"""Which layers of a model are watched, and that the others are not."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import networks as nn
from widthwise.ensembles import empirical_ntk
from widthwise.ensembles.tangent.parametric import parametric
from widthwise.ensembles.tangent.sites import find_sites

KEY = jax.random.key(3)
X = jax.random.normal(jax.random.key(4), (4, 3))


def paths(f, params=None, shape=(3,)):
    example = jax.ShapeDtypeStruct(shape, jnp.float64)
    return [site.path for site in find_sites(parametric(f, params), example)]


class Model(eqx.Module):
    """One layer, used by a function that is given."""

    layer: eqx.nn.Linear
    use: str = eqx.field(static=True)

    def __call__(self, x):
        layer = self.layer
        uses = {
            "call": lambda: layer(x),
            "twice": lambda: layer(jnp.sin(layer(x))),
            "weight": lambda: layer(x) + layer.weight @ x,
            "norm": lambda: layer(x) * sum(jnp.sum(w**2) for w in jax.tree.leaves(layer)),
            "vmap": lambda: jax.vmap(layer)(jnp.stack([x, 2 * x])).sum(0),
            "scan": lambda: jax.lax.scan(lambda h, _: (layer(h), None), x, length=2)[0],
            "checkpoint": lambda: jax.checkpoint(lambda h: layer(h))(x),
            "outside": lambda: jax.vmap(lambda a: a * layer(x))(jnp.arange(2.0)).sum(0),
            "isinstance": lambda: layer(x) if isinstance(layer, eqx.nn.Linear) else x,
            "size": lambda: layer(x) * layer.out_features,
            "never": lambda: x,
        }
        return uses[self.use]()


@pytest.mark.parametrize(
    ("use", "seen"),
    [
        ("call", True), ("twice", True), ("outside", True), ("isinstance", True), ("size", True),
        ("weight", False), ("norm", False), ("vmap", False), ("scan", False),
        ("checkpoint", False), ("never", False),
    ],
)  # fmt: skip
def test_only_layers_that_act_through_visible_calls(use, seen):
    model = Model(eqx.nn.Linear(3, 3, key=KEY), use)
    assert paths(model) == ([".layer"] if seen else [])
    if use in ("twice", "norm", "outside"):
        ntk = empirical_ntk(model, None, X, trace_outputs=False)
        other = empirical_ntk(model, None, X, trace_outputs=False, method="jacobian")
        np.testing.assert_allclose(ntk, other, rtol=1e-10)


def test_other_layers_are_left_out():
    class Doubled(eqx.nn.Linear):
        def __call__(self, x, *, key=None):
            return 2 * super().__call__(x, key=key)

    doubled = Doubled(3, 3, key=KEY)  # pyright: ignore[reportCallIssue]
    assert paths(eqx.nn.Sequential([doubled])) == []
    assert paths(eqx.nn.Linear("scalar", 3, key=KEY), shape=()) == []
    circular = eqx.nn.Conv1d(1, 1, 2, padding=1, padding_mode="CIRCULAR", key=KEY)
    assert paths(circular, shape=(1, 3)) == []
    assert paths(eqx.nn.Conv1d(1, 2, 2, key=KEY), shape=(1, 3)) == [""]


def test_frozen_layers_are_not_watched_and_functions_of_models_are():
    net = nn.Sequential(nn.Dense(4), nn.Relu(), nn.Dense(1))
    model = net.init(KEY, (3,), dtype=jnp.float64)
    spec = jax.tree.map(lambda _: False, model)
    spec = eqx.tree_at(lambda m: m.layers[2].weight, spec, True)
    assert paths(model, eqx.filter(model, spec)) == [".layers[2]"]

    def scaled(params, x):
        return params["scale"] * params["model"](x)

    params = {"model": model, "scale": jnp.asarray(2.0)}
    assert paths(scaled, params) == ["['model'].layers[0]", "['model'].layers[2]"]
    ntk = empirical_ntk(scaled, params, X, method="layers", by_layer=True)
    outputs = jax.vmap(model)(X)[:, 0]
    np.testing.assert_allclose(ntk["['scale']"], np.outer(outputs, outputs))
