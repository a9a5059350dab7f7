"""Random reversible circuits, and how often one never maps 0...0 endings to 0...0 endings.

A circuit acts on ``3 n`` wires. In each layer every wire is used once: the wires are dealt at
random to ``n`` gates of three wires, and each gate is a uniform element of the ``8!`` permutations
of ``{0, 1}^3``. *Property P*: none of the ``2^(2 n)`` inputs whose last ``n`` bits are zero has an
output whose last ``n`` bits are zero.

Source: E. Neyman, "A computational no-coincidence principle" (Alignment Research Center, 2025).
"""

import math
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key, UInt32

from widthwise.numerics.draws import Draws, numbered_keys

_LARGEST_EXHAUSTIVE = 10  # 2^20 special inputs


class ReversibleCircuit(eqx.Module):
    """Layers of three-wire permutation gates, applied in order.

    Attributes
    ----------
    wires
        ``wires[l, g]`` are the three wires that gate ``g`` of layer ``l`` reads and writes; the
        wires of one layer are all different.
    tables
        ``tables[l, g, i]`` is the output pattern of that gate for input pattern ``i``; a pattern
        is ``4 a + 2 b + c`` for bits ``a, b, c`` on the wires in the order given.
    """

    wires: Int[Array, "layers gates 3"]
    tables: Int[Array, "layers gates 8"]

    @property
    def width(self) -> int:
        """The number of wires."""
        return 3 * self.wires.shape[1]

    @property
    def layers(self) -> int:
        """The number of layers."""
        return self.wires.shape[0]

    def inverse(self) -> "ReversibleCircuit":
        """Return the circuit that undoes this one: the layers reversed, each gate inverted."""
        return ReversibleCircuit(self.wires[::-1], jnp.argsort(self.tables, axis=-1)[::-1])


def random_reversible(key: jax.Array, n: int, layers: int) -> ReversibleCircuit:
    """Draw a random circuit on ``3 n`` wires, ``n`` gates to a layer.

    Parameters
    ----------
    key
        JAX random key.
    n
        Number of gates in a layer, a third of the number of wires; at least 1.
    layers
        Number of layers, at least 1. Neyman suggests ``n**2``, not yet mixed at small ``n``.

    Returns
    -------
    ReversibleCircuit

    Raises
    ------
    ValueError
        If ``n`` or ``layers`` is below 1.

    Examples
    --------
    >>> import jax
    >>> circuit = random_reversible(jax.random.key(0), 2, 4)
    >>> circuit.width, circuit.layers
    (6, 4)
    """
    _require_positive(n=n, layers=layers)
    return _draw(key, n, layers)


def apply(
    circuit: ReversibleCircuit, bits: Bool[Array, "*batch wires"]
) -> Bool[Array, "*batch wires"]:
    """Run the circuit on bits, the wires along the last axis.

    Parameters
    ----------
    circuit
        The circuit.
    bits
        One bit for each wire, any number of leading batch axes.

    Returns
    -------
    Bool[Array, "*batch wires"]
        The outputs, in the same layout.

    Raises
    ------
    ValueError
        If the last axis of ``bits`` is not the circuit's number of wires.
    """
    if bits.shape[-1] != circuit.width:
        raise ValueError(
            f"got {bits.shape[-1]} bits for a circuit of {circuit.width} wires; "
            "put one bit for each wire along the last axis"
        )
    return _run(circuit, bits)


def special_inputs(n: int) -> Bool[Array, "inputs wires"]:
    """Build all ``2^(2 n)`` inputs on ``3 n`` wires whose last ``n`` bits are zero."""
    _require_positive(n=n)
    if n > _LARGEST_EXHAUSTIVE:
        raise ValueError(
            f"n = {n} means 2^{2 * n} inputs; exhaustive counting takes n <= {_LARGEST_EXHAUSTIVE}"
        )
    numbers = np.arange(4**n)
    free = (numbers[:, None] >> np.arange(2 * n)[::-1][None, :]) & 1
    return jnp.asarray(np.concatenate([free, np.zeros((4**n, n), int)], axis=1), bool)


def count_violations(circuit: ReversibleCircuit) -> Int[Array, ""]:
    """Count the inputs ending in ``n`` zeros whose outputs end in ``n`` zeros.

    The circuit has property P exactly when the count is zero.
    """
    n = circuit.width // 3
    outputs = apply(circuit, special_inputs(n))
    return jnp.sum(~jnp.any(outputs[:, 2 * n :], axis=1))


