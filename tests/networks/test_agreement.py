"""One table: the kernels of every layer, activation and parametrization beside finite networks.

The default run holds a covering choice, each of them at least once; the full product is slow.
"""

import inspect
import itertools
import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import activations
from widthwise import networks as nn
from widthwise.networks.layer import walk
from widthwise.numerics.statistics import mean

RNG = np.random.default_rng(1)
SERIES = jnp.asarray(RNG.standard_normal((2, 5, 3)))
GRAPH = RNG.standard_normal((5, 5)) / 2
W = 48


def then(*layers):
    return nn.Sequential(*layers)


def branches(join):
    return nn.Parallel(then(nn.Relu(), nn.Conv(W, 2)), then(nn.Erf(), nn.Dense(W)), join=join)


def attention(heads, mechanism, **options):
    stds = {"key_std": 0.8, "query_std": 1.1}
    return nn.SelfAttention(W, heads, mechanism=mechanism, **stds, **options)


def near(distance):
    return jnp.exp(-0.2 * distance)


SUM = nn.PositionEmbedding(std=0.7, decay=near, values=True)
BESIDE = nn.PositionEmbedding("concatenation", std=1.2, decay=near, width=2 * W)
ALL_BESIDE = nn.PositionEmbedding("concatenation", values=True)


# What stands between a convolution and the output layer. The first five hold every layer.
NETWORKS = {
    "transpose": [
        nn.Relu(), nn.AvgPool(2, strides=1), nn.ConvTranspose(W, 2, strides=2), nn.Erf(),
        nn.GlobalSumPool(),
    ],
    "norm of all": [
        nn.LayerNorm(positions=True), nn.Relu(), nn.Dropout(0.6), nn.ConvLocal(W, 2), nn.Flatten(),
    ],
    "attention": [
        nn.Residual(then(nn.Relu(), attention(2, "softmax", positions=SUM))), nn.GlobalAvgPool(),
    ],
    "product": [branches("product"), nn.SumPool(2), nn.Flatten()],
    "graph": [
        nn.Residual(then(nn.Relu(), nn.Aggregate(GRAPH), nn.Dense(W))),
        nn.Residual(then(nn.Erf(), nn.Dense(W))), nn.GlobalAvgPool(),
    ],
    "conv": [nn.Relu(), nn.Conv(W, 2), nn.Erf(), nn.Flatten()],
    "average": [nn.Relu(), nn.AvgPool(2, strides=1), nn.Conv(W, 2), nn.Relu(), nn.GlobalAvgPool()],
    "norm": [nn.LayerNorm(), nn.Relu(), nn.GlobalAvgPool()],
    "norm along": [nn.LayerNorm(positions=(0,)), nn.Relu(), nn.Flatten()],
    "local": [nn.Relu(), nn.ConvLocal(W, 3), nn.Erf(), nn.GlobalAvgPool()],
    "residual": [nn.Residual(then(nn.Relu(), nn.Conv(W, 3))), nn.Erf(), nn.Flatten()],
    "sum": [branches("sum"), nn.Sin(), nn.GlobalAvgPool()],
    "concatenation": [branches("concatenation"), nn.Conv(W, 1), nn.Relu(), nn.Flatten()],
    "softmax": [nn.Relu(), attention(2, "softmax"), nn.Relu(), nn.GlobalAvgPool()],
    "relu attention": [nn.Erf(), attention(1, "relu"), nn.Flatten()],
    "positions": [nn.Erf(), attention(2, "softmax", positions=BESIDE), nn.GlobalAvgPool()],
    "positions of values": [
        nn.Erf(), attention(1, "softmax", positions=ALL_BESIDE, value_width=2 * W), nn.Flatten(),
    ],
    "square root": [nn.Erf(), attention(4, "identity", scaling="sqrt"), nn.GlobalAvgPool()],
    "square root of positions": [
        nn.Erf(), attention(4, "identity", scaling="sqrt", positions=SUM), nn.Flatten(),
    ],
    "square root beside positions": [
        nn.Erf(), attention(4, "identity", scaling="sqrt", positions=BESIDE), nn.GlobalAvgPool(),
    ],
    "dropout": [nn.Relu(), nn.Dropout(0.6), nn.Conv(W, 2), nn.Erf(), nn.GlobalAvgPool()],
}  # fmt: skip
FORMS = [nn.Standard, nn.NTK, nn.MeanField, nn.MuP, nn.DepthMuP, nn.CompleteP, nn.Spectral]
# Families stand for themselves with one choice of their parameters.
ACTIVATIONS = {
    **{name: name for name in activations.names()},
    "leaky_relu": "leaky_relu(0.2)", "elu": "elu(1.5)", "tanh": "tanh(2)",
    "hermite": "hermite(2)", "polynomial": "polynomial(0.5,1,0.2)",
}  # fmt: skip
# Keys and queries, which the limit leaves out, add much at finite width: 0.40, 0.12, 0.06 of the
# tangent kernel at widths 24, 96 and 256.
NEXT_ORDER = {"relu attention": 10.0}


