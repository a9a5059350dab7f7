"""Layers one after the other: the network itself."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np
from jaxtyping import Array, ArrayLike, DTypeLike, Shaped

from widthwise.networks.chain import Chain
from widthwise.networks.chain_kernel import as_chain, chain_kernel
from widthwise.networks.conv_kernel import conv_kernel, large_chain
from widthwise.networks.inputs import checked_inputs, features_of, spoiled
from widthwise.networks.kernel_operator import KernelOperator, Which, default_size
from widthwise.networks.layer import Layer, walk
from widthwise.networks.masks import check_unmoved
from widthwise.networks.parametrization import NTK, Parametrization
from widthwise.networks.place import Features, Place
from widthwise.networks.residual import Residual
from widthwise.networks.spatial_state import SpatialState, State, spatial_state
from widthwise.networks.state import Kernel, dense_state
from widthwise.networks.table import ParameterRow, parameter_rows
from widthwise.numerics.devices import Device, chosen_devices
from widthwise.numerics.draws import Draws
from widthwise.numerics.memory import as_bytes, refuse_beyond_memory


@dataclass(frozen=True, init=False, repr=False)
class Sequential(Layer):
    """Layers applied in order; the outermost one is the network.

    The layer with weights that ends the outermost Sequential, usually Dense, is the output layer:
    its width is the number of outputs. All other widths are those that grow. A network that ends
    otherwise has no output layer and returns features.

    Parameters
    ----------
    layers
        The layers; a Sequential among them is a group, and takes no parametrization.
    parametrization
        That of the whole network; NTK() if none is given.

    Examples
    --------
    >>> import jax, widthwise.networks as nets
    >>> net = nets.Sequential(nets.Dense(64), nets.Relu(), nets.Dense(1))
    >>> model = net.init(jax.random.key(0), (3,))
    >>> model(jax.numpy.ones(3)).shape
    (1,)
    >>> net.kernel(jax.numpy.ones((2, 3))).nngp.shape
    (2, 2)
    """

    layers: tuple[Layer, ...]
    parametrization: Parametrization | None

    def __init__(self, *layers: Layer, parametrization: Parametrization | None = None) -> None:
        if not layers:
            raise ValueError("Sequential was given no layers: give at least one")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"Sequential was given {layer!r}, which is not a Layer")
        if parametrization is not None and not isinstance(parametrization, Parametrization):
            raise TypeError(f"parametrization is {parametrization!r}: call one, for example NTK()")
        for inner in (inner for layer in layers for inner in walk(layer)):
            if isinstance(inner, Sequential) and inner.parametrization is not None:
                raise ValueError(
                    "a Sequential inside another has its own parametrization: give it to the "
                    "outermost only"
                )
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "parametrization", parametrization)

    def __repr__(self) -> str:
        parts = [repr(layer) for layer in self.layers]
        if self.parametrization is not None:
            parts.append(f"parametrization={self.parametrization!r}")
        return f"Sequential({', '.join(parts)})"

    # ------------------------------------------------------------------ the network as a whole

    @property
    def place(self) -> Place:
        """Place of the outermost Sequential."""
        depth = sum(isinstance(layer, Residual) for layer in walk(self))
        return Place(self.parametrization or NTK(), last=True, depth=depth)

    def init(
        self, key: jax.Array, shape: tuple[int, ...], *, dtype: DTypeLike | None = None
    ) -> Chain:
        """Draw a finite network.

        Parameters
        ----------
        key
            A random key: the weights depend on nothing else but the shapes and the dtype.
        shape
            Shape of ONE example.
        dtype
            Floating type of the weights; JAX's default if None.

        Returns
        -------
        An Equinox module: ``model(x)`` maps one example, ``jax.vmap(model)`` a batch.
        """
        features = features_of(shape, dtype)
        self.output(features, self.place)
        return self.build(Draws(key), features, self.place)

    def kernel(
        self,
        x1: Shaped[ArrayLike, "..."],
        x2: Shaped[ArrayLike, "..."] | None = None,
        *,
        diagonal: bool = False,
        mask1: Shaped[ArrayLike, "..."] | None = None,
        mask2: Shaped[ArrayLike, "..."] | None = None,
    ) -> Kernel:
        """Kernels of the network as its widths grow; see :class:`Kernel` for what they are.

        Parameters
        ----------
        x1, x2
            Inputs, (n, features) and (m, features), or with positions (n, length, channels) or
            (n, height, width, channels); ``x2=None`` means x1 again.
        diagonal
            Only the pairs (x1[i], x2[i]), for batches of equal length.
        mask1, mask2
            For examples of unequal length, padded to one: booleans (n, *positions) and
            (m, *positions), True where a position is real; None if all are. What stands in the
            padding does not matter.

        Returns
        -------
        ``Kernel(nngp, ntk)``, each (n, m), or (n,) with ``diagonal``. A network whose outputs have
        positions P gives the kernels of all pairs of them, (n, m, *P, *P) or (n, *P, *P).

        Notes
        -----
        Kernels of all pairs of positions are computed only if a layer combines positions of which
        kernels are wanted, as pooling does; between convolutions and a :class:`Flatten`, only
        those of a position with itself. Of many known images, networks that begin with blocks of a
        convolution and an activation are computed without holding all pairs; see `conv_kernel`.

        With masks, padding is zero at the inputs and after every layer: convolutions and windows
        read zeros there, attention and averages leave it out, and :class:`Flatten` keeps it. A
        window of padding ``"VALID"`` is real where all its positions are. Padded behind its end,
        an example has the kernels that it has without padding (up to :class:`Flatten`, which
        counts all positions). Windows whose place depends on an example's own length are refused.

        Inside ``jax.jit`` values cannot be refused: of an input with a number that is not finite
        all kernels are NaN.
        """
        x1, x2, mask1, mask2 = checked_inputs(x1, x2, mask1=mask1, mask2=mask2)
        if diagonal and x2 is not None and len(x1) != len(x2):
            raise ValueError(
                f"diagonal pairs x1[i] with x2[i], but there are {len(x1)} and {len(x2)} of them"
            )
        features = features_of(x1.shape[1:], x1.dtype)
        self.output(features, self.place)
        if x1.ndim == 2:
            if chain := as_chain(self._flat(self.place), features):
                found = Kernel(*chain_kernel(chain, x1, x2, diagonal=diagonal))
                return spoiled(found, x1, x2, diagonal=diagonal)
            state = dense_state(x1, x2, diagonal=diagonal)
        elif (mask1 is None and mask2 is None) and (
            found := conv_kernel(self._flat(self.place), x1, x2, diagonal=diagonal)
        ):
            return found
        else:
            aligned = not self.needs_all_positions(True)
            if not aligned:
                self._check_memory(x1, x1 if x2 is None else x2, diagonal)
            state = spatial_state(x1, x2, diagonal=diagonal, aligned=aligned)
            state = replace(state, mask1=mask1, mask2=mask2)
        state = self.propagate(state, self.place)
        return spoiled(Kernel(state.nngp, state.ntk), x1, x2, diagonal=diagonal)

    def _check_memory(self, x1: Array, x2: Array, diagonal: bool) -> None:
        """Refuse kernels of all pairs of positions that cannot be held."""
        features, most = features_of(x1.shape[1:], x1.dtype), 0
        for layer, where in self._placed(self.place):
            most = max(most, math.prod(features.shape[:-1]))
            features = layer.output(features, where)
        pairs = len(x1) * (1 if diagonal else len(x2)) + len(x1) + len(x2)
        # The state has two kernels of these; a layer reads one state and writes another.
        refuse_beyond_memory(
            4 * pairs * most**2 * x1.dtype.itemsize,
            f"kernels of all pairs of {most} positions for {len(x1)} and {len(x2)} examples",
            "give fewer examples at a time, take kernel_operator(x1, x2) with a small tile, or end "
            "the network with Flatten instead of pooling and attention",
        )

    def kernel_operator(
        self,
        x1: Shaped[ArrayLike, "..."],
        x2: Shaped[ArrayLike, "..."] | None = None,
        *,
        which: Which = "ntk",
        tile: int | None = None,
        memory: str | int = 0,
        devices: Sequence[Device] | None = None,
        mask1: Shaped[ArrayLike, "..."] | None = None,
        mask2: Shaped[ArrayLike, "..."] | None = None,
    ) -> KernelOperator:
        """Return one kernel as an operator that never holds n x m numbers.

        Parameters
        ----------
        x1, x2
            As for :meth:`kernel`.
        which
            ``"ntk"`` or ``"nngp"``.
        tile
            Inputs on each side of the tiles that are computed at once; chosen if None.
        memory
            Bytes of tiles that may be kept between products, such as ``"8GB"``: a symmetric
            operator of n inputs has n (n + 1) / 2 entries.
        devices
            Where products and the whole matrix are computed; all of this process if None.
        mask1, mask2
            Which positions are real, as for :meth:`kernel`.

        Returns
        -------
        ``operator @ v``, ``operator.block(rows, columns)``, ``operator.diagonal()``; see
        :class:`KernelOperator`.

        Raises
        ------
        ValueError
            If the inputs do not fit, or an argument is none of the accepted ones.

        Examples
        --------
        >>> import numpy as np, widthwise.networks as nets
        >>> net = nets.Sequential(nets.Dense(64), nets.Relu(), nets.Dense(1))
        >>> operator = net.kernel_operator(np.eye(3))
        >>> operator.shape, (operator @ np.ones(3)).shape, operator.block([0], [1, 2]).shape
        ((3, 3), (3,), (1, 2))
        """
        x1, x2, mask1, mask2 = checked_inputs(x1, x2, mask1=mask1, mask2=mask2)
        if which not in ("nngp", "ntk"):
            raise ValueError(f"which is {which!r}: give 'nngp' or 'ntk'")
        if tile is not None and tile < 1:
            raise ValueError(f"tile is {tile}: give at least 1 input, or None")
        features = features_of(x1.shape[1:], x1.dtype)
        outputs = self.output(features, self.place).shape
        if len(outputs) != 1:
            raise ValueError(
                f"the outputs have positions, {outputs[:-1]}: an operator needs one number for "
                "each pair of inputs; end the network with Flatten or GlobalAvgPool and Dense"
            )
        found, images = chosen_devices(devices), None
        if x1.ndim > 2 and mask1 is None:
            pairs = len(x1) * len(x1 if x2 is None else x2)
            images = large_chain(self._flat(self.place), features, pairs)
        return KernelOperator(
            net=self,
            chain=as_chain(self._flat(self.place), features) if x1.ndim == 2 else None,
            x1=np.asarray(x1),
            x2=None if x2 is None else np.asarray(x2),
            which=which,
            size=tile or default_size(x1.shape[1:], found, images),
            memory=as_bytes("memory", memory),
            devices=found,
            mask1=None if mask1 is None else np.asarray(mask1),
            mask2=None if x2 is None or mask2 is None else np.asarray(mask2),
            images=images,
        )

    def at_width(self, width: int) -> "Sequential":
        """Return the network with every width but the number of outputs set to ``width``."""
        return self.resized(width, self.place)

    def parameter_table(self, shape: tuple[int, ...]) -> list[ParameterRow]:
        """List every array of parameters with its role and scales.

        Parameters
        ----------
        shape
            Shape of one example.
        """
        return parameter_rows(jax.eval_shape(lambda: self.init(jax.random.key(0), shape)))

    # ------------------------------------------------------------------ the network as a layer

    def _placed(self, place: Place) -> list[tuple[Layer, Place]]:
        """Pair each layer with its place: only the final one can end the network."""
        places = [place.inside()] * (len(self.layers) - 1) + [place]
        return list(zip(self.layers, places, strict=True))

    def _flat(self, place: Place) -> Iterator[tuple[Layer, Place]]:
        """Pair with their places all layers, also those of a Sequential inside this one."""
        for layer, where in self._placed(place):
            if isinstance(layer, Sequential):
                yield from layer._flat(where)
            else:
                yield layer, where

    def output(self, features: Features, place: Place) -> Features:
        """See :class:`Layer`."""
        for layer, where in self._placed(place):
            features = layer.output(features, where)
        return features

    def build(self, draws: Draws, features: Features, place: Place) -> Chain:
        """See :class:`Layer`."""
        modules = []
        for layer, where in self._placed(place):
            modules.append(layer.build(draws, features, where))
            features = layer.output(features, where)
        return Chain(tuple(modules))

    def propagate(self, state: State, place: Place) -> State:
        """See :class:`Layer`."""
        for layer, where in self._placed(place):
            state = layer.propagate(state, where)
            if isinstance(state, SpatialState) and state.mask1 is not None:
                check_unmoved(
                    type(layer).__name__, state.features.shape[:-1], state.mask1.shape[1:]
                )
                state = state.zeroed()
        return state

    def needs_all_positions(self, wanted: bool) -> bool:
        """See :class:`Layer`."""
        for layer in reversed(self.layers):
            wanted = layer.needs_all_positions(wanted)
        return wanted

    def resized(self, width: int, place: Place) -> "Sequential":
        """See :class:`Layer`."""
        layers = tuple(layer.resized(width, where) for layer, where in self._placed(place))
        return Sequential(*layers, parametrization=self.parametrization)
