"""Sampling ensembles: reproducible members, any observation, right statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import networks as nn
from widthwise.ensembles import preactivations, sample

NET = nn.Sequential(
    nn.Dense(8), nn.Relu(), nn.Residual(nn.Sequential(nn.Dense(8), nn.Relu(), nn.Dense(8))),
    nn.Dense(2), parametrization=nn.NTK(1.5, 0.1),
)  # fmt: skip
X = jnp.asarray(np.random.default_rng(0).standard_normal((5, 3)), jnp.float32)


def test_a_member_depends_on_its_key_alone(key):
    everyone = sample(NET, X, key=key, members=11)
    assert everyone.shape == (11, 5, 2)
    assert everyone.dtype == jnp.float32
    again = sample(NET, X, key=key, members=11, batch_size=3)
    np.testing.assert_allclose(again, everyone, rtol=1e-4, atol=1e-5)
    part = sample(NET, X, key=key, members=(4, 7))
    np.testing.assert_allclose(part, everyone[4:7], rtol=1e-4, atol=1e-5)
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(4, 7))
    np.testing.assert_allclose(sample(NET, X, key=keys), part, rtol=1e-4, atol=1e-5)
    model = NET.init(keys[0], (3,), dtype=jnp.float32)
    np.testing.assert_allclose(jax.vmap(model)(X), part[0], rtol=1e-4, atol=1e-5)


def test_members_differ(key):
    f = np.asarray(sample(NET, X, key=key, members=300))
    assert len(np.unique(f[:, 0, 0])) == 300
    pairs = (f[1:, :, 0] * f[:-1, :, 0]).mean(1)
    assert abs(pairs.mean()) < 4 * pairs.std() / np.sqrt(len(pairs))


def test_preactivations_are_those_of_every_dense_layer(key):
    layers = sample(NET, X, key=key, members=3, observe=preactivations)
    assert [layer.shape[1:] for layer in layers] == [(5, 8), (5, 8), (5, 8), (5, 2)]
    model = NET.init(jax.random.fold_in(key, 1), (3,), dtype=jnp.float32)
    first = jax.vmap(model.layers[0])(X)
    np.testing.assert_allclose(layers[0][1], first, rtol=1e-4, atol=1e-5)
    branch = model.layers[2].branch.layers
    inner = jax.vmap(lambda x: branch[0](jnp.maximum(model.layers[0](x), 0)))(X)
    np.testing.assert_allclose(layers[1][1], inner, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layers[3][1], jax.vmap(model)(X), rtol=1e-4, atol=1e-5)


def test_first_layer_is_exactly_gaussian(key):
    """Covariance, fourth moment and independence of the first pre-activations."""
    (first, *_) = sample(NET, X, key=key, members=2000, observe=preactivations)
    z = np.asarray(first, np.float64)
    expected = 1.5**2 * np.asarray(X, np.float64) @ np.asarray(X, np.float64).T / 3 + 0.01
    products = np.einsum("snk,smk->snm", z, z) / z.shape[-1]
    error = products.std(0) / np.sqrt(len(products))
    assert np.all(np.abs(products.mean(0) - expected) < 4 * error)
    standard = z[:, 0] / np.sqrt(expected[0, 0])
    assert abs(np.mean(standard**4) - 3) < 4 * np.sqrt(96 / standard.size)
    assert abs(np.mean(standard[:, 0] * standard[:, 1])) < 4 / np.sqrt(len(standard))


def test_observation_may_be_any_pytree(key):
    def observe(model, x):
        return {"norm": jnp.sum(jax.vmap(model)(x) ** 2), "sign": jax.vmap(model)(x) > 0}

    kept = sample(NET, X, key=key, members=7, observe=observe)
    assert kept["norm"].shape == (7,)
    assert kept["sign"].dtype == bool


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"members": 0}, "at least one"),
        ({"members": (3, 3)}, "at least one"),
        ({"members": (-1, 3)}, "at least one"),
        ({}, "array of keys"),
        ({"members": 3, "batch_size": 0}, "batch_size is 0"),
    ],
)
def test_refused(key, options, message):
    with pytest.raises(ValueError, match=message):
        sample(NET, X, key=key, **options)


def test_an_array_of_keys_leaves_no_choice_of_members(key):
    with pytest.raises(ValueError, match="leave members out"):
        sample(NET, X, key=jax.random.split(key, 3), members=3)


def test_inputs_that_do_not_fit(key):
    with pytest.raises(ValueError, match="at least one axis"):
        sample(NET, jnp.ones(5), key=key, members=3)


def test_traced_inputs_are_refused(key):
    with pytest.raises(TypeError, match="x is traced"):
        jax.jit(lambda x: sample(NET, x, key=key, members=3))(X)


def test_double_precision_holds_in_every_thread(key):
    """Double precision may be a setting of the calling thread alone."""
    with jax.enable_x64(False):
        assert sample(NET, X, key=key, members=5).dtype == np.float32
        with jax.enable_x64(True):
            assert sample(NET, jnp.asarray(X, jnp.float64), key=key, members=5).dtype == np.float64
