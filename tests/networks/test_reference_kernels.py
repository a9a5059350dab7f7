"""Kernels of 104 networks against neural-tangents 0.6.5 (Novak et al., 2020) in float64.

The values of tanh and of rectified monomials come from quadrature and from the arc-cosine kernels
of Cho & Saul (2009) instead, since that library's are inexact and NaN.
"""

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
    "Erf": lambda a=1.0, b=1.0, c=0.0: (
        activations.erf.affine(a, c, name="erf")
        if b == 1.0
        else scaled("erf", lambda z: a * activations.erf.function(b * z) + c)
    ),
    "Sin": lambda a=1.0, b=1.0, c=0.0: (
        activations.sin
        if (a, b, c) == (1, 1, 0)
        else scaled("sin", lambda z: a * jnp.sin(b * z + c))
    ),
    "Cos": lambda *_: activations.cos,
    "Sigmoid_like": lambda: scaled(
        "sigmoid", lambda z: 0.5 * activations.erf.function(z / 2.4020563531719796) + 0.5
    ),
    "Rbf": lambda gamma: scaled(
        "rbf", lambda z: math.sqrt(2) * jnp.sin(math.sqrt(2 * gamma) * z + math.pi / 4)
    ),
    "Exp": lambda a, b: scaled("exp", lambda z: a * jnp.exp(b * z)),
    "Gaussian": lambda a, b: scaled("gaussian", lambda z: a * jnp.exp(b * z**2)),
    "Gabor": lambda: scaled("gabor", lambda z: jnp.exp(-(z**2)) * jnp.sin(z)),
    "Monomial": lambda degree: activations.polynomial([0] * degree + [1]),
    "RectifiedMonomial": lambda degree: scaled("rectified", lambda z: jnp.maximum(z, 0) ** degree),
    "Polynomial": lambda coef: activations.polynomial(coef),
}


def gains(layer):
    bias = layer["b_std"]
    return {"weight_std": layer["W_std"], "bias_std": bias, "bias": bias is not None}


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
    "Dense": lambda layer: nn.Dense(layer["width"], **gains(layer)),
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
    for layer in layers:
        if layer["op"] in LAYERS:
            made.append(LAYERS[layer["op"]](layer))
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


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry["name"] for entry in ENTRIES])
def test_entry(entry):
    form = nn.NTK() if entry["parameterization"] == "ntk" else nn.Standard()
    net = serial(entry["layers"], parametrization=form)
    x1, x2 = data(entry["x1"]), data(entry["x2"])
    joint = net.kernel(np.concatenate([x1, x2]))
    first, second = slice(len(x1)), slice(len(x1), None)
    check(joint, entry, "x1x2", first, second)
    check(joint, entry, "x1x1", first, first)


@pytest.mark.parametrize("name", ["fc_mixed", "cnn_flatten", "conv1d", "attention_RELU_Flatten"])
def test_two_batches_and_matching_pairs(name):
    (entry,) = (entry for entry in ENTRIES if entry["name"] == name)
    net = serial(entry["layers"], parametrization=nn.NTK())
    x1, x2 = data(entry["x1"]), data(entry["x2"])
    check(net.kernel(x1, x2), entry, "x1x2", slice(None), slice(None))
    own, matching = net.kernel(x1[:2]), net.kernel(x1[: len(x2)], x2, diagonal=True)
    for k, pairs, values in zip(
        net.kernel(x1[:2], diagonal=True), own, (entry["nngp_x1x1"], entry["ntk_x1x1"]), strict=True
    ):
        np.testing.assert_allclose(k, np.diag(pairs), rtol=1e-12)
        np.testing.assert_allclose(pairs, np.asarray(values)[:2, :2], rtol=1e-6)
    np.testing.assert_allclose(matching.nngp, np.diag(np.asarray(entry["nngp_x1x2"])), rtol=1e-9)
