"""Finite deep linear networks: against automatic derivatives, and against the limit."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from widthwise.dynamics import proportional_training
from widthwise.ensembles import leading_ntk_eigenvalue, train_proportional
from widthwise.networks import ProportionalLinear

NETWORK = ProportionalLinear(
    hidden_layers=2, width_ratio=2.0, sample_ratio=2.0, noise=0.1, richness=6.0
)
INPUTS = 60
STEPS = 12


@pytest.fixture(scope="module")
def trained():
    return train_proportional(
        NETWORK,
        INPUTS,
        learning_rate=0.02,
        steps=STEPS,
        key=jax.random.key(0),
        members=10,
        record=(0, 1, STEPS),
    )


def output(weights, x):
    h = weights[0] @ x / x.size**0.5
    for w in weights[1]:
        h = w @ h / h.size**0.5
    return weights[2] @ h / (NETWORK.output_scale * h.size**0.5)


def at(trained, member, record):
    return tuple(
        jnp.asarray(trained[name].values[member, record], jnp.float64)
        for name in ("first", "hidden", "readout")
    )


def test_tangent_kernel_by_automatic_derivatives(trained):
    """The operator is ``gamma^2`` times the kernel between orthogonal inputs of length sqrt(D)."""
    weights = at(trained, 0, 2)
    x = jnp.eye(INPUTS) * INPUTS**0.5
    rows = jax.vmap(lambda x: ravel_pytree(jax.grad(output)(weights, x))[0])(x)
    expected = np.linalg.eigvalsh(np.asarray(rows @ rows.T))[-1] * NETWORK.output_scale**2
    found = leading_ntk_eigenvalue(trained)
    assert found.dims == ("member", "recorded_step")
    assert float(found[0, 2]) == pytest.approx(expected, rel=1e-4)


def test_updates_lie_along_gradients(trained):
    """One update of every matrix has rank one, and the readout moves along the last features."""
    before, after = at(trained, 3, 0), at(trained, 3, 1)
    first, hidden = after[0] - before[0], (after[1] - before[1])[0]
    for change in (first, hidden):
        values = np.linalg.svd(np.asarray(change), compute_uv=False)
        assert values[1] < 1e-3 * values[0]
    right = np.linalg.svd(np.asarray(first))[2][0]
    h = before[1][0] @ (before[0] @ right)
    move = np.asarray(after[2] - before[2])
    cosine = abs(move @ h) / np.linalg.norm(move) / np.linalg.norm(h)
    assert cosine == pytest.approx(1, abs=1e-4)


def test_losses_and_outliers_follow_the_limit(trained):
    limit = proportional_training(NETWORK, learning_rate=0.02, steps=STEPS)
    for name, expected in (("test_loss", limit.test_loss), ("train_loss", limit.train_loss)):
        values = trained[name].values
        error = values.std(axis=0, ddof=1) / len(values) ** 0.5
        assert np.all(np.abs(values.mean(axis=0) - expected) < 4 * error + 4 / INPUTS * expected)
    for name, layer in (("first", 0), ("hidden", 1)):
        matrix = trained[name].isel(recorded_step=2).values.reshape(10, 2 * INPUTS, -1)
        largest = np.linalg.svd(matrix / (2 * INPUTS) ** 0.5, compute_uv=False)[:, 0]
        error = largest.std(ddof=1) / len(largest) ** 0.5
        expected = limit.outliers(layer).singular_value.values[STEPS, 0]
        assert abs(largest.mean() - expected) < 4 * error + 2 / INPUTS


def test_a_member_does_not_depend_on_the_others(trained):
    again = train_proportional(
        NETWORK,
        INPUTS,
        learning_rate=0.02,
        steps=STEPS,
        key=jax.random.key(0),
        members=(3, 13),
        record=(0, 1, STEPS),
    )
    np.testing.assert_array_equal(again.member, range(3, 13))
    np.testing.assert_allclose(again.test_loss[:7], trained.test_loss[3:], rtol=1e-5)


def test_refusals(key):
    arguments: dict[str, Any] = {"learning_rate": 0.1, "steps": 2, "key": key}
    for changed, words in (
        ({"steps": 0}, "steps is 0"),
        ({"learning_rate": -0.1}, "learning_rate is -0.1"),
        ({"record": (3,)}, "from 0 to 2"),
        ({"record": (1, 0)}, "increasing"),
        ({"members": 0}, "at least one"),
        ({"members": 10**9, "record": (0, 1)}, "record fewer steps"),
    ):
        with pytest.raises(ValueError, match=words):
            train_proportional(NETWORK, 10, **(arguments | changed))  # pyright: ignore
    with pytest.raises(ValueError, match="give more inputs"):
        train_proportional(ProportionalLinear(width_ratio=0.01), 10, **arguments)
