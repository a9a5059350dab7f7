"""Tangent kernels of finite networks against their definition: all gradients, multiplied."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise import networks as nn
from widthwise.ensembles import empirical_nngp, empirical_ntk
from widthwise.ensembles.tangent.parametric import parametric

RNG = np.random.default_rng(0)
X1, X2 = (jnp.asarray(RNG.standard_normal((n, 4))) for n in (5, 3))
IMAGES1, IMAGES2 = (jnp.asarray(RNG.standard_normal((n, 2, 3, 3))) for n in (3, 2))


class Images(eqx.Module):
    """Convolutions of several kinds, a layer used twice, one inside vmap, a norm with a gain."""

    first: eqx.nn.Conv2d
    second: eqx.nn.Conv1d
    grouped: eqx.nn.Conv1d
    pixel: eqx.nn.Linear
    last: eqx.nn.Linear
    norm: eqx.nn.LayerNorm
    temperature: jax.Array
    name: str = "images"

    def __init__(self, key):
        keys = jax.random.split(key, 5)
        self.first = eqx.nn.Conv2d(2, 3, 3, stride=2, padding=1, key=keys[0])
        self.second = eqx.nn.Conv1d(3, 4, 2, padding="SAME", use_bias=False, key=keys[1])
        self.grouped = eqx.nn.Conv1d(4, 4, 2, groups=2, dilation=2, key=keys[2])
        self.pixel = eqx.nn.Linear(4, 4, key=keys[3])
        self.last = eqx.nn.Linear(4, 2, key=keys[4])
        self.norm = eqx.nn.LayerNorm(4)
        self.temperature = jnp.asarray(0.7)

    def __call__(self, x):
        h = jnp.sin(self.first(x)).reshape(3, -1)
        h = jnp.sin(self.grouped(jax.nn.relu(self.second(h)))).T
        h = self.norm(jax.vmap(self.pixel)(h).mean(0))
        return self.temperature * (self.last(h) + self.last(h**2))


def residual(bias_std):
    branch = nn.Sequential(nn.Sin(), nn.Dense(6), nn.Relu(), nn.Dense(6))
    return nn.Sequential(
        nn.Dense(6), nn.Residual(branch), nn.Relu(), nn.Dense(2),
        parametrization=nn.NTK(1.3, bias_std),
    )  # fmt: skip


def plain(params, x):
    """Scalar output; the parameters hold more than what is differentiated."""
    h = jnp.sin(params["hidden"]["w"] @ x + params["hidden"]["b"])
    return params["out"] @ h * params["scale"]


PLAIN = {
    "hidden": {"w": jnp.asarray(RNG.standard_normal((6, 4))), "b": RNG.standard_normal(6)},
    "out": jnp.asarray(RNG.standard_normal(6)),
    "scale": 2,
}


def matrix(params, x):
    return jnp.sin(jnp.outer(params[0] @ x, params[1]))


MATRIX = [jnp.asarray(RNG.standard_normal((2, 4))), jnp.asarray(RNG.standard_normal(3))]


def network(bias_std: float | None = 0.4):
    return residual(bias_std).init(jax.random.key(0), (4,), dtype=jnp.float64)


CASES = {
    "residual": (network, None, X1, X2, ("jacobian", "products", "layers")),
    "no biases": (lambda: network(None), None, X1, X2, ("layers",)),
    "scalar": (lambda: plain, PLAIN, X1, X2, ("jacobian", "products", "auto")),
    "matrix": (lambda: matrix, MATRIX, X1, X2, ("jacobian", "products", "auto")),
    "images": (lambda: Images(jax.random.key(0)), None, IMAGES1, IMAGES2, ("layers",)),
}


def definition(f, params, x1, x2, rate=lambda _: 1.0):
    """Sum over parameters of products of derivatives, outputs in one axis each."""
    whole = f if params is None else jax.tree.map(jnp.asarray, params)
    arrays, rest = eqx.partition(whole, eqx.is_inexact_array)

    def outputs(arrays, x):
        joined = eqx.combine(arrays, rest)
        return jnp.ravel(joined(x) if params is None else f(joined, x))

    gradients = jax.jit(jax.vmap(jax.jacrev(outputs), (None, 0)))
    both = gradients(arrays, jnp.concatenate([x1, x2]))
    total = np.zeros(())
    for path, gradient in jax.tree_util.tree_leaves_with_path(both):
        flat = np.asarray(gradient).reshape(*gradient.shape[:2], -1)
        one, other = flat[: len(x1)], flat[len(x1) :]
        total = total + rate(jax.tree_util.keystr(path)) * np.einsum("nop,mrp->nmor", one, other)
    return total


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.slow) if case == "images" else case for case in CASES],
)
def test_methods_agree_with_the_definition(case):
    make, params, x1, x2, methods = CASES[case]
    f = make()
    expected = definition(f, params, x1, x2)
    n, m = len(x1), len(x2)
    shape = jax.eval_shape(f, *([] if params is None else [params]), x1[0]).shape
    for method in methods:
        full = empirical_ntk(f, params, x1, x2, method=method, trace_outputs=False)
        assert full.shape == (n, m, *shape, *shape)
        np.testing.assert_allclose(full.reshape(expected.shape), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("method", ["jacobian", "products", "layers"])
def test_tiles_diagonals_and_symmetry(method):
    f = network()
    expected = definition(f, None, X1, X1)
    tiles = empirical_ntk(f, None, X1, method=method, trace_outputs=False, batch_size=2)
    np.testing.assert_allclose(tiles, expected, rtol=1e-10, atol=1e-12)
    pairs = empirical_ntk(f, None, X1, X1[::-1], method=method, diagonal=True, batch_size=2)
    np.testing.assert_allclose(
        pairs, np.einsum("nnoo->n", expected[:, ::-1]) / 2, rtol=1e-10, atol=1e-12
    )
    if method == "layers":
        own = empirical_ntk(f, None, X1, method=method, diagonal=True, trace_outputs=False)
        np.testing.assert_allclose(own, np.einsum("nnor->nor", expected), rtol=1e-10, atol=1e-12)
        whole = empirical_ntk(f, None, X1)
        np.testing.assert_allclose(
            whole, np.einsum("nmoo->nm", expected) / 2, rtol=1e-10, atol=1e-12
        )


@pytest.mark.parametrize("method", ["products", "layers"])
def test_parts_of_layers(method):
    f = network()
    parts = empirical_ntk(f, None, X1, X2, method=method, by_layer=True, batch_size=3)
    branch = ".layers[1].branch.layers"
    assert list(parts) == [".layers[0]", f"{branch}[1]", f"{branch}[3]", ".layers[3]"]
    whole = np.einsum("nmoo->nm", definition(f, None, X1, X2)) / 2
    np.testing.assert_allclose(sum(parts.values()), whole, rtol=1e-10, atol=1e-12)
    last = (".layers[3].weight", ".layers[3].bias")
    alone = definition(f, None, X1, X2, lambda path: float(path in last))
    np.testing.assert_allclose(parts[".layers[3]"], np.einsum("nmoo->nm", alone) / 2, rtol=1e-10)


@pytest.mark.parametrize("make", [nn.Standard, nn.NTK, nn.MeanField, nn.MuP, nn.DepthMuP])
def test_one_linear_layer_has_the_kernel_of_the_architecture(make):
    net = nn.Sequential(nn.Dense(3), parametrization=make(1.3, 0.2))
    model = net.init(jax.random.key(0), (4,), dtype=jnp.float64)
    ntk = empirical_ntk(model, None, X1, X2, learning_rates="sgd", method="layers")
    np.testing.assert_allclose(ntk, net.kernel(X1, X2).ntk, rtol=1e-10)


@pytest.mark.parametrize("method", ["jacobian", "products", "layers"])
def test_learning_rates_of_the_parametrization(method):
    net = nn.Sequential(nn.Dense(5), nn.Sin(), nn.Dense(1), parametrization=nn.MuP(1.3, 0.2))
    rates = {row.path: row.sgd for row in net.parameter_table((4,))}
    model = net.init(jax.random.key(0), (4,), dtype=jnp.float64)
    expected = definition(model, None, X1, X2, rates.__getitem__)[..., 0, 0]
    ntk = empirical_ntk(model, None, X1, X2, learning_rates="sgd", method=method)
    np.testing.assert_allclose(ntk, expected, rtol=1e-10)


def test_own_learning_rates_for_arrays_and_for_subtrees():
    rates = {"hidden": 2.0, "out": jnp.asarray(0.5), "scale": None}
    ntk = empirical_ntk(plain, PLAIN, X1, X2, learning_rates=rates)
    expected = definition(plain, PLAIN, X1, X2, lambda path: 2.0 if "hidden" in path else 0.5)
    np.testing.assert_allclose(ntk, expected[..., 0, 0], rtol=1e-10)


def test_part_of_a_module():
    model = network()
    spec = jax.tree.map(lambda _: False, model)
    spec = eqx.tree_at(lambda m: m.layers[3].weight, spec, True)
    ntk = empirical_ntk(model, eqx.filter(model, spec), X1, X2, method="layers")
    expected = definition(model, None, X1, X2, lambda path: float(path == ".layers[3].weight"))
    np.testing.assert_allclose(ntk, np.einsum("nmoo->nm", expected) / 2, rtol=1e-10)


def test_products_of_outputs():
    outputs = np.asarray(jax.vmap(matrix, (None, 0))(MATRIX, X1))
    other = np.asarray(jax.vmap(matrix, (None, 0))(MATRIX, X2))
    full = empirical_nngp(matrix, MATRIX, X1, X2, trace_outputs=False)
    np.testing.assert_allclose(full, np.einsum("nab,mcd->nmabcd", outputs, other), rtol=1e-12)
    np.testing.assert_allclose(
        empirical_nngp(matrix, MATRIX, X1), np.einsum("nab,mab->nm", outputs, outputs) / 6
    )
    np.testing.assert_allclose(
        empirical_nngp(matrix, MATRIX, X1[:3], X2, diagonal=True),
        np.einsum("nab,nab->n", outputs[:3], other) / 6,
    )


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(1e-3, 30.0))
def test_symmetric_positive_and_indifferent_to_order(seed, spread):
    rng = np.random.default_rng(seed)
    x = jnp.asarray(spread * rng.standard_normal((5, 4)))
    model = network()
    ntk = np.asarray(empirical_ntk(model, None, x, trace_outputs=False, method="layers"))
    np.testing.assert_allclose(ntk, ntk.transpose(1, 0, 3, 2), rtol=1e-9, atol=1e-10)
    eigenvalues = np.linalg.eigvalsh(ntk.transpose(0, 2, 1, 3).reshape(10, 10))
    assert eigenvalues.min() > -1e-10 * eigenvalues.max()
    order = rng.permutation(5)
    mixed = empirical_ntk(model, None, x[order], trace_outputs=False, method="layers")
    np.testing.assert_allclose(mixed, ntk[order][:, order], rtol=1e-8, atol=1e-9)


def test_works_inside_a_compiled_and_differentiated_program():
    def size(scale):
        return jnp.sum(empirical_ntk(matrix, [scale * MATRIX[0], MATRIX[1]], X1))

    slope = jax.jit(jax.grad(size))(1.0)
    step = 1e-5
    np.testing.assert_allclose(slope, (size(1 + step) - size(1 - step)) / (2 * step), rtol=1e-7)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"method": "jacobain"}, ValueError, "did you mean 'jacobian'"),
        ({"method": "layers"}, ValueError, "found no layer that it knows"),
        ({"batch_size": 0}, ValueError, "at least 1"),
        ({"f": lambda p, x: p["n"] @ x}, ValueError, "no floating-point arrays"),
        ({"f": lambda p, x: (p[0] @ x, x)}, TypeError, "return one array"),
        ({"f": lambda p, x: p[0] @ x + 1j}, TypeError, "real and imaginary"),
        ({"f": lambda p, x: jnp.argmax(p[0] @ x)}, TypeError, "floating-point"),
        ({"x1": X1[:, :3]}, ValueError, "an example of x1 has shape"),
        ({"x1": X1[:, :3], "x2": None}, TypeError, "ONE example"),
        ({"x1": jnp.asarray(1.0)}, ValueError, "at least one example"),
        ({"x1": X1.at[0, 0].set(jnp.nan)}, ValueError, "not finite"),
        ({"diagonal": True}, ValueError, "5 and 3"),
        ({"learning_rates": "sgd"}, ValueError, "no such layer"),
        ({"learning_rates": "adagrad"}, ValueError, "'sgd'"),
        ({"learning_rates": [1.0]}, ValueError, "structure"),
        ({"params": [MATRIX[0] + 0j, MATRIX[1]]}, TypeError, "complex"),
    ],
)
def test_what_is_refused(change, error, message):
    given = {"f": matrix, "params": MATRIX, "x1": X1, "x2": X2} | change
    if "f" in change and message.startswith("no floating"):
        given["params"] = {"n": jnp.ones((2, 4), int)}
    with pytest.raises(error) as caught:
        empirical_ntk(**given)
    assert message in "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


def test_parameters_of_another_module_are_refused():
    model = network()
    with pytest.raises(ValueError, match="another structure"):
        empirical_ntk(model, [jnp.ones(2)], X1)


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="architecture"):
        parametric(residual(None), None)
    with pytest.raises(TypeError, match="give a function"):
        parametric(3, None)
