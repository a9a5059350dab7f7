"""Kernels of 104 networks against neural-tangents 0.6.5 (Novak et al., 2020) in float64.

The values of tanh and of rectified monomials come from quadrature and from the arc-cosine kernels
of Cho & Saul (2009) instead, since that library's are inexact and NaN.
"""

import itertools
import json
import math
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import activations
from widthwise import networks as nn

ENTRIES = json.loads((Path(__file__).parent / "values" / "kernels.json").read_text())
STD = {"weight_std": "W_std", "bias_std": "b_std"}


def scaled(name, f):
    return activations.from_function(f, name=name)


ACTIVATIONS = {
    "Relu": lambda: activations.relu,
    "Gelu": lambda: activations.gelu,
    "Abs": lambda: activations.abs,
    "Tanh": activations.tanh,
    "Sign": lambda: activations.sign,
    "LeakyRelu": lambda alpha: activations.leaky_relu(alpha),
    "ABRelu": lambda a, b: activations.leaky_relu(a / b).affine(b, 0.0, name="two slopes"),
    "Erf": lambda a=1.0, c=0.0, **_: activations.erf.affine(a, c, name="erf"),
    "Sin": lambda a=1.0, b=1.0, c=0.0: (
        activations.sin
        if (a, b, c) == (1, 1, 0)
        else scaled("sin", lambda z: a * jnp.sin(b * z + c))
    ),
    "Cos": lambda **_: activations.cos,
    "Sigmoid_like": lambda: activations.erf.affine(0.5, 0.5, name="sigmoid"),
    "Rbf": lambda gamma: scaled(
        "rbf", lambda z: math.sqrt(2) * jnp.sin(math.sqrt(2 * gamma) * z + math.pi / 4)
    ),
    "Exp": lambda a, **_: activations.exp.affine(a, 0.0, name="exp"),
    "Gaussian": lambda **_: activations.gaussian,
    "Gabor": lambda: scaled("gabor", lambda z: jnp.exp(-(z**2)) * jnp.sin(z)),
    "Monomial": lambda degree: activations.polynomial([0] * degree + [1]),
    "RectifiedMonomial": lambda degree: scaled("rectified", lambda z: jnp.maximum(z, 0) ** degree),
    "Polynomial": lambda coef: activations.polynomial(coef),
}


# phi(b z) is phi after a Dense layer with b times the gains.
STEEPNESS = {
    "Erf": lambda layer: layer.get("b", 1.0),
    "Exp": lambda layer: layer["b"],
    "Gaussian": lambda layer: math.sqrt(-2 * layer["b"]),
    "Sigmoid_like": lambda _: 1 / 2.4020563531719796,
}


def gains(layer, factor=1.0):
    bias = None if layer["b_std"] is None else factor * layer["b_std"]
    return {"weight_std": factor * layer["W_std"], "bias_std": bias, "bias": bias is not None}


def conv(make, layer):
    strides, padding = tuple(layer["strides"]), layer["padding"]
    window = tuple(layer["filter"])
    return make(layer["width"], window, strides=strides, padding=padding, **gains(layer))


def pool(make, layer):
    strides = tuple(layer["strides"])
    return make(tuple(layer["window"]), strides=strides, padding=layer["padding"])


def attention(layer):
    stds = {f"{part}_std": layer[f"W_{part}_std"] for part in ("key", "query", "value", "out")}
    mechanism = layer["attention_mechanism"].lower()
    return nn.SelfAttention(1, 1, mechanism=mechanism, bias_std=layer["b_std"], **stds)


def parallel(join):
    return lambda layer: nn.Parallel(*map(serial, layer["branches"]), join=join)


