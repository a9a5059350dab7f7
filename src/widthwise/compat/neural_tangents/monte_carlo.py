"""Kernels of infinitely wide networks from samples of finite ones."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Shaped

from widthwise.compat.neural_tangents.empirical import INTERNAL, OneExample
from widthwise.compat.neural_tangents.get import Get, answered
from widthwise.compat.neural_tangents.settings import only
from widthwise.compat.neural_tangents.triple import ApplyFn, InitFn, typed_key
from widthwise.ensembles import monte_carlo_kernel


@dataclass(frozen=True)
class _Draw:
    """Parameters of a user's network from a key; equal for equal functions and shapes."""

    init_fn: Callable[..., Any]
    shape: tuple[int, ...]

    def __call__(self, key: jax.Array) -> Any:
        return self.init_fn(key, self.shape)[1]


def monte_carlo_kernel_fn(
    init_fn: Callable[..., Any],
    apply_fn: Callable[..., Any],
    key: jax.Array,
    n_samples: int | Iterable[int],
    batch_size: int = 0,
    device_count: int = -1,
    store_on_device: bool = True,
    trace_axes: int | Sequence[int] = (-1,),
    diagonal_axes: int | Sequence[int] = (),
    vmap_axes: Any = None,
    implementation: int = 0,
    **internal: Any,
) -> Callable[..., Any]:
    """Make a function that averages the kernels of many finite networks.

    :func:`widthwise.monte_carlo_kernel` gives the standard errors too.

    Parameters
    ----------
    init_fn, apply_fn
        The network: ``init_fn(key, shape)`` and ``apply_fn(params, x)``, without Dropout.
    key
        A random key.
    n_samples
        Number of networks, at least 2; or several, which gives a generator of estimates.
    batch_size, device_count, store_on_device
        Not needed: networks are drawn one by one, in constant memory.
    trace_axes, diagonal_axes
        Kernels are averaged over the outputs, the only axis of the outputs of one example.
    vmap_axes, implementation, internal
        Not needed: examples are taken one by one, in the cheapest way.

    Returns
    -------
    ``kernel_fn(x1, x2, get, **settings of apply_fn)``, such as ``mask_constant``.

    Raises
    ------
    NotImplementedError
        For Dropout, other axes or outputs with positions.
    ValueError
        If there are fewer than 2 samples.
    """
    del batch_size, device_count, store_on_device, vmap_axes, implementation
    if unknown := sorted(internal.keys() - INTERNAL):
        raise TypeError(f"monte_carlo_kernel_fn has no argument {', '.join(unknown)}")
    instead = "average empirical_kernel_fn(apply_fn, trace_axes, diagonal_axes) over draws"
    only(
        "monte_carlo_kernel_fn",
        trace_axes=(_listed(trace_axes), [-1], instead),
        diagonal_axes=(_listed(diagonal_axes), [], instead),
    )
    counts = [n_samples] if isinstance(n_samples, int) else sorted(set(n_samples))
    if not counts or min(counts) < 2:
        raise ValueError(f"n_samples is {n_samples}: give at least 2 networks, errors need them")

    def estimate(
        x1: Array, x2: Array | None, get: Get, members: int, settings: dict[str, Any]
    ) -> Any:
        network = _network(init_fn, apply_fn, x1, settings)
        kernels = monte_carlo_kernel(network, x1, x2, key=typed_key(key), members=members)

        def compute(names: tuple[str, ...]) -> tuple[Array, ...]:
            return tuple(jnp.asarray(getattr(kernels, name).value, x1.dtype) for name in names)

        return answered(get, ("nngp", "ntk"), compute, kind="MonteCarloKernel")

    def kernel_fn(
        x1: Shaped[ArrayLike, "..."],
        x2: Shaped[ArrayLike, "..."] | None = None,
        get: Get = None,
        **settings: Any,
    ) -> Any:
        first, second = jnp.asarray(x1), None if x2 is None else jnp.asarray(x2)
        if isinstance(n_samples, int):
            return estimate(first, second, get, n_samples, settings)
        return _each(lambda members: estimate(first, second, get, members, settings), counts)

    return kernel_fn


def _each(estimate: Callable[[int], Any], counts: list[int]) -> Iterator[Any]:
    for members in counts:
        yield estimate(members)


def _network(
    init_fn: Callable[..., Any],
    apply_fn: Callable[..., Any],
    x: Array,
    settings: dict[str, Any],
) -> Any:
    """Give the network as :func:`widthwise.monte_carlo_kernel` takes it."""
    draw = _Draw(init_fn, x.shape)
    f = partial(apply_fn, **settings) if settings else apply_fn
    outputs = jax.eval_shape(lambda key: f(draw(key), x), jax.random.key(0))
    if outputs.ndim != 2:
        raise NotImplementedError(
            f"outputs of shape {outputs.shape} are not offered: end the network with Flatten or "
            "a global pooling, or average empirical_kernel_fn over draws"
        )
    if isinstance(init_fn, InitFn) and isinstance(apply_fn, ApplyFn):
        apply_fn.architecture.require_no_dropout()
        if init_fn.architecture is apply_fn.architecture and not settings:
            return init_fn.architecture.layer
    return draw, OneExample(f)


def _listed(axes: int | Sequence[int]) -> list[int]:
    return [axes] if isinstance(axes, int) else list(axes)
