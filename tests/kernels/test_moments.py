"""First-order finite-width moments against exact recursions and reference values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise import activations, kernels

RELU, TANH = activations.relu, activations.tanh()
SHIFTED_RELU, SHIFTED_GELU = activations.relu.centered(), activations.gelu.centered()
TANH4 = activations.tanh(4.0)
ENTRIES = {"V1111": (0, 0), "V1212": (1, 1), "V1122": (0, 2), "V1112": (0, 1)}


def moments(phi, rho, depth=3):
    return kernels.finite_width(phi, np.array([[1.0, rho, 1.0]]), depth=depth)


# Three hidden layers from (1, rho, 1): an independent evaluation of the recursion, with derivatives
# by finite differences, hence the tolerance.
REFERENCE = [
    (
        SHIFTED_RELU,
        0.5,
        {"K12": 0.29094281, "H11": 1.543586, "H12": 1.252771, "V1111": 13.222912}
        | {"V1212": 4.483983, "V1122": 3.106678, "V1112": 3.838073},
    ),
    (SHIFTED_RELU, 0.0, {"H11": 1.543586, "H12": 0.530318, "V1212": 1.827402}),
    (
        SHIFTED_GELU,
        0.5,
        {"K12": 0.29140899, "H11": 2.065461, "H12": 1.494746}
        | {"V1111": 17.291303, "V1212": 4.867514},
    ),
    (
        TANH,
        0.5,
        {"K12": 0.41997669, "H11": -0.228048, "H12": -0.063455}
        | {"V1111": 0.788994, "V1212": 2.195795, "V1122": 0.116691},
    ),
    (
        TANH4,
        0.5,
        {"K12": 0.23066906, "H11": -0.013420, "H12": 0.226348}
        | {"V1111": 0.146536, "V1212": 1.820476},
    ),
]


@pytest.mark.parametrize(("phi", "rho", "expected"), REFERENCE)
def test_reference_values_after_three_hidden_layers(phi, rho, expected):
    result = moments(phi, rho)
    for name, value in expected.items():
        if name.startswith("V"):
            got = result.V[3, 0][ENTRIES[name]]
        else:
            got = getattr(result, name[0])[3, 0, {"11": 0, "12": 1}[name[1:]]]
        assert got == pytest.approx(value, abs=1e-8 if name == "K12" else 2e-5), name


@pytest.mark.parametrize(
    ("phi", "expected"),
    [
        (RELU, 5.0),
        (SHIFTED_RELU, 4.407639241597),
        (SHIFTED_GELU, 5.084665),
        (TANH, 0.627291),
        (TANH4, 0.144596),
    ],
)
def test_one_hidden_layer(phi, expected):
    result = moments(phi, 0.3, depth=1)
    assert result.V[1, 0, 0, 0] == pytest.approx(expected, abs=1e-6)
    np.testing.assert_array_equal(result.H[1], 0.0)
    np.testing.assert_array_equal(result.V[0], 0.0)


def test_relu_norms_are_a_product_of_independent_factors():
    # Khat'_11 = Khat_11 times an average of n independent numbers: V = 5 l, H = 0, for ever.
    result = moments(RELU, 0.3, depth=30)
    np.testing.assert_allclose(result.V[:, 0, 0, 0], 5.0 * np.arange(31), rtol=1e-9)
    np.testing.assert_allclose(result.H[:, 0, 0], 0.0, atol=1e-9)


def test_shifted_relu_drifts_quadratically_in_depth():
    result = moments(SHIFTED_RELU, 1.0, depth=12)
    layers = np.arange(13)
    np.testing.assert_allclose(result.V[:, 0, 0, 0], 4.407639241597 * layers, rtol=1e-8)
    # E[s^2] = q/2 - 2 c^2 sqrt(q) + c^2, c^2 = 1/(2 pi): slope 1 and bend 1 / (2 (pi - 1)).
    drift = 4.407639241597 / (4 * (np.pi - 1))
    np.testing.assert_allclose(result.H[:, 0, 0], drift * layers * (layers - 1) / 2, atol=1e-7)


def test_tanh_norms_saturate():
    result = moments(TANH, 0.0, depth=60)
    assert result.V[-1, 0, 0, 0] == pytest.approx(0.7966, abs=1e-4)
    assert result.H[-1, 0, 0] == pytest.approx(-0.32, abs=0.01)
    assert result.V[-1, 0, 1, 1] == pytest.approx(7.4501, abs=2e-3)


def test_linear_network_by_wicks_theorem():
    # s(z) = z: J is the identity, nothing bends, and Cov(ab, cd) = K_ac K_bd + K_ad K_bc.
    k, cw, cb = np.array([1.3, 0.4, 0.7]), 1.2, 0.3
    result = kernels.finite_width(
        activations.identity, k[None], depth=4, weight_variance=cw, bias_variance=cb
    )
    v = np.zeros((3, 3))
    for layer in range(1, 5):
        full = np.array([[k[0], k[1]], [k[1], k[2]]])
        at = [(0, 0), (0, 1), (1, 1)]
        wick = [[full[a, c] * full[b, d] + full[a, d] * full[b, c] for c, d in at] for a, b in at]
        k, v = cb + cw * k, cw**2 * (np.array(wick) + v)
        np.testing.assert_allclose(result.K[layer, 0], k, rtol=1e-10)
        np.testing.assert_allclose(result.V[layer, 0], v, rtol=1e-9)
    np.testing.assert_allclose(result.H, 0.0, atol=1e-9)


@pytest.mark.parametrize("phi", [RELU, SHIFTED_RELU, TANH4, activations.sign], ids=lambda p: p.name)
def test_equal_opposite_and_zero_inputs(phi):
    pairs = np.array([[1, 1, 1], [1, -1, 1], [1, 0, 0], [0, 0, 0], [1, 0.6, 1], [4, -2, 1.0]])
    result = kernels.finite_width(phi, pairs, depth=5)
    for array in (result.K, result.H, result.V, result.J):
        assert np.all(np.isfinite(array))
    np.testing.assert_allclose(result.H[:, 0], result.H[:, 0, :1] * np.ones(3), atol=1e-9)
    np.testing.assert_allclose(result.V[:, 0], result.V[:, 0, :1, :1] * np.ones((3, 3)), atol=1e-9)
    alone = result.V[:, 4, 0, 0]
    for pair in (0, 1, 2):
        np.testing.assert_allclose(result.V[:, pair, 0, 0], alone, atol=1e-9)
    if phi.parity == "odd":
        flip = np.array([1.0, -1.0, 1.0])
        np.testing.assert_allclose(result.H[:, 1], result.H[:, 0] * flip, atol=1e-8)
        np.testing.assert_allclose(
            result.V[:, 1], result.V[:, 0] * flip[:, None] * flip[None, :], atol=1e-8
        )


@pytest.mark.parametrize("phi", [SHIFTED_RELU, TANH4], ids=lambda p: p.name)
def test_nearly_equal_inputs_behave_like_equal_ones(phi):
    close = np.array([[1, 1 - 10.0**-p, 1] for p in (5, 7, 9, 11, 13)])
    result = kernels.finite_width(phi, close, depth=2)
    gap = np.abs(result.H[2, :, 1] - result.H[2, :, 0])
    assert np.all(gap <= 100 * np.sqrt(1 - close[:, 1]))


@given(st.floats(0.2, 2.0), st.floats(-0.98, 0.98), st.floats(0.2, 2.0))
@settings(deadline=None, max_examples=15)
def test_covariance_of_the_covariance_is_positive_semidefinite(k11, rho, k22):
    k12 = rho * np.sqrt(k11 * k22)
    both = np.array([[k11, k12, k22], [k22, k12, k11]])
    result = kernels.finite_width(SHIFTED_RELU, both, depth=2)
    scale = np.max(result.V)
    assert np.min(np.linalg.eigvalsh(result.V)) > -1e-9 * scale
    np.testing.assert_allclose(result.V, result.V.swapaxes(2, 3), atol=1e-9 * scale)
    # The two inputs may be exchanged.
    np.testing.assert_allclose(result.H[:, 0], result.H[:, 1, ::-1], atol=1e-8)
    np.testing.assert_allclose(result.V[:, 0], result.V[:, 1, ::-1, ::-1], atol=1e-8 * scale)


@given(st.floats(0.3, 3.0), st.floats(0.3, 3.0))
@settings(deadline=None, max_examples=10)
def test_relu_moments_follow_the_scale_of_the_inputs(a, b):
    unit = moments(RELU, 0.4)
    scale = np.array([a * a, a * b, b * b])
    scaled = kernels.finite_width(RELU, (np.array([1, 0.4, 1]) * scale)[None], depth=3)
    np.testing.assert_allclose(scaled.H, unit.H * scale, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(scaled.V, unit.V * scale[:, None] * scale[None, :], rtol=1e-8)


def test_relative_widths():
    pair = np.array([[1, 0.5, 1]])
    one = kernels.finite_width(TANH, pair, depth=3)
    wider = kernels.finite_width(TANH, pair, depth=3, relative_widths=[2, 2, 2])
    np.testing.assert_allclose(wider.V, one.V / 2, rtol=1e-10)
    np.testing.assert_allclose(wider.H, one.H / 2, rtol=1e-10)
    # First order is a sum over layers.
    each = [
        kernels.finite_width(TANH, pair, depth=3, relative_widths=w).V
        for w in ([1, 1e9, 1e9], [1e9, 1, 1e9], [1e9, 1e9, 1])
    ]
    np.testing.assert_allclose(sum(each), one.V, rtol=1e-7, atol=1e-8)


def test_matrix_holds_the_pairs():
    k1 = np.array([[1, 0.5, -1], [0.5, 1, -0.5], [-1, -0.5, 1.0]])
    matrix = kernels.finite_width_matrix(TANH4, k1, depth=2)
    pairs = kernels.finite_width(TANH4, np.array([[1, 0.5, 1], [1, -0.5, 1], [1, 1, 1]]), depth=2)
    np.testing.assert_allclose(matrix.K, kernels.covariance(TANH4, k1, depth=2), atol=1e-12)
    np.testing.assert_allclose(matrix.H[:, 0, 1], pairs.H[:, 0, 1])
    np.testing.assert_allclose(matrix.V[:, 2, 1], pairs.V[:, 1, 1, 1])
    np.testing.assert_allclose(matrix.V[:, 1, 1], pairs.V[:, 2, 0, 0])
    np.testing.assert_allclose(matrix.covariance(10), matrix.K + matrix.H / 10)
    assert np.all(matrix.reliable(64))


def test_flag_of_validity():
    result = moments(RELU, 0.5, depth=10)
    # V_1111 = 5 l exceeds 0.3 * 99 beyond l = 5.
    assert result.reliable(99)[:, 0].tolist() == [layer <= 5 for layer in range(11)]
    np.testing.assert_allclose(result.excess_kurtosis(100)[:, 0, 0], 0.15 * np.arange(11))
    np.testing.assert_allclose(result.covariance(100), result.K + result.H / 100)
    ones = kernels.finite_width_matrix(RELU, np.ones((2, 2)), depth=10)
    assert ones.reliable(99)[:, 0, 1].tolist() == [layer <= 5 for layer in range(11)]


@pytest.mark.parametrize(
    ("pairs", "options", "message"),
    [
        ([[1.0, 1.1, 1.0]], {}, "correlation outside"),
        ([[np.nan, 0.5, 1.0]], {}, "not finite"),
        ([[-1.0, 0.0, 1.0]], {}, "negative variance"),
        ([[1.0, 0.5, 1.0]], {"depth": 0}, "at least 1"),
        ([[1.0, 0.5, 1.0]], {"weight_variance": 0.0}, "positive"),
        ([[1.0, 0.5, 1.0]], {"bias_variance": -1.0}, "not negative"),
        ([[1.0, 0.5, 1.0]], {"relative_widths": [1.0]}, "2 positive numbers"),
    ],
)
def test_impossible_requests_are_refused(pairs, options, message):
    with pytest.raises(ValueError, match=message):
        kernels.finite_width(RELU, np.array(pairs), **({"depth": 2} | options))
