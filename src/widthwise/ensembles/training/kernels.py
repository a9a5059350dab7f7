"""Order parameters of a network in training: kernels of features, of gradients, and their sum."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Shaped

from widthwise.ensembles.tangent.factors import Product
from widthwise.ensembles.tangent.kernel import empirical_ntk
from widthwise.ensembles.tangent.parametric import parametric
from widthwise.ensembles.tangent.sites import find_sites, watched_gradients
from widthwise.ensembles.training.trained import Recorded, Trained
from widthwise.networks import Affine
from widthwise.networks.linear import Linear
from widthwise.networks.parametrization import Scale


class _Passage(NamedTuple):
    """What enters a Dense layer and what comes back to it, for every example."""

    scale: Scale
    entered: Float[Array, "n d"]
    slopes: Float[Array, "n o k"]


def feature_kernel(
    model: Trained, x: Float[Array, "n *shape"], y: Shaped[Array, "n *outputs"]
) -> Recorded:
    r"""Record ``feature_kernel (layer, input, input2)``: Phi^l = phi(h^l) phi(h^l)^T / N.

    One for each hidden layer: what enters every Dense layer but the first, N being its size.
    """
    del y
    kernels = [_gram(p.entered) / p.entered.shape[1] for p in _passages(model, x)[1:]]
    return {"feature_kernel": (("layer", "input", "input2"), jnp.stack(kernels))}


def gradient_kernel(
    model: Trained, x: Float[Array, "n *shape"], y: Shaped[Array, "n *outputs"]
) -> Recorded:
    r"""Record ``gradient_kernel (layer, input, input2)``, G^l of each hidden layer.

    Products of the derivatives of the network's outputs in the pre-activations h^l, averaged over
    the outputs and scaled so that G^l Phi^(l-1) is what the weights of layer l contribute to
    the tangent kernel, under every parametrization: without biases NTK = sum_l G^l Phi^(l-1),
    where l runs to the output layer (G = 1 at unit gain) and Phi^0 = x x^T / dimension. With
    ``MeanField`` and ``MuP`` at unit gains that is G^l = g^l g^l^T / N, g^l = gamma0 N df/dh^l.
    """
    del y
    kernels = []
    for passage in _passages(model, x)[:-1]:
        scale, slopes = passage.scale, passage.slopes
        size = scale.sgd * scale.multiplier**2 * passage.entered.shape[1]
        rows = jnp.moveaxis(slopes, 1, 0)
        kernels.append(size * jnp.mean(jax.vmap(_gram)(rows), axis=0))
    return {"gradient_kernel": (("layer", "input", "input2"), jnp.stack(kernels))}


def ntk(model: Trained, x: Float[Array, "n *shape"], y: Shaped[Array, "n *outputs"]) -> Recorded:
    """Record ``ntk (input, input2)``, averaged over the outputs.

    The factor by which gradient flow at learning rate 1 moves f: with the parametrization's
    learning-rate factors, and independent of the richness.
    """
    del y
    kernel = empirical_ntk(model.network, None, x, learning_rates="sgd")
    return {"ntk": (("input", "input2"), kernel)}


def _passages(model: Trained, x: Float[Array, "n *shape"]) -> list[_Passage]:
    """Watch every Dense layer of a network, in forward order."""
    function = parametric(model.network, None)
    sites = find_sites(function, jax.ShapeDtypeStruct(x.shape[1:], x.dtype))
    layers = [m for m in jax.tree.leaves(model.network, is_leaf=_is_linear) if _is_linear(m)]
    dense = all(isinstance(site.layer, Affine) and len(site.calls) == 1 for site in sites)
    if len(sites) != len(layers) or len(layers) < 2 or not dense or x.ndim != 2:
        raise ValueError(
            "feature_kernel and gradient_kernel are recorded of networks whose weights are those "
            "of at least two Dense layers, on inputs without positions: give a recorder of your "
            "own for this one"
        )
    factors = watched_gradients(function, sites, x)
    found = []
    for site in sites:
        product = factors[site.arrays[0]]
        assert isinstance(product, Product)
        scale = site.layer.weight_scale
        entered = product.inputs[:, 0] / scale.multiplier
        found.append(_Passage(scale, entered, product.slopes[:, :, 0]))
    return found


def _is_linear(node: object) -> bool:
    return isinstance(node, Linear)


def _gram(rows: Float[Array, "n d"]) -> Float[Array, "n n"]:
    return jnp.matmul(rows, rows.T, precision=lax.Precision.HIGHEST)