def measure_property(
    key: jax.Array, n: int, layers: int, *, circuits: int, batch_size: int = 1024
) -> Int[np.ndarray, " layers"]:
    """Count how many of ``circuits`` random circuits have property P after each of their layers.

    Every circuit is evaluated on all special inputs. Its first ``l`` layers are a random circuit of
    ``l`` layers, so one pass serves all depths.

    Parameters
    ----------
    key
        JAX random key; circuit ``i`` depends on ``fold_in(key, i)`` alone.
    n, layers
        Shape of the circuits, as for `random_reversible`; ``n`` at most 10.
    circuits
        Number of circuits, at least 1.
    batch_size
        Circuits evaluated side by side: it bounds memory and does not change the result.

    Returns
    -------
    Int[np.ndarray, " layers"]
        Entry ``l - 1`` is the number of circuits whose first ``l`` layers have property P.

    Raises
    ------
    ValueError
        If a number is below 1 or ``n`` exceeds 10.

    Examples
    --------
    >>> import jax
    >>> measure_property(jax.random.key(0), 1, 2, circuits=8).shape
    (2,)
    """
    _require_positive(n=n, layers=layers, circuits=circuits, batch_size=batch_size)
    special_inputs(n)  # refuses an impossible size before anything is compiled
    batch_size = min(batch_size, circuits)
    hits = np.zeros(layers, int)
    for start in range(0, circuits, batch_size):
        keys = numbered_keys(key, start, start + batch_size)
        holds = _holds(keys, n=n, layers=layers)
        hits += np.sum(np.asarray(holds[: circuits - start]), axis=0)
    return hits


def permutation_probability(n: int) -> float:
    """Probability of property P for a uniformly random permutation of ``{0, 1}^(3 n)``.

    The images of the ``M = 2^(2 n)`` special inputs are drawn *without* replacement from
    ``T = 2^(3 n)`` outputs, of which ``M`` are forbidden:
    ``binomial(T - M, M) / binomial(T, M) = prod_{i < M} (1 - M / (T - i))``.

    Parameters
    ----------
    n
        A third of the number of wires, 1 to 10.

    Returns
    -------
    float

    Examples
    --------
    >>> round(permutation_probability(1) * 70, 12)
    1.0
    """
    special = len(special_inputs(n))
    remaining = 8**n - np.arange(special)
    return float(np.exp(np.sum(np.log1p(-special / remaining))))


def independent_probability(n: int) -> float:
    """Probability of property P were the outputs independent: ``(1 - 2^-n)^(2^(2 n))``.

    The heuristic ``exp(-2^n)`` of the conjecture. It is about twice the value of
    `permutation_probability`, for it samples with replacement.

    Examples
    --------
    >>> independent_probability(1)
    0.0625
    """
    _require_positive(n=n)
    return math.exp(4**n * math.log1p(-(2.0**-n)))


def _draw(key: jax.Array, n: int, layers: int) -> ReversibleCircuit:
    """Draw every permutation of the circuit as the ranks of independent random numbers."""
    numbers = Draws(key).bits((layers, 11 * n))
    wires = _ranks(numbers[:, : 3 * n]).reshape(layers, n, 3)
    tables = _ranks(numbers[:, 3 * n :].reshape(layers, n, 8))
    return ReversibleCircuit(wires, tables)


def _ranks(numbers: UInt32[Array, "*batch k"]) -> Int[Array, "*batch k"]:
    """Rank each number among the few, without the sort that is slow to compile."""
    size = numbers.shape[-1]
    mine, other = numbers[..., :, None], numbers[..., None, :]
    earlier = jnp.broadcast_to(jnp.tri(size, k=-1, dtype=bool), (*numbers.shape, size))
    return jnp.sum((other < mine) | ((other == mine) & earlier), axis=-1)


@jax.jit
def _run(circuit: ReversibleCircuit, bits: Bool[Array, "*batch wires"]) -> Array:
    """Push all inputs through one layer after the other."""
    # Wires come first, so that reading a wire reads a row.
    flat = jnp.asarray(bits, jnp.uint8).reshape(-1, circuit.width).T

    flat, _ = jax.lax.scan(_layer, flat, (circuit.wires, circuit.tables))
    return flat.T.reshape(bits.shape).astype(bool)


def _layer(state: Array, gates: tuple[Array, Array]) -> tuple[Array, None]:
    """Apply one layer of gates to bits, wires first: gathers are rows."""
    wires, tables = gates
    read = state[wires]  # gates, 3, inputs
    pattern = 4 * read[:, 0] + 2 * read[:, 1] + read[:, 2]
    out = jnp.take_along_axis(tables, pattern.astype(jnp.int32), axis=1).astype(jnp.uint8)
    written = jnp.stack([out >> 2, (out >> 1) & 1, out & 1], axis=1)
    return state.at[wires].set(written, unique_indices=True), None


@partial(jax.jit, static_argnames=("n", "layers"))
def _holds(keys: Key[Array, " circuits"], *, n: int, layers: int) -> Bool[Array, "circuits layers"]:
    """Tell for each circuit, and after each layer, whether the circuit has property P."""
    inputs = special_inputs(n).astype(jnp.uint8).T

    def holds(key: Array) -> Array:
        circuit = _draw(key, n, layers)

        def step(state: Array, gates: tuple[Array, Array]) -> tuple[Array, Array]:
            state, _ = _layer(state, gates)
            return state, jnp.all(jnp.any(state[2 * n :] > 0, axis=0))

        return jax.lax.scan(step, inputs, (circuit.wires, circuit.tables))[1]

    return jax.vmap(holds)(keys)


def _require_positive(**numbers: int) -> None:
    """Raise if a named number is below 1."""
    for name, value in numbers.items():
        if value < 1:
            raise ValueError(f"{name} = {value} was given; {name} must be at least 1")
