"""Run a sparse ReLU network in JAX: as an Equinox module, on one example or a batch."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, DTypeLike, Float, Int, Num, Shaped

from widthwise.circuits.exactness import require_exact
from widthwise.circuits.network import ReluNetwork
from widthwise.circuits.tiles import tiles


class SparseNetwork(eqx.Module):
    """A sparse ReLU network of any depth, as one loop over tiles of rows.

    Weights and biases are leaves, so that the network can be trained, perturbed and put into other
    modules; what is not connected stays unconnected, for its derivative is zero. Sums of products
    that are exact in the number format come out exact in any order: no matrix product is used,
    whose precision an accelerator would choose.

    Attributes
    ----------
    weight
        Weights, padded.
    bias
        Biases, padded.
    """

    weight: Num[Array, "tiles rows terms"]
    bias: Num[Array, "tiles rows"]
    _read: Int[np.ndarray, "tiles rows terms"]
    _linear: Shaped[np.ndarray, "tiles rows"]
    _write: Int[np.ndarray, " tiles"]
    inputs: int = eqx.field(static=True)
    outputs: int = eqx.field(static=True)
    _memory: int = eqx.field(static=True)
    _first_input: int = eqx.field(static=True)
    _first_output: int = eqx.field(static=True)

    def __init__(self, network: ReluNetwork, dtype: DTypeLike = "float32") -> None:
        """Build from a network; see `to_equinox`."""
        cut = tiles(network)
        self.weight = jnp.asarray(_exactly(cut.weight, dtype, "a weight"))
        self.bias = jnp.asarray(_exactly(cut.bias, dtype, "a bias"))
        self._read, self._linear, self._write = cut.read, cut.linear, cut.write
        self.inputs, self.outputs = network.inputs, network.outputs
        self._memory = cut.memory
        self._first_input, self._first_output = cut.first_input, cut.first_output

    def __call__(self, x: Shaped[Array, " inputs"]) -> Num[Array, " outputs"]:
        """Run the network on one example."""
        return self._run(x[:, None])[:, 0]

    def batch(self, x: Shaped[Array, "batch inputs"]) -> Num[Array, "batch outputs"]:
        """Run the network on many examples: faster than `jax.vmap` of a single one."""
        return self._run(x.T).T

    def _run(self, x: Array) -> Array:
        """Examples stand along the last axis, so that reading an address reads a row."""
        memory = jnp.zeros((self._memory, x.shape[1]), self.weight.dtype)
        memory = jax.lax.dynamic_update_slice(
            memory, x.astype(self.weight.dtype), (self._first_input, 0)
        )
        parts = (self.weight, self.bias, self._read, self._linear, self._write)
        memory, _ = jax.lax.scan(_tile, memory, jax.tree.map(jnp.asarray, parts))
        return memory[self._first_output : self._first_output + self.outputs]


def _tile(memory: Array, parts: tuple[Array, ...]) -> tuple[Array, None]:
    weight, bias, read, linear, write = parts
    made = bias[:, None]
    for term in range(weight.shape[1]):
        made = made + weight[:, term, None] * memory[read[:, term]]
    made = jnp.where(linear[:, None], made, jax.nn.relu(made))
    return jax.lax.dynamic_update_slice(memory, made, (write, jnp.zeros_like(write))), None


def to_equinox(
    network: ReluNetwork, *, dtype: DTypeLike = "float32", exact: bool = True
) -> SparseNetwork:
    """Return a network as an Equinox module.

    Parameters
    ----------
    network
        The network.
    dtype
        Number format of weights and of the computation; float64 needs JAX's 64-bit mode.
    exact
        Refuse a format in which sums would round. Weights and biases are never rounded.

    Raises
    ------
    ValueError
        If a weight, bias or sum is not exact in that format, or JAX would not use it.
    """
    if jax.dtypes.canonicalize_dtype(dtype) != np.dtype(jnp.dtype(dtype)):
        raise ValueError(
            f"JAX computes in {jax.dtypes.canonicalize_dtype(dtype)} where {jnp.dtype(dtype)} is "
            "asked for: jax.config.update('jax_enable_x64', True) switches 64 bits on"
        )
    if exact:
        require_exact(network, jnp.dtype(dtype).name)
    return SparseNetwork(network, dtype)


def run(
    network: ReluNetwork | SparseNetwork,
    inputs: Shaped[np.ndarray, "batch inputs"],
    *,
    dtype: DTypeLike = "float32",
    batch_size: int = 1024,
) -> Float[np.ndarray, "batch outputs"]:
    """Run a network on a batch in JAX, some examples at a time.

    Parameters
    ----------
    network
        The network; one that was made by `to_equinox` is not compiled again.
    inputs
        One row for each example.
    dtype
        Number format, for a network that is not a module yet.
    batch_size
        Examples at a time: it bounds memory.

    Raises
    ------
    ValueError
        If an input is outside the range for which the network was made.
    """
    if isinstance(network, ReluNetwork):
        inputs = network.check(inputs)
        network = to_equinox(network, dtype=dtype)
    size = max(1, min(batch_size, len(inputs)))
    padded = np.zeros((-(-len(inputs) // size) * size, inputs.shape[1]), np.float64)
    padded[: len(inputs)] = inputs
    parts = [
        np.asarray(_batch(network, jnp.asarray(part, network.weight.dtype)))
        for part in padded.reshape(-1, size, inputs.shape[1])
    ]
    return np.concatenate([*parts, np.zeros((0, network.outputs))])[: len(inputs)].astype(float)


@eqx.filter_jit
def _batch(module: SparseNetwork, x: Array) -> Array:
    return module.batch(x)


def _exactly(numbers: np.ndarray, dtype: DTypeLike, what: str) -> np.ndarray:
    """Write numbers in a format, or refuse."""
    written = numbers.astype(jnp.dtype(dtype))
    wrong = written.astype(np.float64) != numbers
    if wrong.any():
        number = numbers[wrong][0]
        raise ValueError(f"{what} is {number!r}, which {jnp.dtype(dtype)} cannot hold exactly")
    return written
