"""Constants of the activations, computed with mpmath to 25 digits, through the public interface."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import activations

# name, mean, E s^2; centred: b_1, chi_perp, chi_par; as given: C(0), chi_perp
TABLE = [
    ("relu", 0.398942280401, 0.5, 0.7334711035, 1.466942207, 1.0, 1 / math.pi, 1.0),
    (
        "gelu",
        0.282094791774,
        0.425221482570,
        0.7232875213,
        1.318844971,
        1.06211602,
        0.187143582,
        1.072031598,
    ),
    (
        "gelu_tanh",
        0.282038588079,
        0.425193711033,
        0.7232792875,
        None,
        None,
        0.187081236,
        None,
    ),
    (
        "silu",
        0.206620964142,
        0.355775519817,
        0.7985095417,
        1.212081115,
        1.100947379,
        0.119997640,
        1.066634241,
    ),
    (
        "softplus",
        0.806059183347,
        0.921245908859,
        0.9207611319,
        1.080528053,
        1.056124977,
        0.705274673,
        0.318458984,
    ),
    (
        "elu",
        0.160520572267,
        0.644945417493,
        0.9367273497,
        1.079013455,
        0.860231676,
        0.039951992,
        1.035904719,
    ),
    (
        "leaky_relu(0.2)",
        0.319153824321,
        0.52,
        0.8609539386,
        1.243600134,
        1.0,
        0.195883007,
        1.0,
    ),
    ("tanh", 0.0, 0.394294490398, 0.9304699236, 1.177807232, 0.461070831, 0.0, None),
    ("tanh(4)", 0.0, 0.805399279464, 0.7523113844, 2.615634747, 0.115058416, 0.0, None),
    ("erf", 0.0, 0.464559054398, 0.9135828428, 1.225700004, 0.408566668, 0.0, None),
    ("sin", 0.0, (1 - math.exp(-2)) / 2, 0.8509181282, 1.313035285, 0.313035285, 0.0, None),
    ("softsign", 0.0, 0.183014021267, 0.9308946478, 1.244010371, 0.476711560, 0.0, None),
    ("hardtanh", 0.0, 0.516058550962, 0.9031241548, 1.322891542, 0.385126926, 0.0, None),
    ("abs", math.sqrt(2 / math.pi), 1.0, 0.0, 2.751938394, 1.0, 2 / math.pi, 1.0),
    (
        "sigmoid",
        0.5,
        0.293379035858,
        0.9841671669,
        1.03359239,
        0.719200908,
        0.852139960,
        0.152827012,
    ),
]


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_the_table_of_constants(row):
    name, mean, moment, b1, chi_perp, chi_par, at_zero, uncentred = row
    phi = activations.get(name)
    centred = phi.centered()
    measured = [
        phi.mean(),
        phi.second_moment(),
        centred.hermite(1)[1] ** 2 / centred.second_moment(),
        centred.chi_perp(),
        centred.chi_par(),
        phi.correlation_map(0.0),
        phi.chi_perp(),
    ]
    expected = [mean, moment, b1, chi_perp, chi_par, at_zero, uncentred]
    for value, reference in zip(measured, expected, strict=True):
        if reference is not None:
            np.testing.assert_allclose(value, reference, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu.centered", {2: 0.23347110, 4: 0.01945593, 6: 0.00583678}),
        ("gelu.centered", {2: 0.25900826, 4: 0.01498890, 6: 0.00220337}),
        ("tanh", {3: 0.05588107, 5: 0.00992201, 7: 0.00250781}),
        ("tanh(4)", {3: 0.11373045, 5: 0.04650004, 7: 0.02518883}),
        ("abs.centered", {2: 0.8759691969}),
    ],
)
def test_higher_hermite_weights(name, expected):
    phi = activations.get(name)
    b = phi.hermite(8) ** 2 / phi.second_moment()
    for k, value in expected.items():
        assert float(b[k]) == pytest.approx(value, abs=1e-8)


MAPS = {
    "relu": 0.6089977810442294,
    "relu.centered": 0.4264223420127388,
    "gelu": 0.5345330006570735,
    "gelu.centered": 0.4273687342026203,
    "tanh": 0.4725513993754521,
    "tanh(4)": 0.3920586719008415,
}


@pytest.mark.parametrize("name", MAPS)
def test_correlation_map_at_one_half(name):
    value = activations.get(name).correlation_map(0.5)
    assert float(value) == pytest.approx(MAPS[name], abs=1e-8)


def test_correlation_map_of_opposite_inputs():
    shifted = activations.relu.centered().correlation_map(-1.0)
    assert float(shifted) == pytest.approx(-1 / (math.pi - 1), abs=1e-12)
    assert float(activations.tanh().correlation_map(-1.0)) == pytest.approx(-1, abs=1e-12)


ITERATES = {
    "relu.centered": (0.18388838248, 0.0468155581204, 0.0022275701902, 2.04398633e-7),
    "gelu.centered": (0.182527689067, 0.0441187840775, 0.00182808746, 1.10243843e-7),
    "tanh": (0.371127635245, 0.267536251247, 0.133456427616, 0.0154829902005),
    "tanh(4)": (0.132242863082, 0.0320532491116, 0.00186210154806, 3.64697599e-7),
    "relu": (0.810454201005, 0.897646729807, 0.955260184893, 0.988662613226),
}


@pytest.mark.parametrize("name", ITERATES)
def test_iterates_from_one_half(name):
    phi = activations.get(name)
    rho, seen = 0.5, {}
    for layer in range(1, 51):
        rho = phi.correlation_map(rho)
        seen[layer] = float(rho)
    found = [seen[layer] for layer in (5, 10, 20, 50)]
    np.testing.assert_allclose(found, ITERATES[name], rtol=0, atol=1e-8)


def test_relu_approaches_one_algebraically():
    rho = jnp.asarray(0.0)
    for _ in range(1000):
        rho = activations.relu.correlation_map(rho)
    assert float(1e6 * (1 - rho)) == pytest.approx(43.12973253850, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("relu.centered", (29, 34, 42)),
        ("gelu.centered", (29, 35, 45)),
        pytest.param("tanh", (103, 113, 130), marks=pytest.mark.slow),
        ("tanh(4)", (26, 28, 31)),
        ("erf", (83, 90, 104)),
        ("sin", (48, 53, 64)),
    ],
)
def test_layers_until_neighbours_are_independent(name, counts):
    phi = activations.get(name)
    found = [activations.layers_to_independence(phi, inputs=m) for m in (16, 64, 1024)]
    assert found == list(counts)


def test_gelu_has_an_interior_fixed_point():
    inner, one = activations.gelu.fixed_points()
    assert inner.value == pytest.approx(0.760401904903836, abs=1e-8)
    assert inner.slope == pytest.approx(0.93272883, abs=1e-7)
    assert inner.stable
    assert (one.value, one.stable) == (1.0, False)


def test_the_shift_depends_on_the_variance():
    q = jnp.asarray([0.5, 1.0, 2.0])
    np.testing.assert_allclose(activations.relu.mean(q), jnp.sqrt(q / (2 * math.pi)), atol=1e-15)
    expected = q / jnp.sqrt(2 * math.pi * (1 + q))
    np.testing.assert_allclose(activations.gelu.mean(q), expected, atol=1e-15)
