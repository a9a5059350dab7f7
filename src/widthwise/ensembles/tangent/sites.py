"""Linear layers of a model, watched while it runs.

The gradient of an output in the weights of a linear layer is a sum over positions of products of
what enters the layer and what comes back to it. Watching both for a batch costs one forward and
one backward pass, and the gradients themselves never have to exist.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Shaped

from widthwise.ensembles.tangent.factors import Factor, Jacobian, Product, Sizes
from widthwise.ensembles.tangent.parametric import Parametric
from widthwise.ensembles.watched import watched
from widthwise.networks import Affine

_CONVOLUTIONS = (eqx.nn.Conv, eqx.nn.Conv1d, eqx.nn.Conv2d, eqx.nn.Conv3d)


class Site(NamedTuple):
    """One linear layer of a model.

    Parameters
    ----------
    path
        Where it is in the model.
    layer
        The layer.
    calls
        Its outputs, one for each time it is called on one example: shapes and dtypes.
    """

    path: str
    layer: Any
    calls: tuple[jax.ShapeDtypeStruct, ...]

    @property
    def arrays(self) -> tuple[str, str]:
        """Paths of its weights and its bias."""
        return _arrays(self.path)

    def sizes(self, outputs: int) -> Sizes:
        """Sizes of its :class:`Product` for a function with so many outputs."""
        fan_out = self.layer.weight.shape[0]
        positions = sum(call.size // fan_out for call in self.calls)
        return Sizes(outputs, positions, self.layer.weight.size // fan_out, fan_out)


def find_sites(function: Parametric, x: jax.ShapeDtypeStruct) -> list[Site]:
    """Find the linear layers whose weights act through nothing but calls of the layer.

    Read off the program that JAX traces: a layer is left out if its arrays are used by anything
    else, or if it is called inside a transformation of the model's own (``vmap``, ``scan``, a
    checkpoint), where what enters it cannot be observed from outside. A model that does not run
    with its layers replaced has none.

    Parameters
    ----------
    function
        The function, known to run.
    x
        Shape and dtype of one example.
    """
    whole, names = function.whole(function.params), set(function.paths)
    nodes = jax.tree_util.tree_leaves_with_path(whole, is_leaf=_is_linear)
    found = {
        jax.tree_util.keystr(path): node
        for path, node in nodes
        if _is_linear(node) and not names.isdisjoint(_arrays(jax.tree_util.keystr(path)))
    }
    if not found:
        return []
    calls: dict[str, list[jax.ShapeDtypeStruct]] = {path: [] for path in found}

    def program(arrays: dict[str, Any], x: Array) -> tuple[dict[str, list[Array]], Any]:
        entered: dict[str, list[Array]] = {path: [] for path in found}

        def watch(path: str, layer: Any, h: Array, *, key: Any = None) -> Array:
            del layer, key
            y = found[path](h)  # its arrays are constants here: only other uses are traced
            entered[path].append(h)
            calls[path].append(jax.ShapeDtypeStruct(y.shape, y.dtype))
            return y

        def traced(keys: Any, node: Any) -> Any:
            path = jax.tree_util.keystr(keys)
            return eqx.combine(arrays[path], node) if path in found else node

        model = jax.tree_util.tree_map_with_path(traced, whole, is_leaf=_is_linear)
        return entered, function.apply(watched(model, found, watch), x)

    arrays = {path: eqx.filter(node, eqx.is_array) for path, node in found.items()}
    try:
        traced = jax.make_jaxpr(program)(arrays, x).jaxpr
    except Exception:  # the model itself runs, so it is one that cannot have its layers replaced
        return []
    used = {id(v) for step in traced.eqns for v in step.invars} | {id(v) for v in traced.outvars}
    seen = {id(v) for step in traced.eqns for v in step.outvars} | {id(traced.invars[-1])}
    parameters, inputs = iter(traced.invars), iter(traced.outvars)
    sites = {}
    for path in sorted(found):  # the order in which JAX flattens the dictionaries
        unused = [id(next(parameters)) not in used for _ in jax.tree.leaves(arrays[path])]
        visible = [id(next(inputs)) in seen for _ in calls[path]]
        if visible and all(visible) and all(unused):
            sites[path] = Site(path, found[path], tuple(calls[path]))
    return [sites[path] for path in found if path in sites]


def watched_gradients(
    function: Parametric, sites: list[Site], x: Shaped[Array, "n ..."]
) -> dict[str, Factor]:
    """Gradients of the outputs in every array of parameters, of products where there is a site.

    Parameters
    ----------
    function
        The function.
    sites
        Layers to watch; without any, all gradients are written out.
    x
        Examples.

    Returns
    -------
    The gradients by the path of the array, in the order of the parameters.
    """
    own = {path for site in sites for path in site.arrays}
    others = function.only([path not in own for path in function.paths])
    layers = [site.path for site in sites]

    def one(example: Array) -> tuple[Any, Any, Any]:
        def run(shifts: dict[str, list[Array]], params: Any) -> tuple[Array, dict]:
            entered: dict[str, list[Array]] = {path: [] for path in layers}

            def watch(path: str, layer: Any, h: Array, *, key: Any = None) -> Array:
                del key
                shift = shifts[path][len(entered[path])]
                entered[path].append(h)
                return layer(h) + shift

            model = watched(others.whole(params), layers, watch)
            return jnp.ravel(function.apply(model, example)), entered

        shifts = {s.path: [jnp.zeros(call.shape, call.dtype) for call in s.calls] for s in sites}
        out, back, entered = jax.vjp(run, shifts, others.params, has_aux=True)
        slopes, gradients = jax.vmap(back)(jnp.eye(out.size, dtype=out.dtype))
        return entered, slopes, gradients

    entered, slopes, gradients = jax.vmap(one)(x)
    factors: dict[str, Factor] = {}
    for site in sites:
        factors |= _factors(site, entered[site.path], slopes[site.path])
    for path, gradient in zip(others.paths, jax.tree.leaves(gradients), strict=True):
        factors[path] = Jacobian(gradient.reshape(*gradient.shape[:2], -1))
    return {path: factors[path] for path in function.paths}


def _arrays(path: str) -> tuple[str, str]:
    """Paths of the arrays of the layer at ``path``."""
    return f"{path}.weight", f"{path}.bias"


def _is_linear(node: object) -> bool:
    """Tell whether gradients are products: exact classes only, a subclass may do other things."""
    if type(node) is eqx.nn.Linear:
        return "scalar" not in (node.in_features, node.out_features)
    if isinstance(node, eqx.nn.Conv) and type(node) in _CONVOLUTIONS:
        return node.groups == 1 and node.padding_mode == "ZEROS"
    return type(node) is Affine


def _factors(site: Site, inputs: list[Array], slopes: list[Array]) -> dict[str, Factor]:
    """Gradients in the weights and the bias of one layer, all calls of it side by side."""
    layer = site.layer
    entered = jnp.concatenate([_patches(layer, h) for h in inputs], axis=1)
    k = layer.weight.shape[0]
    back = [jnp.moveaxis(b.reshape(*b.shape[:2], k, -1), 2, 3) for b in slopes]
    left = jnp.concatenate(back, axis=2)
    weight, bias = _multipliers(layer)
    names = site.arrays
    factors: dict[str, Factor] = {names[0]: Product(entered * weight, left)}
    if layer.bias is not None:
        factors[names[1]] = Jacobian(left.sum(axis=2) * bias)
    return factors


def _multipliers(layer: Any) -> tuple[ArrayLike, ArrayLike]:
    """Multiply weights and bias of a layer before they act."""
    if isinstance(layer, Affine):
        bias = layer.bias_scale
        return layer.weight_scale.multiplier, 1.0 if bias is None else bias.multiplier
    return 1.0, 1.0


def _patches(layer: Any, h: Shaped[Array, "n ..."]) -> Shaped[Array, "n q d"]:
    """What one output of a layer sees, for every position."""
    if not isinstance(layer, eqx.nn.Conv):
        return h[:, None]
    patches = lax.conv_general_dilated_patches(
        h,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        rhs_dilation=layer.dilation,
        precision=lax.Precision.HIGHEST,
    )
    return jnp.moveaxis(patches.reshape(*patches.shape[:2], -1), 1, 2)
