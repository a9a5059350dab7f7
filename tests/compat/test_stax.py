"""Layers under the archived names: what they are here, both of their faces, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import widthwise as ww
import widthwise.compat.neural_tangents as nt
from widthwise.compat.neural_tangents import stax

RNG = np.random.default_rng(0)
X1, X2 = RNG.standard_normal((4, 3)), RNG.standard_normal((3, 3))


def net(*layers):
    return stax.serial(*layers).kernel_fn.layer


def test_triples_unpack_and_nest():
    init_fn, apply_fn, kernel_fn = stax.serial(
        stax.Dense(16, W_std=1.5, b_std=0.05), stax.Relu(), stax.Identity()
    )
    whole = stax.serial((init_fn, apply_fn, kernel_fn), stax.Dense(2, b_std=0))
    inner = ww.Dense(16, 1.5, 0.05)
    last = ww.Dense(2, 1.0, 0.0)
    assert whole.kernel_fn.layer == ww.Sequential(inner, ww.Relu(), last, parametrization=ww.NTK())
    shape, params = whole.init_fn(jax.random.PRNGKey(0), (-1, 3))
    assert shape == (-1, 2)
    outputs = whole.apply_fn(params, X1)
    model = whole.kernel_fn.layer.init(jax.random.key(0), (3,))
    np.testing.assert_array_equal(outputs, jax.vmap(model)(jnp.asarray(X1)))


def test_kernel_object_and_its_parts():
    kernel_fn = stax.serial(stax.Dense(16, 1.5, 0.1), stax.Erf(), stax.Dense(2)).kernel_fn
    expected = kernel_fn.layer.kernel(X1, X2)
    kernel = kernel_fn(X1, X2)
    np.testing.assert_array_equal(kernel.nngp, expected.nngp)
    np.testing.assert_array_equal(kernel.ntk, expected.ntk)
    np.testing.assert_allclose(kernel.cov1, np.diag(kernel_fn(X1, None, "nngp")), rtol=1e-14)
    np.testing.assert_allclose(kernel.cov2, kernel_fn(X2, get="cov1"), rtol=1e-14)
    assert (kernel.shape1, kernel.shape2, kernel.is_gaussian) == ((4, 2), (3, 2), True)
    assert not kernel.x1_is_x2
    both = kernel_fn(X1, X2, ("ntk", "nngp"))
    assert both._fields == ("ntk", "nngp")
    same = kernel_fn(X1, X1.copy())
    assert same.x1_is_x2
    np.testing.assert_array_equal(same.cov2, np.diag(same.nngp))
    traced = jax.jit(kernel_fn, static_argnums=2)(X1, X2, "ntk")
    np.testing.assert_allclose(traced, kernel.ntk, rtol=1e-12)


def test_kernels_of_outputs_with_positions_have_axes_in_pairs():
    kernel_fn = stax.serial(stax.Conv(2, (2, 2)), stax.Relu(), stax.Conv(1, (1, 1))).kernel_fn
    x = RNG.standard_normal((3, 4, 3, 2))
    ours = kernel_fn.layer.kernel(x).ntk  # (n, m, height, width, height', width')
    theirs = kernel_fn(x, None, "ntk")  # (n, m, height, height', width, width')
    np.testing.assert_array_equal(theirs, np.transpose(ours, (0, 1, 2, 4, 3, 5)))
    assert kernel_fn(x, None, "cov1").shape == (3, 3, 3, 2, 2)


def test_blocks():
    kernel_fn = stax.serial(stax.Dense(2), stax.Dropout(0.5), stax.Dense(1)).kernel_fn
    whole = kernel_fn(X1)
    for stored in (True, False):
        blocks = nt.batch(kernel_fn, 2, store_on_device=stored)(X1)
        np.testing.assert_allclose(blocks.ntk, whole.ntk, rtol=1e-12)
        np.testing.assert_allclose(blocks.cov1, whole.cov1, rtol=1e-12)
        assert isinstance(blocks.ntk, jax.Array if stored else np.ndarray)
    # any function of two batches, and blocks that do not divide them
    products = nt.batch(lambda a, b, power: (a @ (a if b is None else b).T) ** power, 3)
    np.testing.assert_allclose(products(X1, None, 2), (X1 @ X1.T) ** 2, rtol=1e-12)
    np.testing.assert_allclose(products(X1, X2, power=1), X1 @ X2.T, rtol=1e-12)
    assert nt.batch(kernel_fn)(X1, None, "ntk").shape == (4, 4)


def test_branches():
    block = stax.serial(stax.Relu(), stax.Dense(8))
    other = stax.serial(stax.Erf(), stax.Dense(8))
    inner = ww.Sequential(ww.Relu(), ww.Dense(8, 1.0, bias=False))
    outer = ww.Sequential(ww.Erf(), ww.Dense(8, 1.0, bias=False))
    pair, fork = stax.parallel(block, other), stax.FanOut(2)
    (found,) = net(fork, stax.parallel(stax.Identity(), block), stax.FanInSum()).layers
    assert found == ww.Residual(inner)
    (found,) = net(fork, pair, stax.FanInProd()).layers
    assert found == ww.Parallel(inner, outer, join="product")
    (found,) = net(fork, pair, stax.FanInConcat()).layers
    assert found == ww.Parallel(inner, outer, join="concatenation")
    three = stax.parallel(block, stax.Identity(), other)
    (found,) = net(stax.FanOut(3), three, stax.FanInSum()).layers
    assert found == ww.Residual(ww.Parallel(inner, outer))
    # branches in two steps, joined with a fork that was put together before
    twice = stax.serial(stax.serial(fork, pair), stax.parallel(stax.Identity(), block))
    (found,) = net(twice, stax.FanInSum()).layers
    assert found == ww.Parallel(inner, ww.Sequential(*outer.layers, *inner.layers))
    assert net(stax.repeat(block, 3)) == net(block, block, block)


def test_settings_of_layers():
    images = {"strides": (2, 1), "dimension_numbers": ("NHWC", "HWIO", "NHWC")}
    conv = stax.Conv(
        4, (3, 2), padding=stax.Padding.CIRCULAR, parameterization="STANDARD", **images
    )
    expected = ww.Conv(4, (3, 2), strides=(2, 1), padding="CIRCULAR", weight_std=1.0, bias=False)
    assert conv.kernel_fn.layer == ww.Sequential(expected, parametrization=ww.Standard())
    (found,) = net(stax.AvgPool((2, 2))).layers
    assert found == ww.AvgPool((2, 2), strides=1)
    (found,) = net(stax.LayerNorm((1, 2, 3))).layers
    assert found == ww.LayerNorm(positions=True)
    for axis, positions in (((2, 3), (1,)), ((1, -1), (0,)), ((-2, -1), (-1,)), ((-1,), False)):
        (found,) = net(stax.LayerNorm(axis)).layers
        assert found == ww.LayerNorm(positions=positions)
    (found,) = net(stax.GlobalSelfAttention(4, 6, 6, 2, b_std=0.1)).layers  # widths of one head
    stds = dict.fromkeys(("key_std", "query_std", "value_std", "out_std"), 1.0)
    assert found == ww.SelfAttention(4, 2, head_width=6, value_width=6, bias_std=0.1, **stds)
    (found,) = net(ww.Aggregate(np.eye(3))).layers
    assert found == ww.Aggregate(np.eye(3))
    assert net(stax.Dropout(0.5, mode="test")) == net(stax.Identity())
    assert net(stax.Monomial(2)) == net(stax.Polynomial([0, 0, 1]))


def test_widened_networks():
    """Kernels of the narrow network; the formulas of the archived library, width by width."""
    form = {"parameterization": "standard", "W_std": 1.3, "b_std": 0.2}
    wide = stax.serial(stax.Dense(4, s=(1, 3), **form), stax.Dense(2, s=(3, 1), **form))
    narrow = stax.serial(stax.Dense(4, **form), stax.Dense(2, **form))
    first, second = X1 @ X2.T / 3, 1.3**2 * X1 @ X2.T / 3 + 0.2**2
    tangent = 4 * second + 1 + 1.3**2 * (3 * first + 1)
    for network in (wide, narrow):
        kernel = network.kernel_fn(X1, X2, ("nngp", "ntk"))
        np.testing.assert_allclose(kernel.nngp, 1.3**2 * second + 0.2**2, rtol=1e-12)
        np.testing.assert_allclose(kernel.ntk, tangent, rtol=1e-12)
    _, params = wide.init_fn(jax.random.key(0), (-1, 3))
    rows = wide.kernel_fn.layer.parameter_table((3,))
    assert [row.shape for row in rows] == [(12, 3), (12,), (2, 12), (2,)]
    assert rows[2].multiplier == pytest.approx(3**-0.5)
    assert rows[2].init_std == pytest.approx(1.3 / 2)
    weights = [np.asarray(leaf) for leaf in jax.tree.leaves(params)]
    hidden = X1 @ weights[0].T + weights[1]
    outputs = hidden @ weights[2].T / 3**0.5 + weights[3]
    np.testing.assert_allclose(wide.apply_fn(params, X1), outputs, rtol=1e-6)


FUNCTIONS = {
    "Relu": (stax.Relu(True), lambda z: np.maximum(z, 0)),
    "Abs": (stax.Abs(), np.abs),
    "LeakyRelu": (stax.LeakyRelu(0.3), lambda z: np.where(z > 0, z, 0.3 * z)),
    "ABRelu": (stax.ABRelu(-0.5, 2), lambda z: np.where(z > 0, 2 * z, -0.5 * z)),
    "ABRelu left": (stax.ABRelu(3.0, 0), lambda z: 3 * np.minimum(z, 0)),
    "Sin": (stax.Sin(2.0, 3.0, 0.5), lambda z: 2 * np.sin(3 * z + 0.5)),
    "Cos": (stax.Cos(2.0, 3.0, 0.5), lambda z: 2 * np.cos(3 * z + 0.5)),
    "Rbf": (stax.Rbf(2.0), lambda z: np.sqrt(2) * np.sin(2 * z + np.pi / 4)),
    "Exp": (stax.Exp(0.5, -0.5), lambda z: 0.5 * np.exp(-0.5 * z)),
    "Gaussian": (stax.Gaussian(2.0, -3.0), lambda z: 2 * np.exp(-3 * z**2)),
    "Monomial": (stax.Monomial(3), lambda z: z**3),
    "Polynomial": (stax.Polynomial([1, 0, 2]), lambda z: 1 + 2 * z**2),
    "Hermite": (stax.Hermite(2), lambda z: (z**2 - 1) / np.sqrt(2)),
    "Sign": (stax.Sign(), np.sign),
    "RectifiedMonomial": (stax.RectifiedMonomial(1), lambda z: np.maximum(z, 0)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    layer, expected = FUNCTIONS[name]
    z = np.linspace(-1.5, 1.6, 7)
    _, params = layer.init_fn(jax.random.key(0), (1, 7))
    np.testing.assert_allclose(layer.apply_fn(params, z[None])[0], expected(z), atol=1e-14)


def test_dropout_needs_a_key():
    drop = stax.serial(stax.Dense(400), stax.Dropout(0.75))
    _, params = drop.init_fn(jax.random.key(0), (-1, 3))
    zeros = np.mean(np.asarray(drop.apply_fn(params, X1, rng=jax.random.PRNGKey(1))) == 0)
    assert abs(zeros - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 1600)
    with pytest.raises(ValueError, match="give apply_fn a key"):
        drop.apply_fn(params, X1)


FORK, PAIR = stax.FanOut(2), stax.parallel(stax.Dense(2), stax.Dense(2))
KERNEL = stax.serial(stax.Dense(2), stax.Relu(), stax.Dense(1)).kernel_fn
CONV = ((2, 2),)
MISTAKES = {
    "get": (ValueError, "did you mean 'nngp'", lambda: KERNEL(X1, None, "nngpp")),
    "no get": (ValueError, "get is empty", lambda: KERNEL(X1, None, ())),
    "form": (ValueError, "'ntk' or 'standard'", lambda: stax.Dense(1, parameterization="mup")),
    "forms": (
        ValueError,
        "'ntk' and 'standard'",
        lambda: stax.serial(stax.Dense(1), stax.Dense(1, parameterization="standard")),
    ),
    "s": (ValueError, "two whole numbers", lambda: stax.Dense(1, s=(1, 0.5))),
    "order": (
        ValueError,
        "put a Dense or convolutional layer",
        lambda: stax.serial(stax.Relu(), stax.Dense(1)).kernel_fn(X1),
    ),
    "shapes": (ValueError, "inputs of one shape", lambda: KERNEL(X1, X2[:, :2])),
    "complex": (ValueError, "real floating numbers", lambda: KERNEL(X1 + 1j)),
    "lists": (NotImplementedError, "one array", lambda: KERNEL([X1, X1])),
    "kernels": (NotImplementedError, "one stax.serial", lambda: KERNEL(KERNEL(X1))),
    "setting": (TypeError, "no argument 'patterns'", lambda: KERNEL(X1, patterns=1)),
    "not called": (TypeError, r"call it, Relu\(", lambda: stax.serial(stax.Relu)),
    "no layer": (TypeError, "Widthwise layer", lambda: stax.serial(3)),
    "no fork": (ValueError, "FanOut", lambda: net(PAIR, stax.FanInSum())),
    "join alone": (ValueError, "FanOut", lambda: net(stax.FanInSum())),
    "no join": (ValueError, "side by side", lambda: net(FORK, PAIR)),
    "fork count": (ValueError, "2 branches", lambda: net(stax.FanOut(3), PAIR, stax.FanInSum())),
    "fork twice": (ValueError, "several inputs", lambda: net(FORK, FORK)),
    "in a fork": (ValueError, "inside stax.parallel", lambda: net(FORK, stax.Dense(2))),
    "x + x": (ValueError, "uncorrelated", lambda: net(FORK, stax.FanInSum())),
    "concat": (NotImplementedError, "channels", lambda: stax.FanInConcat(0)),
    "empty fork": (ValueError, "at least 1", lambda: stax.FanOut(0)),
    "axes": (NotImplementedError, "move the axes", lambda: stax.Dense(1, channel_axis=1)),
    "NCHW": (
        NotImplementedError,
        "NHWC",
        lambda: stax.Conv(1, *CONV, dimension_numbers=("NCHW", "OIHW", "NCHW")),
    ),
    "norm": (NotImplementedError, "axes of positions", lambda: stax.LayerNorm((0, -1))),
    "edges": (
        NotImplementedError,
        "VALID",
        lambda: stax.AvgPool(*CONV, padding="SAME", normalize_edges=True),
    ),
    "padding": (ValueError, "padding of Conv", lambda: stax.Conv(1, *CONV, padding="FULL")),
    "attention": (
        ValueError,
        "no known kernel",
        lambda: stax.GlobalSelfAttention(1, 1, 1, 1, False).kernel_fn(np.ones((1, 2, 3))),
    ),
    "mechanism": (
        ValueError,
        "SOFTMAX",
        lambda: stax.GlobalSelfAttention(1, 1, 1, 1, attention_mechanism="HARD"),
    ),
    "mode": (ValueError, "'train' or 'test'", lambda: stax.Dropout(0.5, mode="eval")),
    "Gaussian": (ValueError, "negative", lambda: stax.Gaussian(1.0, 1.0)),
    "ABRelu": (ValueError, "not zero", lambda: stax.ABRelu(0, 0)),
    "power": (ValueError, "whole number", lambda: stax.RectifiedMonomial(-1)),
    "no function": (NotImplementedError, "the function itself", lambda: stax.Elementwise()),
    "repeat": (ValueError, "at least 0", lambda: stax.repeat(stax.Relu(), -1)),
    "absent": (NotImplementedError, "jax.image.resize", lambda: stax.ImageResize),
    "typo": (AttributeError, "did you mean 'Flatten'", lambda: stax.Flaten),
    "package": (NotImplementedError, "TensorFlow", lambda: nt.experimental),
    "predict": (AttributeError, "'gp_inference'", lambda: nt.predict.gp_inferences),
    "batch size": (ValueError, "at least 0", lambda: nt.batch(KERNEL, -1)),
    "batch": (TypeError, "third of a triple", lambda: nt.batch(stax.Dense(1), 2)),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(case):
    error, words, attempt = MISTAKES[case]
    with pytest.raises(error, match=words):
        attempt()
