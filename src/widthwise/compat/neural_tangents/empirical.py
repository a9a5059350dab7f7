"""Kernels of one finite network, and its expansion, as functions of (x1, x2, params)."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PyTree, Shaped

from widthwise import ensembles
from widthwise.compat.neural_tangents.get import Get, answered
from widthwise.compat.neural_tangents.outputs import contracted, output_axes
from widthwise.compat.neural_tangents.triple import ApplyFn

Axes = int | Sequence[int]


class NtkImplementation(enum.IntEnum):
    """Ways to compute a tangent kernel; they agree, and AUTO counts which is the cheapest."""

    AUTO = 0
    JACOBIAN_CONTRACTION = 1
    NTK_VECTOR_PRODUCTS = 2
    STRUCTURED_DERIVATIVES = 3


INTERNAL = {"_j_rules", "_s_rules", "_fwd"}
_METHODS = {0: "auto", 1: "jacobian", 2: "products", 3: "auto"}


def empirical_ntk_fn(
    f: Callable[..., Any],
    trace_axes: Axes = (-1,),
    diagonal_axes: Axes = (),
    vmap_axes: Any = None,
    implementation: NtkImplementation | int = NtkImplementation.AUTO,
    **internal: Any,
) -> Callable[..., Float[Array, "..."]]:
    """Make a function that computes tangent kernels of a finite network.

    Parameters
    ----------
    f
        ``f(params, x)`` of a batch, each of whose outputs depends on one example only.
    trace_axes
        Axes of the outputs over whose diagonal the kernel is averaged.
    diagonal_axes
        Axes of which only the diagonal is wanted; axis 0, pairs (x1[i], x2[i]) only.
    vmap_axes
        None or 0: examples are taken one by one in any case.
    implementation
        How to compute; here the default is to choose.
    internal
        Ignored: internals of the archived library.

    Returns
    -------
    ``ntk_fn(x1, x2, params, **settings of f)``, an array with the axes of both outputs in pairs.

    Raises
    ------
    ValueError, NotImplementedError
        For an unknown implementation, or other batch axes.
    """
    _check(vmap_axes, internal)
    if implementation not in _METHODS:
        raise ValueError(f"implementation is {implementation!r}: give 0, 1, 2 or 3")
    kernel = partial(ensembles.empirical_ntk, method=_METHODS[int(implementation)])
    return partial(_kernel, kernel, f, trace_axes, diagonal_axes)


def empirical_nngp_fn(
    f: Callable[..., Any], trace_axes: Axes = (-1,), diagonal_axes: Axes = ()
) -> Callable[..., Float[Array, "..."]]:
    """Make a function that multiplies outputs of a finite network; as :func:`empirical_ntk_fn`."""
    return partial(_kernel, ensembles.empirical_nngp, f, trace_axes, diagonal_axes)


def empirical_kernel_fn(
    f: Callable[..., Any],
    trace_axes: Axes = (-1,),
    diagonal_axes: Axes = (),
    vmap_axes: Any = None,
    implementation: NtkImplementation | int = NtkImplementation.AUTO,
    **internal: Any,
) -> Callable[..., Any]:
    """Make ``kernel_fn(x1, x2, get, params, **settings of f)`` of both kernels.

    Parameters and errors are those of :func:`empirical_ntk_fn`; ``get`` is ``"nngp"``, ``"ntk"``,
    a tuple of them, or None for both.
    """
    of = {
        "nngp": empirical_nngp_fn(f, trace_axes, diagonal_axes),
        "ntk": empirical_ntk_fn(
            f, trace_axes, diagonal_axes, vmap_axes, implementation, **internal
        ),
    }

    def kernel_fn(
        x1: Shaped[ArrayLike, "..."],
        x2: Shaped[ArrayLike, "..."] | None,
        get: Get,
        params: PyTree,
        **settings: Any,
    ) -> Any:
        def compute(names: tuple[str, ...]) -> tuple[Array, ...]:
            return tuple(of[name](x1, x2, params, **settings) for name in names)

        return answered(get, ("nngp", "ntk"), compute, kind="EmpiricalKernel")

    return kernel_fn


def empirical_ntk_vp_fn(
    f: Callable[..., Any],
    x1: Shaped[ArrayLike, "..."],
    x2: Shaped[ArrayLike, "..."] | None,
    params: PyTree,
    **settings: Any,
) -> Callable[[Float[Array, "m *outputs"]], Float[Array, "n *outputs"]]:
    """Tangent kernel as a function of vectors: :func:`widthwise.ensembles.ntk_vector_product`."""
    function, parameters = one_example(f, params, settings)
    return ensembles.ntk_vector_product(function, parameters, x1, x2)


def linearize(f: Callable[..., Any], params: PyTree) -> Callable[..., Any]:
    """First-order expansion of a function in its parameters: :func:`widthwise.linearize`."""
    return taylor_expand(f, params, 1)


def taylor_expand(f: Callable[..., Any], params: PyTree, degree: int) -> Callable[..., Any]:
    """Expansion of a function in its parameters: :func:`widthwise.taylor_expand`.

    Returns
    -------
    ``g(new_params, x, **settings of f)``.

    Raises
    ------
    TypeError, ValueError
        If ``f`` cannot be called, or the degree is no whole number of at least 0.
    """
    ensembles.taylor_expand(f, params, degree)  # errors now, not at the first call

    def expanded(new_params: PyTree, *args: Any, **settings: Any) -> Any:
        return ensembles.taylor_expand(partial(f, **settings), params, degree)(new_params, *args)

    return expanded


@dataclass(frozen=True)
class OneExample:
    """A function of parameters and a batch, on one example; equal for equal functions."""

    f: Callable[..., Any]

    def __call__(self, params: PyTree, x: Shaped[Array, "..."]) -> Any:
        """Evaluate."""
        return jax.tree.map(lambda y: y[0], self.f(params, x[None]))


def one_example(
    f: Callable[..., Any], params: PyTree, settings: dict[str, Any]
) -> tuple[Callable[..., Any], PyTree]:
    """Return a function of one example, and its parameters, as our functions take them.

    The parameters of our networks are such a function themselves, whose layers are then known.
    """
    if isinstance(f, ApplyFn) and isinstance(params, eqx.Module) and not settings:
        f.architecture.require_no_dropout()
        return params, None  # pyright: ignore[reportReturnType]
    return OneExample(partial(f, **settings) if settings else f), params


def _kernel(
    compute: Callable[..., Any],
    f: Callable[..., Any],
    trace_axes: Axes,
    diagonal_axes: Axes,
    x1: Shaped[ArrayLike, "..."],
    x2: Shaped[ArrayLike, "..."] | None,
    params: PyTree,
    **settings: Any,
) -> Float[Array, "..."]:
    first = jnp.asarray(x1)
    shape = jax.eval_shape(partial(f, **settings), params, first)
    function, parameters = one_example(f, params, settings)
    traced, diagonal = output_axes(getattr(shape, "ndim", 0), trace_axes, diagonal_axes)
    everything = traced == tuple(range(1, len(getattr(shape, "shape", ()))))
    kernel = compute(
        function, parameters, first, x2, diagonal=0 in diagonal, trace_outputs=everything
    )
    return kernel if everything else contracted(kernel, shape.ndim, traced, diagonal)


def _check(vmap_axes: Any, internal: dict[str, Any]) -> None:
    if vmap_axes not in (None, 0, (0, 0), (0, 0, {})):
        raise NotImplementedError(
            f"vmap_axes={vmap_axes!r} is not offered: give None or 0, with examples along the "
            "first axis of inputs and outputs"
        )
    if unknown := sorted(internal.keys() - INTERNAL):
        raise TypeError(f"there is no argument {', '.join(unknown)}")