LAYERS = {
    "Dense": lambda layer: nn.Dense(layer["width"], **gains(layer, layer.get("factor", 1.0))),
    "Conv": lambda layer: conv(nn.Conv, layer),
    "ConvLocal": lambda layer: conv(nn.ConvLocal, layer),
    "ConvTranspose": lambda layer: conv(nn.ConvTranspose, layer),
    "AvgPool": lambda layer: pool(nn.AvgPool, layer),
    "SumPool": lambda layer: pool(nn.SumPool, layer),
    "GlobalAvgPool": lambda _: nn.GlobalAvgPool(),
    "Flatten": lambda _: nn.Flatten(),
    "LayerNorm": lambda layer: nn.LayerNorm(positions=len(layer["axis"]) > 1),
    "Dropout": lambda layer: nn.Dropout(layer["keep_rate"]),
    "Residual": lambda layer: nn.Residual(serial(layer["branch"])),
    "ParallelSum": parallel("sum"),
    "ParallelProd": parallel("product"),
    "GlobalSelfAttention": attention,
}


def serial(layers, **options):
    made = []
    for layer, after in itertools.zip_longest(layers, layers[1:], fillvalue={"op": ""}):
        factor = STEEPNESS[after["op"]](after) if after["op"] in STEEPNESS else 1.0
        if layer["op"] in LAYERS:
            made.append(LAYERS[layer["op"]](layer | {"factor": factor}))
        else:
            rest = {name: value for name, value in layer.items() if name != "op"}
            made.append(nn.Elementwise(ACTIVATIONS[layer["op"]](**rest)))
    return nn.Sequential(*made, **options)


def data(entry):
    return np.random.default_rng(entry["seed"]).standard_normal(entry["shape"])


def check(kernel, entry, name, rows, columns):
    for part in ("nngp", "ntk"):
        values = np.asarray(entry[f"{part}_{name}"])
        mine = np.asarray(getattr(kernel, part))[rows, columns]
        # That library finds angles by cancellation: noise where a point meets itself.
        noisy = part == "ntk" and name == "x1x1"
        pooled = "GlobalAvgPool" in json.dumps(entry["layers"])
        exact = np.full(values.shape, not (noisy and pooled)) & ~(np.eye(*values.shape) * noisy > 0)
        np.testing.assert_allclose(mine[exact], values[exact], rtol=1e-9)
        np.testing.assert_allclose(mine, values, rtol=1e-6)


# Long to compile, with little that others lack: quadrature at two depths, the same mechanism again.
LONG = [
    *("fc_Gabor_d2", "fc_RectifiedMonomial_2_d2", "fc_Rbf_0.5_d2", "fc_Sin_1.3_0.7_0.4_d2"),
    *("attention_ABS_Flatten", "attention_IDENTITY_GlobalAvgPool", "cnn_gelu_deep"),
]
MARKED = [
    pytest.param(e, id=e["name"], marks=pytest.mark.slow if e["name"] in LONG else ())
    for e in ENTRIES
]


@pytest.mark.parametrize("entry", MARKED)
def test_entry(entry):
    form = nn.NTK() if entry["parameterization"] == "ntk" else nn.Standard()
    net = serial(entry["layers"], parametrization=form)
    x1, x2 = data(entry["x1"]), data(entry["x2"])
    joint = net.kernel(np.concatenate([x1, x2]))
    first, second = slice(len(x1)), slice(len(x1), None)
    check(joint, entry, "x1x2", first, second)
    check(joint, entry, "x1x1", first, first)


@pytest.mark.parametrize("name", ["conv1d", "cnn_flatten"])
def test_two_batches_and_matching_pairs(name):
    (entry,) = (entry for entry in ENTRIES if entry["name"] == name)
    net = serial(entry["layers"], parametrization=nn.NTK())
    x1, x2 = data(entry["x1"]), data(entry["x2"])
    check(net.kernel(x1, x2), entry, "x1x2", slice(None), slice(None))
    matching = net.kernel(x1[: len(x2)], x2, diagonal=True)
    for k, values in zip(matching, (entry["nngp_x1x2"], entry["ntk_x1x2"]), strict=True):
        np.testing.assert_allclose(k, np.diag(np.asarray(values)), rtol=1e-9)