def measured(nets, x, *, key, members):
    """Means of output and tangent kernels over networks, gradients written out, in one program."""
    keys = jax.random.split(key, members)
    models = [
        jax.vmap(lambda key, net=net: net.init(key, x.shape[1:], dtype=x.dtype))(keys)
        for net in nets
    ]
    tables = [[row.sgd for row in net.parameter_table(x.shape[1:])] for net in nets]

    def kernels(model, factors, keys):
        leaves, tree = jax.tree.flatten(model)

        def outputs(leaves):
            f = jax.vmap(lambda x, k: jax.tree.unflatten(tree, leaves)(x, key=k))(x, keys)
            return f[:, 0], f

        slopes, f = jax.jacrev(outputs, has_aux=True)(leaves)
        flat = [s.reshape(len(x), -1) for s in slopes]
        return f @ f.T / f.shape[1], sum(c * s @ s.T for c, s in zip(factors, flat, strict=True))

    def one(drawn):
        models, key = drawn
        keys = jax.random.split(key, len(x))
        return [kernels(m, table, keys) for m, table in zip(models, tables, strict=True)]

    samples = jax.jit(lambda drawn: jax.lax.map(one, drawn))((models, keys))
    return jax.tree.map(mean, samples)


def check(estimates, kernel, bias):
    """Within four standard errors and a bias given in units of the diagonal's scale."""
    for estimate, expected in zip(estimates, kernel, strict=True):
        scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        distance = np.abs(estimate.value - expected)
        assert np.all(distance < 4 * estimate.standard_error + bias * scale)
        assert np.all(estimate.standard_error < 0.25 * scale)


LAYER_ROWS = [
    pytest.param(
        name, form, id=f"{name}-{form.__name__}",
        marks=() if index < 5 and index == FORMS.index(form) else pytest.mark.slow,
    )
    for index, name in enumerate(NETWORKS)
    for form in FORMS
]  # fmt: skip
# Activations with the same weights before and behind them share one program, for its compilation.
ACTIVATION_ROWS = [
    pytest.param(list(ACTIVATIONS)[start::5], form, id=f"{start}-{form.__name__}", marks=marks)
    for start, form in itertools.product(range(5), FORMS)
    for marks in [() if start == FORMS.index(form) else pytest.mark.slow]
]


@pytest.mark.parametrize(("name", "form"), LAYER_ROWS)
def test_layers(name, form, key):
    """Within the errors of 200 networks and the next order, about 3 / width."""
    net = nn.Sequential(nn.Conv(W, 2), *NETWORKS[name], nn.Dense(8), parametrization=form(1.2, 0.3))
    [estimates] = measured([net], SERIES, key=key, members=200)
    check(estimates, net.kernel(SERIES), NEXT_ORDER.get(name, 3.0) / W)


@pytest.mark.parametrize(("names", "form"), ACTIVATION_ROWS)
def test_activations(names, form, key):
    """With one hidden layer the means are the kernels at every width."""
    layers = [nn.Elementwise(activations.get(ACTIVATIONS[name])) for name in names]
    rules = form(0.9, 0.3)
    nets = [nn.Sequential(nn.Dense(W), phi, nn.Dense(8), parametrization=rules) for phi in layers]
    x = SERIES[:, 0]
    for net, estimates in zip(nets, measured(nets, x, key=key, members=400), strict=True):
        check(estimates, net.kernel(x), 1e-10)


def exported(kind):
    """What the networks export: classes of a kind, and functions that return one."""
    for name in dir(nn):
        value = getattr(nn, name)
        if inspect.isclass(value):
            made = value
        elif inspect.isfunction(value):
            made = typing.get_type_hints(value).get("return")
        else:
            continue
        if inspect.isclass(made) and issubclass(made, kind):
            yield value


def test_nothing_is_missing():
    rows = [list(NETWORKS.values())[:5], NETWORKS.values()]
    for networks in rows:
        held = {type(layer) for n in networks for layer in walk(then(nn.Dense(W), *n))}
        layers = {v for v in exported(nn.Layer) if inspect.isclass(v) and v is not nn.Layer}
        assert layers - held == set()
    assert {f for f in exported(nn.Parametrization) if inspect.isfunction(f)} == set(FORMS)
    named = {activations.get(name).name.split("(")[0] for name in ACTIVATIONS.values()}
    makers = [f for f in exported(nn.Elementwise) if inspect.isfunction(f)]
    made = {(f(0.2) if f is nn.LeakyRelu else f()).phi.name.split("(")[0] for f in makers}
    assert len(makers) > 10
    assert made - named == set()
