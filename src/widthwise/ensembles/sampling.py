"""Many finite networks at initialization, evaluated on the same inputs."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Inexact, Key, PyTree, UInt

from widthwise.networks import Sequential
from widthwise.networks.examples import over_examples
from widthwise.numerics.devices import WIDE_VECTORS, Device, chosen_devices, everywhere, spread
from widthwise.numerics.threads import cores, on_threads

Observe = Callable[[eqx.Module, Array], PyTree]


def outputs(model: eqx.Module, x: Float[Array, "n *shape"]) -> Float[Array, "n *outputs"]:
    """Observe the outputs of a network on a batch of inputs."""
    return over_examples(model, x)  # pyright: ignore[reportArgumentType]


def sample(
    net: Sequential,
    x: Float[Array, "n *shape"],
    *,
    key: Key[Array, "..."],
    members: int | tuple[int, int] | None = None,
    observe: Observe | None = None,
    batch_size: int | None = None,
    devices: Sequence[Device] | None = None,
) -> PyTree[Inexact[Array, "members ..."] | Array]:
    """Draw many networks and observe each of them on the same inputs.

    Parameters
    ----------
    net
        The architecture.
    x
        Inputs, examples first; the networks take their dtype.
    key
        One key, or an array of keys, one per member.
    members
        Number of members, or a range (start, stop) of them: member i has the key
        ``jax.random.fold_in(key, i)``. Left out if ``key`` is an array of keys.
    observe
        What to keep of each network: a function ``observe(model, x)`` of arrays, see
        :func:`outputs` (the default) and :func:`preactivations`. Pass the same function object
        every time: a new one is compiled anew.
    batch_size
        Members evaluated side by side. None takes as many as fit in a core's cache, which was
        measured to be the fastest, or in a part of an accelerator's memory.
    devices
        Which compute, each its part of the members; all that this process has if None.

    Returns
    -------
    What ``observe`` returns, every array with a leading axis for the members. The numbers of a
    member depend on its own key alone; ``batch_size``, ``devices`` and the other members change at
    most their rounding.

    Raises
    ------
    TypeError
        If the inputs are traced.
    ValueError
        If there are no members or devices, or inputs that do not fit the network.

    Notes
    -----
    On a CPU one Python thread per core works on its share of the members, each in cache-sized
    batches, since XLA runs small operations on one core.

    Examples
    --------
    >>> import jax, widthwise as ww
    >>> net = ww.Sequential(ww.Dense(16), ww.Relu(), ww.Dense(1))
    >>> sample(net, jax.numpy.ones((5, 3)), key=jax.random.key(0), members=100).shape
    (100, 5, 1)
    """
    found = chosen_devices(devices)
    cpu = found[0].platform == "cpu"
    count, workers = _count(key, members), cores() if cpu and len(found) == 1 else len(found)
    if batch_size is None:
        batch_size = min(_fitting_batch(net, x.shape[1:], cpu=cpu), -(-count // workers))
    try:
        np.asarray(x[:0])
    except jax.errors.TracerArrayConversionError:
        raise TypeError(
            "sample works on numbers, and x is traced: call it outside of jax.jit and jax.grad, "
            "or use jax.vmap of net.init over keys there"
        ) from None
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}: give a number of at least 1")
    steps = -(-count // (workers * batch_size))
    if len(found) == 1:
        workers = -(-count // (steps * batch_size))
    # Every worker compiles to the same shape: the last batches repeat members from the start.
    index = (np.arange(workers * steps * batch_size) % count).astype(np.uint32)
    if members is not None:
        index += 0 if isinstance(members, int) else members[0]
    run = partial(_program(net, observe or outputs, found), *everywhere((x, key), found))
    parts = list(index.reshape(-1, len(found), steps, batch_size))
    return _join(on_threads(run, parts), count)


@lru_cache(maxsize=256)
def _program(
    net: Sequential, observe: Observe, devices: tuple[Device, ...]
) -> Callable[[Array, Key[Array, "..."], UInt[np.ndarray, "devices steps batch"]], PyTree]:
    """Compile what observes the members of one worker, on each device batch after batch.

    Kept here, since what `eqx.filter_jit` does in every call takes as long as 30 narrow networks.
    """

    def run(x: Array, key: Key[Array, "..."], index: Array) -> PyTree:
        def one(key: jax.Array) -> PyTree:
            return observe(net.init(key, x.shape[1:], dtype=x.dtype), x)

        def part(index: Array) -> PyTree:
            fold = jax.vmap(jax.vmap(partial(jax.random.fold_in, key)))
            result = lax.map(jax.vmap(one), key[index[0]] if key.ndim else fold(index[0]))
            return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), result)

        return spread(part, devices)(index)

    return jax.jit(run, compiler_options=WIDE_VECTORS if devices[0].platform == "cpu" else None)


@partial(jax.jit, static_argnums=1)
def _join(parts: tuple[PyTree, ...], count: int) -> PyTree:
    """Put the workers' members behind each other and drop what was repeated."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[:count], *parts)


def _count(key: jax.Array, members: int | tuple[int, int] | None) -> int:
    """Check that key and members fit together, and count the members."""
    if members is None:
        if key.ndim != 1 or len(key) == 0:
            raise ValueError(
                "without members, key must be an array of keys, one per member: "
                f"this one has shape {key.shape}"
            )
        return len(key)
    if key.ndim != 0:
        raise ValueError("key is an array of keys, one per member: leave members out")
    start, stop = (0, members) if isinstance(members, int) else members
    if not 0 <= start < stop:
        raise ValueError(f"members is {members}: give a number, or a range, of at least one")
    return stop - start


@lru_cache(maxsize=256)
def _fitting_batch(net: Sequential, shape: tuple[int, ...], *, cpu: bool) -> int:
    """Count the networks whose weights fit in a core's cache (1 MB), or a GPU's memory (1 GB)."""
    weights = sum(math.prod(row.shape) for row in net.parameter_table(shape))
    numbers, most = (2**18, 32) if cpu else (2**28, 2**14)
    return max(1, min(most, numbers // weights))
