"""Kernels of 104 networks against neural-tangents 0.6.5 (Novak et al., 2020) in float64.

The values of tanh and of rectified monomials come from quadrature and from the arc-cosine kernels
of Cho & Saul (2009) instead, since that library's are inexact and NaN.
"""

import json
import math
from dataclasses import fields
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import activations
from widthwise import networks as nn
from widthwise.compat.neural_tangents import stax

ENTRIES = json.loads((Path(__file__).parent / "values" / "kernels.json").read_text())


def scaled(phi, gain, offset=0.0):
    return phi.affine(gain, offset, name="scaled")


def sine(a, b, c):
    return scaled(activations.steeper(activations.shifted_sine(c), b), a)


ACTIVATIONS = {
    "Relu": lambda: activations.relu,
    "Gelu": lambda: activations.gelu,
    "Abs": lambda: activations.abs,
    "Tanh": lambda: activations.tanh(1.0),
    "Sign": lambda: activations.sign,
    "LeakyRelu": lambda alpha: activations.leaky_relu(alpha),
    "ABRelu": lambda a, b: scaled(activations.leaky_relu(a / b), b),
    "Erf": lambda a=1.0, b=1.0, c=0.0: (
        activations.erf
        if (a, b, c) == (1, 1, 0)
        else scaled(activations.steeper(activations.erf, b), a, c)
    ),
    "Sin": lambda a=1.0, b=1.0, c=0.0: activations.sin if (a, b, c) == (1, 1, 0) else sine(a, b, c),
    "Cos": lambda **_: activations.cos,
    "Sigmoid_like": lambda: scaled(
        activations.steeper(activations.erf, 1 / 2.4020563531719796), 0.5, 0.5
    ),
    "Rbf": lambda gamma: sine(math.sqrt(2), math.sqrt(2 * gamma), math.pi / 4),
    "Exp": lambda a, b: scaled(activations.steeper(activations.exp, b), a),
    "Gaussian": lambda a, b: scaled(
        activations.steeper(activations.gaussian, math.sqrt(-2 * b)), a
    ),
    "Gabor": lambda: activations.from_function(
        lambda z: jnp.exp(-(z**2)) * jnp.sin(z), name="gabor"
    ),
    "Monomial": lambda degree: activations.polynomial([0] * degree + [1]),
    "RectifiedMonomial": lambda degree: activations.from_function(
        lambda z: jnp.maximum(z, 0) ** degree, name="rectified"
    ),
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
    return nn.SelfAttention(
        1, 1, head_width=1, value_width=1, mechanism=mechanism, bias_std=layer["b_std"], **stds
    )


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
    return nn.Sequential(*map(made, layers), **options)


def made(layer):
    if layer["op"] in LAYERS:
        return LAYERS[layer["op"]](layer)
    rest = {name: value for name, value in layer.items() if name != "op"}
    return nn.Elementwise(ACTIVATIONS[layer["op"]](**rest))


def archived_serial(layers, form):
    return stax.serial(*(archived(layer, form) for layer in layers))


def archived_parallel(branches, form, join):
    sides = [archived_serial(branch, form) for branch in branches]
    return stax.serial(stax.FanOut(len(sides)), stax.parallel(*sides), join())


def archived(layer, form):
    """A layer of the file, written for the archived library."""
    rest = dict(layer)
    op, weights = rest.pop("op"), {"parameterization": form}
    if op == "Dense":
        return stax.Dense(rest.pop("width"), **rest, **weights)
    if op.startswith("Conv"):
        return getattr(stax, op)(rest.pop("width"), rest.pop("filter"), **rest, **weights)
    if op in ("AvgPool", "SumPool"):
        return getattr(stax, op)(rest.pop("window"), **rest)
    if op == "Dropout":
        return stax.Dropout(rest["keep_rate"])
    if op == "GlobalSelfAttention":
        return stax.GlobalSelfAttention(1, 1, 1, 1, **rest)
    if op == "Residual":
        return archived_parallel([rest["branch"], []], form, stax.FanInSum)
    if op.startswith("Parallel"):
        join = stax.FanInSum if op == "ParallelSum" else stax.FanInProd
        return archived_parallel(rest["branches"], form, join)
    if op == "Tanh":
        return stax.ElementwiseNumerical(activations.tanh(), deg=25)
    return getattr(stax, op)(**rest)


def archived_network(entry):
    return archived_serial(entry["layers"], entry["parameterization"])


def assert_alike(a, b):
    """Equal dataclasses, but for names of functions; functions equal in value."""
    assert type(a) is type(b)
    if isinstance(a, tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_alike(one, other)
    elif isinstance(a, nn.Layer | activations.Activation):
        for field in fields(a):  # pyright: ignore[reportArgumentType]
            if field.name not in ("name", "forms", "function"):
                assert_alike(getattr(a, field.name), getattr(b, field.name))
        if isinstance(a, activations.Activation):
            z = jnp.linspace(-3, 3, 12)
            np.testing.assert_allclose(a(z), b(z), rtol=1e-13, atol=1e-13)
            assert (a.forms is None) == (b.forms is None)
    else:
        assert a == b


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
    *("fc_Gabor_d1", "fc_Gabor_d2", "fc_RectifiedMonomial_2_d2"),
    *("attention_ABS_Flatten", "attention_IDENTITY_GlobalAvgPool", "cnn_gelu_deep"),
]
MARKED = [
    pytest.param(e, id=e["name"], marks=pytest.mark.slow if e["name"] in LONG else ())
    for e in ENTRIES
]


def network(entry):
    form = nn.NTK() if entry["parameterization"] == "ntk" else nn.Standard()
    return serial(entry["layers"], parametrization=form)


def joined(entry):
    return np.concatenate([data(entry["x1"]), data(entry["x2"])])


def check_joint(kernel, entry):
    first, second = slice(entry["x1"]["shape"][0]), slice(entry["x1"]["shape"][0], None)
    check(kernel, entry, "x1x2", first, second)
    check(kernel, entry, "x1x1", first, first)


@pytest.mark.parametrize("entry", MARKED)
def test_entry(entry):
    net = network(entry)
    check_joint(net.kernel(joined(entry)), entry)
    # Written for the archived library, it is the same network (and so are its compiled programs).
    kernel_fn = archived_network(entry).kernel_fn
    assert_alike(kernel_fn.layer, net)
    if kernel_fn.layer == net:
        check_joint(kernel_fn(joined(entry), None, ("nngp", "ntk")), entry)


OWN = ("ABRelu", "Erf_", "Sin_1", "Sigmoid", "Rbf", "Exp", "Gaussian", "Gabor", "Rectified")


@pytest.mark.slow
@pytest.mark.parametrize("name", [e["name"] for e in ENTRIES if any(o in e["name"] for o in OWN)])
def test_activation_of_its_own_through_the_archived_interface(name):
    (entry,) = (entry for entry in ENTRIES if entry["name"] == name)
    check_joint(archived_network(entry).kernel_fn(joined(entry)), entry)


@pytest.mark.parametrize("name", ["conv1d", "cnn_flatten"])
def test_two_batches_and_matching_pairs(name):
    (entry,) = (entry for entry in ENTRIES if entry["name"] == name)
    net = serial(entry["layers"], parametrization=nn.NTK())
    x1, x2 = data(entry["x1"]), data(entry["x2"])
    check(net.kernel(x1, x2), entry, "x1x2", slice(None), slice(None))
    matching = net.kernel(x1[: len(x2)], x2, diagonal=True)
    for k, values in zip(matching, (entry["nngp_x1x2"], entry["ntk_x1x2"]), strict=True):
        np.testing.assert_allclose(k, np.diag(np.asarray(values)), rtol=1e-9)
