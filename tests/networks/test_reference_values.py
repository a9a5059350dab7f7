"""Kernels against numbers computed with neural-tangents 0.6.5 (Novak et al., 2020) in float64."""

import numpy as np
import pytest

from widthwise import networks as nn


def mlp(*layers):
    """Dense layers given as (weight_std, bias_std), with activations between them."""
    return [
        layer
        if isinstance(layer, nn.Elementwise)
        else nn.Dense(1, weight_std=layer[0], bias_std=layer[1], bias=layer[1] is not None)
        for layer in layers
    ]


LAST = (1.0, None)
WIDE = (1.5, 0.1)
THIN = (1.1, 0.1)


def deep(make, depth, scales=WIDE):
    return mlp(*[part for _ in range(depth) for part in (scales, make())], LAST)


def residual(blocks):
    def block():
        return nn.Residual(nn.Sequential(*mlp(nn.Relu(), (1.0, 0.1), nn.Relu(), (1.0, 0.1))))

    return [*mlp((1.0, 0.1)), *[block() for _ in range(blocks)], *mlp(nn.Relu(), LAST)]


MIXED = mlp((1.5, 0.1), nn.Relu(), (0.8, 0.3), nn.Erf(), (1.2, 0.2), nn.Gelu(), (0.7, 0.5))
# name: (layers, seed of x1; x2 has the next one, nngp[0], ntk[0] of x1 and x2,
#        nngp[1, :2], ntk[1, :2] of x1 alone)
CASES = {
    "relu 3": (
        deep(nn.Relu, 3), 1010,
        [1.17218265793, 1.27277498695, 0.697551762492],
        [2.28500150742, 2.7160635549, 1.63862820265],
        [0.965046317115, 1.84053737226], [1.59482195302, 7.34652448905],
    ),
    "erf 5": (
        deep(nn.Erf, 5), 1030,
        [0.0657116431498, 0.24099278395, 0.122802719922],
        [0.363867060511, 1.67489403804, 0.73360688768],
        [0.00234512333174, 0.484367724898], [-0.0198833256262, 6.0714851078],
    ),
    "gelu 2": (
        deep(nn.Gelu, 2), 1038,
        [0.462699614767, 0.442847366471, 0.250304906785],
        [0.908229435465, 0.640193982195, 0.444020625939],
        [0.12878628061, 0.370339891864], [0.143631206812, 1.18931412411],
    ),
    "sin 3": (
        deep(nn.Sin, 3), 1058,
        [-0.00213149474293, -0.00661716021689, 0.024509848137],
        [-0.0185350386742, -0.0368440965849, 0.0882026921671],
        [0.00879056679627, 0.433925105323], [0.0251423022459, 3.28365007127],
    ),
    "leaky relu 2": (
        deep(lambda: nn.LeakyRelu(0.2), 2, THIN), 1066,
        [0.116864271626, 0.0879022453499, 0.105693364394],
        [0.212852508967, 0.0503692985239, 0.19283750346],
        [0.0442842390588, 0.459213312556], [-0.094353487068, 1.37243993767],
    ),
    "tanh 2": (
        deep(nn.Tanh, 2, THIN), 1126,
        [0.0432707445829, -0.0139848748424, 0.0523323199453],
        [0.125079920142, -0.0469922815161, 0.152238109956],
        [0.0699861220255, 0.260653840352], [0.206014545386, 0.857852384039],
    ),
    "mixed": (
        MIXED, 1130,
        [0.291816723934, 0.307559944824, 0.298890227078],
        [0.335888122742, 0.36493313296, 0.348038383824],
        [0.331652335604, 0.394559217111], [0.473870831995, 0.899554342271],
    ),
    "residual 1": (
        residual(1), 1150,
        [0.150212378476, 0.484461782778, 0.0994883172125],
        [0.111496599504, 0.794818949315, -0.032097807852],
        [0.358365202785, 0.605738697406], [0.501932968996, 1.45327287377],
    ),
    "residual 3": (
        residual(3), 1152,
        [0.773761987411, 0.287681209233, 0.401507192429],
        [1.70411806339, 0.231906701594, 0.67510557553],
        [0.343467823867, 1.49604803952], [0.288702454882, 4.77569747648],
    ),
}  # fmt: skip
STANDARD = {
    "relu 3": (
        [*deep(nn.Relu, 3)[:-1], *mlp((1.0, 0.1))], 128, 1138,
        [0.732107241594, 0.861951267881, 0.441247579508],
        [121.732963461, 169.24961406, 75.5318644102],
        [1.2984959937, 4.03847889514], [246.239616155, 993.632102125],
    ),
    "erf 1": (
        deep(nn.Erf, 1, LAST), 64, 1140,
        [-0.0787881487328, -0.018606178227, 0.144562958653],
        [-5.83437035218, -1.37691018423, 10.7230302706],
        [0.0270882592342, 0.466815628674], [2.00469478074, 35.6110482768],
    ),
}  # fmt: skip


def check(net, seed, values):
    x1 = np.random.default_rng(seed).standard_normal((4, 10))
    x2 = np.random.default_rng(seed + 1).standard_normal((3, 10))
    nngp, ntk, own_nngp, own_ntk = values
    different, same = net.kernel(x1, x2), net.kernel(x1)
    np.testing.assert_allclose(different.nngp[0], nngp, rtol=1e-9)
    np.testing.assert_allclose(different.ntk[0], ntk, rtol=1e-9)
    np.testing.assert_allclose(same.nngp[1, :2], own_nngp, rtol=1e-9)
    np.testing.assert_allclose(same.ntk[1, :2], own_ntk, rtol=1e-6)  # the peer's own noise
    diagonal = net.kernel(x1, diagonal=True)
    np.testing.assert_allclose(diagonal.nngp, np.diag(same.nngp), rtol=1e-13)
    np.testing.assert_allclose(diagonal.ntk, np.diag(same.ntk), rtol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_ntk_parametrization(name):
    layers, seed, *values = CASES[name]
    check(nn.Sequential(*layers, parametrization=nn.NTK()), seed, values)


@pytest.mark.parametrize("name", STANDARD)
def test_standard_parametrization_counts_the_widths(name):
    layers, width, seed, *values = STANDARD[name]
    net = nn.Sequential(*layers, parametrization=nn.Standard()).at_width(width)
    check(net, seed, values)
