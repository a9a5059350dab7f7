"""Kernels of infinitely wide networks, estimated from finite ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, ArrayLike, Key, Shaped

from widthwise.ensembles.running import running_mean
from widthwise.ensembles.tangent.kernel import empirical_nngp, empirical_ntk
from widthwise.ensembles.tangent.parametric import checked_inputs
from widthwise.networks import Kernel, Sequential
from widthwise.numerics.statistics import Estimate

Network = Sequential | tuple[Callable[[jax.Array], Any], Callable[..., Any]]


class MonteCarloKernel(NamedTuple):
    """Means over networks, each with its standard error.

    Parameters
    ----------
    nngp
        Products of outputs, averaged over the outputs.
    ntk
        Tangent kernel, averaged over the outputs.
    """

    nngp: Estimate
    ntk: Estimate


def monte_carlo_kernel(
    net: Network,
    x1: Shaped[ArrayLike, "..."],
    x2: Shaped[ArrayLike, "..."] | None = None,
    *,
    key: Key[Array, ""],
    members: int,
    method: str = "auto",
    batch_size: int | None = None,
) -> MonteCarloKernel:
    """Average the kernels of many finite networks at initialization.

    Parameters
    ----------
    net
        An architecture, or a pair (init, apply) of functions: ``init(key)`` draws parameters
        and ``apply(params, x)`` maps one example. Pass the same functions every time: new ones
        are compiled anew.
    x1, x2
        Examples along the first axis; ``x2=None`` means x1 again.
    key
        Member i has the key ``jax.random.fold_in(key, i)``.
    members
        Number of networks, at least 2. Nothing is compiled anew for another number, and the
        memory does not depend on it.
    method
        How tangent kernels are computed, see :func:`~widthwise.ensembles.empirical_ntk`.
    batch_size
        Networks side by side; None means one by one on a CPU and 16 on an accelerator.

    Returns
    -------
    ``MonteCarloKernel(nngp, ntk)``, each an Estimate with values (n, m). For an architecture the
    tangent kernel includes the learning-rate factors of its parametrization, as that of
    ``net.kernel`` does; for (init, apply) the factors are 1.

    Raises
    ------
    TypeError, ValueError
        As :func:`~widthwise.ensembles.empirical_ntk`; or if there are fewer than 2 members.

    Notes
    -----
    The mean differs from the kernel at infinite width by a bias of order depth / width, which
    no number of members removes: :func:`~widthwise.ensembles.kernel_convergence` shows it. The
    standard errors are those of the mean at the width that the networks have.

    Examples
    --------
    >>> import jax, widthwise as ww
    >>> net = ww.Sequential(ww.Dense(32), ww.Relu(), ww.Dense(1))
    >>> x = jax.numpy.ones((2, 3))
    >>> estimate = monte_carlo_kernel(net, x, key=jax.random.key(0), members=10)
    >>> estimate.ntk.value.shape, estimate.ntk.standard_error.shape
    ((2, 2), (2, 2))
    """
    first, second = checked_inputs(x1, x2, diagonal=False)
    draw = KernelDraw(_initializer(net, first), _apply(net), first, second, method)
    means = running_mean(draw, key, members, batch_size=side_by_side(batch_size))
    return MonteCarloKernel(*means)


class KernelDraw(eqx.Module):
    """Draw a network and take its kernels.

    Parameters
    ----------
    init
        Function from a key to parameters or a module.
    apply
        Function of parameters and one example; None if ``init`` returns a module.
    x1, x2, method
        As for :func:`monte_carlo_kernel`.
    """

    init: Callable[[jax.Array], Any] = eqx.field(static=True)
    apply: Callable[..., Any] | None = eqx.field(static=True)
    x1: Shaped[Array, "n ..."]
    x2: Shaped[Array, "m ..."] | None
    method: str = eqx.field(static=True, default="auto")

    def __call__(self, key: jax.Array) -> Kernel:
        """Return the kernels of the network of one key."""
        drawn = self.init(key)
        f, params = (drawn, None) if self.apply is None else (self.apply, drawn)
        rates = "sgd" if self.apply is None else None
        ntk = empirical_ntk(f, params, self.x1, self.x2, method=self.method, learning_rates=rates)
        return Kernel(empirical_nngp(f, params, self.x1, self.x2), ntk)


@dataclass(frozen=True)
class Initializer:
    """Draw networks of one architecture for examples of one shape: hashable."""

    net: Sequential
    shape: tuple[int, ...]
    dtype: np.dtype

    def __call__(self, key: jax.Array) -> eqx.Module:
        """Draw one."""
        return self.net.init(key, self.shape, dtype=self.dtype)


def side_by_side(batch_size: int | None) -> int:
    """How many networks to work on at once if nothing else is asked for."""
    if batch_size is not None:
        return batch_size
    return 1 if jax.default_backend() == "cpu" else 16


def _initializer(net: Network, x: Shaped[Array, "n ..."]) -> Callable[[jax.Array], Any]:
    if isinstance(net, Sequential):
        return Initializer(net, x.shape[1:], x.dtype)
    if not (isinstance(net, tuple) and len(net) == 2 and all(callable(part) for part in net)):
        raise TypeError(
            f"net is {net!r}: give a Sequential, or a pair of functions init(key) and "
            "apply(params, x)"
        )
    return net[0]


def _apply(net: Network) -> Callable[..., Any] | None:
    return None if isinstance(net, Sequential) else net[1]
