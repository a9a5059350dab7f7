"""How the tangent kernels of finite networks approach that of infinite width."""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, ArrayLike, Float, Key, Shaped

from widthwise.ensembles.monte_carlo import Initializer, KernelDraw, side_by_side
from widthwise.ensembles.running import running_mean
from widthwise.networks import Sequential
from widthwise.numerics.fits import PowerLaw, fit_power_law


class KernelConvergence(NamedTuple):
    """Width against distance from infinite width.

    Parameters
    ----------
    table
        Dimension ``width``; variables ``fluctuation`` and ``bias``, and their standard errors
        ``fluctuation_error`` and ``bias_error``.
    law
        Power law through the fluctuations: exponent -1/2 in theory.
    """

    table: xr.Dataset
    law: PowerLaw


def kernel_convergence(
    net: Sequential,
    x1: Shaped[ArrayLike, "..."],
    x2: Shaped[ArrayLike, "..."] | None = None,
    *,
    key: Key[Array, ""],
    widths: Sequence[int],
    members: int,
    batch_size: int | None = None,
) -> KernelConvergence:
    r"""Compare tangent kernels of finite networks with ``net.kernel``, width by width.

    With r = (ntk(x, x') - K(x, x')) / sqrt(K(x, x) K(x', x')), K the kernel that ``net.kernel``
    gives at that width, the *fluctuation* of one network is the root mean square of r over pairs
    and networks, of order 1 / sqrt(width), and the *bias* is the mean of r over pairs and
    networks, of order 1 / width.

    Parameters
    ----------
    net
        The architecture; its own widths are replaced.
    x1, x2
        Examples, (n, features) and (m, features); ``x2=None`` means x1 again.
    key
        Source of all networks; those of different widths are independent.
    widths
        At least two widths.
    members
        Networks of each width, at least 2.
    batch_size
        As for :func:`~widthwise.ensembles.monte_carlo_kernel`.

    Raises
    ------
    ValueError
        If there are too few widths or members, or nothing fluctuates (a linear model).

    Notes
    -----
    Sources of the orders: Dyer & Gur-Ari (2019, arXiv:1909.11304); Hanin & Nica (2019,
    arXiv:1909.05989) for ReLU networks.
    """
    if len(set(widths)) < 2:
        raise ValueError(f"widths is {widths}: a slope needs at least two different ones")
    rows = {name: [] for name in ("fluctuation", "fluctuation_error", "bias", "bias_error")}
    first = jnp.asarray(x1)
    second = None if x2 is None else jnp.asarray(x2)
    other = first if second is None else second
    for width in widths:
        resized = net.at_width(width)
        kernel = resized.kernel(first, second).ntk
        own, others = (resized.kernel(x, diagonal=True).ntk for x in (first, other))
        scale = jnp.sqrt(own[:, None] * others[None, :])
        init = Initializer(resized, first.shape[1:], first.dtype)
        draw = _Distance(KernelDraw(init, None, first, second), kernel, scale)
        square, bias = running_mean(
            draw, jax.random.fold_in(key, width), members, batch_size=side_by_side(batch_size)
        )
        rows["fluctuation"].append(np.sqrt(square.value))
        rows["fluctuation_error"].append(square.standard_error / (2 * np.sqrt(square.value)))
        rows["bias"].append(bias.value)
        rows["bias_error"].append(bias.standard_error)
    table = xr.Dataset(
        {name: ("width", np.asarray(column)) for name, column in rows.items()},
        coords={"width": list(widths)},
        attrs={"members": members},
    )
    law = fit_power_law(
        np.asarray(widths), table["fluctuation"].values, table["fluctuation_error"].values
    )
    return KernelConvergence(table, law)


class _Distance(eqx.Module):
    """Mean square and mean of the relative difference of one network from the limit."""

    draw: KernelDraw
    kernel: Float[Array, "n m"]
    scale: Float[Array, "n m"]

    def __call__(self, key: jax.Array) -> tuple[Float[Array, ""], Float[Array, ""]]:
        relative = (self.draw(key).ntk - self.kernel) / self.scale
        return jnp.mean(relative**2), jnp.mean(relative)
