"""What to keep of a sampled network besides its outputs."""

from collections.abc import Callable

import equinox as eqx
import jax
from jaxtyping import Array, Float

from widthwise.networks import Affine
from widthwise.networks.examples import over_examples


def preactivations(
    model: eqx.Module, x: Float[Array, "n *shape"]
) -> tuple[Float[Array, "n _"], ...]:
    """Observe what leaves every Dense layer of a network, in forward order.

    Parameters
    ----------
    model
        A finite network, from ``net.init``.
    x
        Inputs, examples first.

    Returns
    -------
    One array (examples, width) per Dense layer; the last is the output if a Dense layer ends
    the network.
    """

    def one(example: Array) -> tuple[Array, ...]:
        seen: list[Array] = []

        def tapped(node: Affine | Array) -> Callable[[Array], Array] | Array:
            if not isinstance(node, Affine):
                return node

            def run(z: Array) -> Array:
                seen.append(node(z))
                return seen[-1]

            return run

        watched = jax.tree.map(tapped, model, is_leaf=lambda node: isinstance(node, Affine))
        watched(example)
        return tuple(seen)

    return over_examples(one, x)
