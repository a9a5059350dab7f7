"""The triple of functions that stands for a layer or a network."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Shaped

from widthwise.compat.neural_tangents.blocks import Blocks
from widthwise.compat.neural_tangents.get import Get, answered
from widthwise.compat.neural_tangents.kernel import FIELDS, WHOLE, Kernel, analytic
from widthwise.compat.neural_tangents.masking import split_mask
from widthwise.compat.neural_tangents.steps import Single, Steps, network
from widthwise.networks import Dropout, Layer, Sequential
from widthwise.networks.keyed import call
from widthwise.networks.layer import walk


class Architecture:
    """What the three functions of a triple are functions of.

    Parameters
    ----------
    steps
        The layers, as they were written.
    """

    def __init__(self, steps: Steps) -> None:
        self.steps = steps

    @cached_property
    def layer(self) -> Sequential:
        """The network as a layer of this library."""
        return network(self.steps)

    @cached_property
    def drops(self) -> bool:
        """Whether the network has Dropout."""
        return any(isinstance(layer, Dropout) for layer in walk(self.layer))

    def require_no_dropout(self) -> None:
        """Raise ``ValueError`` if the outputs of a finite network are random."""
        if self.drops:
            raise ValueError(
                "the network has Dropout, so its outputs are random: give apply_fn a key, "
                "rng=..., or build it with Dropout(rate, mode='test')"
            )


class InitFn:
    """``init_fn(rng, input_shape)`` draws the parameters of a finite network."""

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture

    def __call__(self, rng: jax.Array, input_shape: Sequence[int]) -> tuple[tuple[int, ...], Any]:
        """Draw parameters.

        Parameters
        ----------
        rng
            A random key, of ``jax.random.key`` or ``jax.random.PRNGKey``.
        input_shape
            Shape of a batch of inputs; the number of examples is not used and may be -1.

        Returns
        -------
        Shape of a batch of outputs, and the parameters: an Equinox module that maps one example,
        a pytree of its weights like any other.

        Raises
        ------
        ValueError
            If the shape does not fit the network.
        """
        batch, *rest = input_shape
        shape = tuple(int(size) for size in rest)
        model = self.architecture.layer.init(typed_key(rng), shape)
        one = jax.ShapeDtypeStruct(shape, jnp.zeros(()).dtype)
        return (batch, *jax.eval_shape(model, one).shape), model


class ApplyFn:
    """``apply_fn(params, inputs, rng=None)`` evaluates a finite network on a batch."""

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture

    def __call__(
        self,
        params: Any,
        inputs: Shaped[ArrayLike, "..."],
        *,
        rng: jax.Array | None = None,
        mask_constant: float | int | None = None,
    ) -> Float[Array, "n *outputs"]:
        """Evaluate the network.

        Parameters
        ----------
        params
            What ``init_fn`` returned, or a pytree like it.
        inputs
            Examples along the first axis.
        rng
            Random key, for networks with Dropout only.
        mask_constant
            What stands in the padding of the inputs, possibly NaN; None if there is none. Outputs
            are plain arrays, zero in the padding.

        Raises
        ------
        ValueError
            If the network has Dropout and there is no key.
        """
        x, mask = split_mask(jnp.asarray(inputs), mask_constant)
        if rng is None:
            self.architecture.require_no_dropout()
        keys = None if rng is None else jax.random.split(typed_key(rng), len(x))

        def one(x: Array, mask: Array | None, key: jax.Array | None) -> Array:
            return call(params, x, key) if mask is None else params(x, key=key, mask=mask)

        return jax.vmap(one)(x, mask, keys)


class KernelFn:
    """``kernel_fn(x1, x2, get)`` computes the kernels of the infinitely wide network."""

    def __init__(self, architecture: Architecture, blocks: Blocks = WHOLE) -> None:
        self.architecture, self.blocks = architecture, blocks

    @property
    def layer(self) -> Sequential:
        """The network as this library writes it."""
        return self.architecture.layer

    def __call__(
        self,
        x1: Any,
        x2: Any = None,
        get: Get = None,
        *,
        mask_constant: float | int | None = None,
        **settings: Any,
    ) -> Any:
        """Compute kernels.

        Parameters
        ----------
        x1, x2
            Examples along the first axis; ``x2=None`` means x1 again.
        get
            ``"nngp"``, ``"ntk"`` or another field of :class:`Kernel`; a tuple of such names; or
            None for the whole Kernel.
        mask_constant
            What stands in the padding of the inputs, possibly NaN; None if there is none.
        settings
            Settings of the archived library, accepted at their defaults.

        Raises
        ------
        ValueError
            If a name is unknown, or the inputs do not fit each other or the network.
        TypeError, NotImplementedError
            For settings that are unknown or not offered, and inputs that are Kernels or lists.
        """
        _refuse_settings(settings)
        for x in (x1, x2):
            if isinstance(x, Kernel | list | tuple):
                raise NotImplementedError(
                    f"kernel_fn was given a {type(x).__name__}: give one array of inputs; to "
                    "apply one network after another, put both into one stax.serial"
                )

        def compute(names: tuple[str, ...]) -> tuple[Any, ...]:
            return analytic(
                self.layer, x1, x2, names, blocks=self.blocks, mask_constant=mask_constant
            )

        if get is None:
            return Kernel(*compute(FIELDS))
        return answered(get, FIELDS, compute, kind="AnalyticKernel")


_SETTINGS = {
    "pattern": (None, "give the matrix once, as the layer widthwise.Aggregate(adjacency)"),
    "diagonal_batch": (True, "take the pairs you want from the result"),
    "diagonal_spatial": (False, "take the diagonal of the result in its positions"),
    "rng": (None, "kernels of infinite networks are not random"),
}


def _refuse_settings(settings: dict[str, Any]) -> None:
    """Raise for keyword arguments that would change the kernels."""
    for name, value in settings.items():
        if name not in _SETTINGS:
            raise TypeError(
                f"kernel_fn has no argument {name!r}: give x1, x2 and get; of other settings "
                f"{', '.join(_SETTINGS)} are accepted at their defaults"
            )
        default, instead = _SETTINGS[name]
        if value is not None and value is not default:
            raise NotImplementedError(f"{name}={value!r} is not offered: {instead}")


class Triple(NamedTuple):
    """A layer or a network.

    Parameters
    ----------
    init_fn, apply_fn
        The finite network: ``init_fn(rng, input_shape)`` and ``apply_fn(params, inputs)``.
    kernel_fn
        The infinite one: ``kernel_fn(x1, x2, get)``.
    """

    init_fn: InitFn
    apply_fn: ApplyFn
    kernel_fn: KernelFn


def triple(*steps: Any) -> Triple:
    """Make the three functions of a list of steps."""
    architecture = Architecture(steps)
    return Triple(InitFn(architecture), ApplyFn(architecture), KernelFn(architecture))


def steps_of(owner: str, layer: Any) -> Steps:
    """Read a layer given to a combinator: a triple, or a layer of this library.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if isinstance(layer, Layer):
        return (Single(layer),)
    if isinstance(layer, tuple) and layer and isinstance(layer[-1], KernelFn):
        return layer[-1].architecture.steps
    name = getattr(layer, "__name__", None)
    hint = "give (init_fn, apply_fn, kernel_fn) of this stax, or a Widthwise layer"
    if callable(layer) and name:
        hint = f"call it, {name}(...)"
    raise TypeError(f"stax.{owner} was given {layer!r}: {hint}")


def typed_key(rng: jax.Array) -> jax.Array:
    """Return a random key of the new kind, whichever was given."""
    if jnp.issubdtype(rng.dtype, jax.dtypes.prng_key):
        return rng
    return jax.random.wrap_key_data(rng)
