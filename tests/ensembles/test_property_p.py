import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise import activations, data, ensembles
from widthwise.ensembles import property_p
from widthwise.ensembles.sampling import sample


def test_counts_agree_with_running_every_input(key):
    net = ensembles.natural_network(activations.relu, 2, width=8, depth=2)
    found = ensembles.count_violations(net, 3, key=key, members=4, dtype=float)
    x = data.hypercube(3)
    for member in range(4):
        model = net.init(jax.random.fold_in(key, member), (3,))
        outputs = np.array([model(row) for row in x])
        assert found.counts[member] == np.sum(np.all(outputs < 0, axis=1))
    assert found.finite.all()
    assert found.non_finite == 0


@given(m=st.integers(1, 8))
@settings(deadline=None, max_examples=8)
def test_hypercube_lists_every_corner_once(m):
    x = np.asarray(data.hypercube(m))
    assert x.shape == (2**m, m)
    assert np.all(np.abs(x) == 1)
    assert len(np.unique(x, axis=0)) == 2**m


def test_preactivations_have_variance_one(key):
    """Natural weights: mean and variance of the outputs over networks, at every depth."""
    net = ensembles.natural_network(activations.tanh(4.0), 1, width=64, depth=2)
    outputs = sample(net, data.hypercube(2), key=key, members=1000)
    squares = np.mean(np.asarray(outputs) ** 2, axis=(1, 2))
    assert abs(squares.mean() - 1) < 4 * squares.std() / math.sqrt(1000)


def test_odd_network_violates_at_one_of_two_opposite_inputs(key):
    net = ensembles.natural_network(activations.tanh(), 1, width=16, depth=2)
    assert np.all(ensembles.count_violations(net, 4, key=key, members=20).counts == 8)


@pytest.mark.slow
def test_deep_zero_mean_network_has_property_p_as_rarely_as_a_random_function(key):
    """tanh(4 z), width 128, 16 hidden layers: reference 0.015 +- 0.005 from 600 networks."""
    net = ensembles.natural_network(activations.tanh(4.0), 4, width=128, depth=16)
    counts = ensembles.count_violations(net, 6, key=key, members=200).valid
    share = np.mean(counts == 0)
    assert abs(share - 0.015) < 4 * math.hypot(0.005, math.sqrt(0.015 / 200))
    assert abs(counts.mean() - 4) < 4 * counts.std() / math.sqrt(200)


def test_dead_outputs_of_exactly_zero_do_not_violate():
    zero = ensembles.natural_network(activations.relu, 1, width=1, depth=1)
    x = data.hypercube(1)
    model = zero.init(jax.random.key(0), (1,))
    outputs = jax.vmap(model)(x)
    dead = np.sum(np.asarray(outputs) == 0)
    assert dead >= 1
    counts, _ = property_p._violations(model, x)
    assert counts <= 2 - dead


def test_networks_that_overflow_are_reported_and_left_out(key):
    net = ensembles.natural_network(activations.exp, 2, width=8, depth=6)
    found = ensembles.count_violations(net, 3, key=key, members=20)
    assert 0 < found.non_finite <= 20
    assert len(found.valid) == 20 - found.non_finite
    mixed = ensembles.ViolationCounts(np.array([3, 9, 1]), np.array([True, False, True]))
    assert mixed.valid.tolist() == [3, 1]
    assert mixed.non_finite == 1


def test_many_inputs_are_run_in_parts(key, monkeypatch):
    net = ensembles.natural_network(activations.relu, 2, width=4, depth=1)
    whole = ensembles.count_violations(net, 5, key=key, members=3, dtype=float).counts
    monkeypatch.setattr(property_p, "_CHUNK", 8)
    model = net.init(jax.random.fold_in(key, 0), (5,))
    counts, finite = property_p._violations(model, data.hypercube(5))
    assert counts == whole[0]
    assert bool(jnp.all(finite))


def test_bad_input_is_refused(key):
    net = ensembles.natural_network(activations.relu, 1, width=2, depth=1)
    with pytest.raises(ValueError, match="dimension 21"):
        ensembles.count_violations(net, 21, key=key, members=1)
    for wrong in ({"n_outputs": 0}, {"width": 0}, {"depth": 0}):
        sizes = {"n_outputs": 1, "width": 2, "depth": 1} | wrong
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} = 0 was given"):
            ensembles.natural_network(activations.relu, **sizes)
