"""Kernels of finite networks at initialization, measured with their weights drawn."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, ArrayLike, Float

from widthwise.ensembles.sampling import sample
from widthwise.networks import Affine, Sequential
from widthwise.numerics.statistics import Estimate, mean, of_means


def conditional_kernels(
    model: eqx.Module, x: Float[Array, "n *shape"]
) -> tuple[Float[Array, "l n n"], Float[Array, "k n"]]:
    """Observe what each Dense layer of a network makes of its inputs, and the outputs.

    Parameters
    ----------
    model
        The finite network, a composition of Dense and pointwise layers.
    x
        Inputs, examples first.

    Returns
    -------
    tuple
        For each Dense layer the covariance of any of its neurons given its inputs ``h``,
        ``C_b + C_W mean_i(h_i h_i^T)``; and the output of the network, neurons first.
    """

    def one(example: Array) -> tuple[tuple[Array, ...], Array]:
        seen: list[Array] = []

        def tap(module: Affine) -> Callable[[Array], Array]:
            def run(h: Array) -> Array:
                weight, bias = module.weight_scale, module.bias_scale
                spread = [h * weight.multiplier * weight.init_std]
                if bias is not None:
                    spread.append(jnp.full_like(h[:1], bias.multiplier * bias.init_std))
                seen.append(jnp.concatenate(spread))
                return module(h)

            return run

        def is_affine(node: object) -> bool:
            return isinstance(node, Affine)

        tapped = jax.tree.map(
            lambda node: tap(node) if is_affine(node) else node, model, is_leaf=is_affine
        )
        output = tapped(example)
        return tuple(seen), output

    spreads, output = jax.vmap(one)(x)
    return jnp.stack([spread @ spread.T for spread in spreads]), output.T


def empirical_kernels(
    net: Sequential,
    x: Float[Array, "n *shape"],
    *,
    key: jax.Array,
    members: int | tuple[int, int] | None = None,
    batch_size: int | None = None,
) -> xr.Dataset:
    """Draw many networks and keep the kernels of their layers and their outputs.

    Parameters
    ----------
    net
        The architecture, of Dense and pointwise layers.
    x
        Inputs, examples first.
    key, members, batch_size
        As in [`sample`][widthwise.ensembles.sample].

    Returns
    -------
    xarray.Dataset
        ``kernel (member, layer, input, input_2)``: the covariance of a neuron of each Dense layer
        given the layer below, ``Khat``, layer 0 being that of the inputs. ``outputs (member,
        output, input)``: given ``Khat`` of the last layer they are independent Gaussians.
    """
    kernel, output = sample(
        net, x, key=key, members=members, observe=conditional_kernels, batch_size=batch_size
    )
    return xr.Dataset(
        {
            "kernel": (("member", "layer", "input", "input_2"), np.asarray(kernel)),
            "outputs": (("member", "output", "input"), np.asarray(output)),
        }
    )


def output_covariance(outputs: Float[ArrayLike, "s k n"]) -> Estimate:
    """Mean over networks of ``z_a z_b``, averaged over a network's outputs.

    Parameters
    ----------
    outputs
        Outputs of s networks: k output neurons for n inputs.

    Returns
    -------
    Estimate
        ``(n, n)``; the networks are the independent samples, the outputs of one are not.
    """
    z = np.asarray(outputs, np.float64)
    return mean(np.einsum("ska,skb->sab", z, z) / z.shape[1])


def shared_variance(outputs: Float[ArrayLike, "s k n"]) -> Estimate:
    """Covariance over networks of ``z_ia z_ib`` and ``z_ja z_jb`` for outputs i != j.

    It vanishes for independent outputs, and is ``V_(ab)(ab) / width`` to first order: outputs of
    one network are uncorrelated, but not independent.

    Parameters
    ----------
    outputs
        Outputs of s networks: k output neurons, at least 2, for n inputs.

    Returns
    -------
    Estimate
        ``(n, n)``.

    Raises
    ------
    ValueError
        If there are fewer than two outputs.
    """
    z = np.asarray(outputs, np.float64)
    k = z.shape[1]
    if k < 2:
        raise ValueError(f"Networks with {k} output were given; two different outputs are needed.")
    first = np.einsum("ska,skb->sab", z, z)
    same = np.einsum("ska,skb->sab", z**2, z**2)
    products = np.stack([first / k, (first**2 - same) / (k * (k - 1))], axis=1)
    return of_means(lambda m: m[1] - m[0] ** 2, products)


def output_kurtosis(outputs: Float[ArrayLike, "s k n"]) -> Estimate:
    """Excess kurtosis of a (centred) output over networks: ``3 V / (width K^2)`` to first order.

    Parameters
    ----------
    outputs
        Outputs of s networks: k output neurons for n inputs.

    Returns
    -------
    Estimate
        ``(n,)``; all outputs of a network contribute, the networks are the independent samples.
    """
    z = np.asarray(outputs, np.float64)
    moments = np.stack([np.mean(z**2, axis=1), np.mean(z**4, axis=1)], axis=1)
    return of_means(lambda m: m[1] / m[0] ** 2 - 3, moments)
