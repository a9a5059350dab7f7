"""Property P counted on finite random networks, by running each on every corner of the hypercube.

A network with ``n`` outputs *violates* at an input ``x`` in ``{-1, 1}^m`` when all its outputs are
below zero; it has property P when it violates nowhere.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, DTypeLike, Float, Int

from widthwise.activations import Activation
from widthwise.data import hypercube
from widthwise.ensembles.sampling import sample
from widthwise.networks import NTK, Dense, Elementwise, Sequential
from widthwise.networks.examples import over_examples

_CHUNK = 2**12  # inputs run side by side


@dataclass(frozen=True)
class ViolationCounts:
    """How often each of many networks violates.

    Attributes
    ----------
    counts
        Number of violations of each network; meaningless where it is not ``finite``.
    finite
        Whether every output of the network was a finite number. A network that overflowed says
        nothing about property P: report it, and leave it out of averages.
    """

    counts: Int[np.ndarray, " members"]
    finite: Bool[np.ndarray, " members"]

    @property
    def valid(self) -> Int[np.ndarray, " finite"]:
        """The counts of the finite networks."""
        return self.counts[self.finite]

    @property
    def non_finite(self) -> int:
        """How many networks gave a number that is not finite."""
        return int(np.sum(~self.finite))


def natural_network(phi: Activation, n_outputs: int, *, width: int, depth: int) -> Sequential:
    """Build a network whose pre-activations have variance one on inputs in ``{-1, 1}^m``.

    No biases; the first weights have variance ``1 / m`` and all later ones
    ``1 / (E[s(z)^2] fan_in)``, ``z ~ N(0, 1)``.

    Parameters
    ----------
    phi
        Activation.
    n_outputs
        Number of outputs.
    width
        Width of the hidden layers.
    depth
        Number of hidden layers, at least 1.

    Returns
    -------
    Sequential

    Raises
    ------
    ValueError
        If a number is below 1.

    Examples
    --------
    >>> from widthwise import activations
    >>> len(natural_network(activations.tanh(4.0), 4, width=64, depth=3).layers)
    7
    """
    for name, value in (("n_outputs", n_outputs), ("width", width), ("depth", depth)):
        if value < 1:
            raise ValueError(f"{name} = {value} was given; it must be at least 1")
    with jax.enable_x64(True):
        gain = float(phi.second_moment()) ** -0.5
    layers = [Dense(width), Elementwise(phi)]
    for _ in range(depth - 1):
        layers += [Dense(width, weight_std=gain), Elementwise(phi)]
    return Sequential(*layers, Dense(n_outputs, weight_std=gain), parametrization=NTK())


def count_violations(
    net: Sequential,
    m: int,
    *,
    key: jax.Array,
    members: int | tuple[int, int] | None = None,
    batch_size: int | None = None,
    dtype: DTypeLike = jnp.float32,
) -> ViolationCounts:
    """Count for many random networks the inputs at which all outputs are negative.

    Parameters
    ----------
    net
        The architecture, for example a `natural_network`.
    m
        Number of input bits, 1 to 20: all ``2^m`` inputs are run.
    key, members, batch_size
        As for `widthwise.ensembles.sample`.
    dtype
        Precision in which the networks are drawn and run; only signs are read.

    Returns
    -------
    ViolationCounts

    Raises
    ------
    ValueError
        If ``m`` is out of range.
    """
    x = hypercube(m).astype(dtype)
    counts, finite = sample(
        net, x, key=key, members=members, observe=_violations, batch_size=batch_size
    )
    return ViolationCounts(np.asarray(counts), np.asarray(finite))


def _violations(
    model: eqx.Module, x: Float[Array, "points m"]
) -> tuple[Int[Array, ""], Bool[Array, ""]]:
    """Count the violations of one network, and tell whether its outputs are finite."""

    def part(inputs: Array) -> tuple[Array, Array]:
        outputs = over_examples(model, inputs)  # pyright: ignore[reportArgumentType]
        return jnp.sum(jnp.all(outputs < 0, axis=1)), jnp.all(jnp.isfinite(outputs))

    counts, finite = jax.lax.map(part, x.reshape(-1, min(len(x), _CHUNK), x.shape[1]))
    return jnp.sum(counts), jnp.all(finite)
