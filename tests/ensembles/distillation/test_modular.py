"""Networks that add modulo a number, against NumPy, and their training."""

import equinox as eqx
import jax
import numpy as np
import pytest

from widthwise.ensembles.distillation import (
    PairNetwork,
    PairTransformer,
    fitted_pairs,
    modular_sums,
)

P = 5


def test_sums():
    np.testing.assert_array_equal(modular_sums(3), [0, 1, 2, 1, 2, 0, 2, 0, 1])


def test_network_on_one_hot_pairs():
    net = PairNetwork(P, 7, key=jax.random.key(0))
    first, second, readout = (np.asarray(w) for w in (net.first, net.second, net.readout))
    eye = np.eye(P)
    for index, found in enumerate(np.asarray(eqx.filter_jit(net)())):
        a, b = divmod(index, P)
        expected = np.maximum(eye[a] @ first + eye[b] @ second, 0) @ readout
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_transformer_on_three_tokens():
    """All tokens attend with a softmax, head by head; the last one is read out."""
    n, heads = 8, 4
    net = PairTransformer(P, n, key=jax.random.key(1))
    outputs = np.asarray(eqx.filter_jit(net)())
    query, key, value, out = np.asarray(net.maps, np.float64)
    tokens, places, expand, bias, contract, readout = (
        np.asarray(w)
        for w in (net.tokens, net.places, net.expand, net.bias, net.contract, net.readout)
    )
    for index in (0, 7, P**2 - 1):
        a, b = divmod(index, P)
        x = tokens[[a, b, P]] + places
        mixed = np.zeros((3, n))
        for head in range(heads):
            part = slice(head * n // heads, (head + 1) * n // heads)
            logits = (x @ query)[:, part] @ (x @ key)[:, part].T / np.sqrt(n / heads)
            weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            mixed[:, part] = weights @ (x @ value)[:, part]
        x = x + mixed @ out
        x = x + np.maximum(x @ expand + bias, 0) @ contract
        np.testing.assert_allclose(outputs[index], (x @ readout)[2], rtol=1e-4, atol=1e-5)


def test_training_fits_what_it_sees():
    y = modular_sums(P)
    seen = np.stack([np.arange(P**2) % 3 > 0, np.arange(P**2) < 10])
    targets = np.where(seen[..., None], np.eye(P)[y], 0.0)
    keys = jax.random.split(jax.random.key(2), 2)
    found = fitted_pairs(PairNetwork, targets, width=32, keys=keys, steps=300)
    right = found.argmax(-1) == y
    assert right[seen].all()
    assert not right[~seen].all()
    with pytest.raises(ValueError, match="training diverged"):
        fitted_pairs(PairNetwork, targets * np.nan, width=32, keys=keys, steps=300)


def test_refused():
    targets, keys = np.ones((1, 24, P)), jax.random.split(jax.random.key(0), 1)
    with pytest.raises(ValueError, match="24 rows of 5 probabilities: give all 25 pairs"):
        fitted_pairs(PairNetwork, targets, width=4, keys=keys, steps=1)
    with pytest.raises(ValueError, match="steps is 0"):
        fitted_pairs(PairNetwork, np.ones((1, 25, P)), width=4, keys=keys, steps=0)
    with pytest.raises(ValueError, match="width is 6: give a multiple of 4"):
        PairTransformer(P, 6, key=keys[0])
