"""What flows through the infinite face of a network, and what comes out of it."""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from widthwise.networks.place import Features


class Kernel(NamedTuple):
    r"""The two kernels of a network: covariance of its outputs, and tangent kernel.

    Both are for one output coordinate; different coordinates are uncorrelated to leading order.
    The pairs are (n, m), or (n,) of matching inputs; for outputs with positions P, (n, m, *P, *P').

    Parameters
    ----------
    nngp
        Leading order, as the widths grow, of E[f_i(x) f_i(x')] over initial networks.
    ntk
        Leading order of sum_p eta_p (df_i(x)/dp) (df_i(x')/dp) over all parameters p, where
        ``eta_p`` is the parametrization's factor for gradient descent: under gradient flow
        with learning rate eta, df(x)/dt = -eta sum_x' ntk(x, x') dL/df(x').

    Notes
    -----
    Under NTK neither depends on the widths. Under Standard the learning-rate factors are 1 and
    the tangent kernel grows with the widths, which therefore matter. Under MeanField, MuP and
    DepthMuP the tangent kernel is independent of a common width, while the outputs at
    initialization vanish like 1 / sqrt(width): ``nngp`` then is proportional to 1 / width.
    """

    nngp: Float[Array, "*pairs"]
    ntk: Float[Array, "*pairs"]

    def _repr_html_(self) -> str:
        from widthwise.plotting.matrices import matrices_html

        return matrices_html("Kernel", {"nngp": self.nngp, "ntk": self.ntk})


class DenseState(eqx.Module):
    """Kernel state of features without spatial axes.

    All four arrays broadcast against each other: pairs are (n, m) with the variances (n, 1) and
    (1, m), or (n,) throughout where only matching pairs are wanted.

    Parameters
    ----------
    nngp, ntk
        The kernels of one coordinate of the features, for every pair of inputs.
    variance1, variance2
        ``nngp`` of each first, and each second, input with itself.
    features
        What one example looks like here.
    same
        Which pairs are one and the same example; None if none are.
    """

    nngp: Float[Array, "*pairs"]
    ntk: Float[Array, "*pairs"]
    variance1: Float[Array, "*first"]
    variance2: Float[Array, "*second"]
    features: Features = eqx.field(static=True)
    same: Bool[Array, "*pairs"] | None = None

    def marginals(self) -> tuple[Float[Array, "*first"], Float[Array, "*second"]]:
        """Variances of both members of each pair; they broadcast against ``nngp``."""
        return self.variance1, self.variance2

    def own_variances(self) -> tuple[Float[Array, "*first"], Float[Array, "*second"]]:
        """Variances of each first, and each second, input."""
        return self.variance1, self.variance2

    def divided(self, m1: Float[Array, "*first"], m2: Float[Array, "*second"]) -> "DenseState":
        """Divide the features of each input by the square root of its m, given as variances."""
        root = jnp.sqrt(m1 * m2)
        return replace(
            self,
            nngp=self.nngp / root,
            ntk=self.ntk / root,
            variance1=self.variance1 / m1,
            variance2=self.variance2 / m2,
        ).tied()

    def same_pairs(self) -> Bool[Array, "*pairs"]:
        """``same``, also where there are none."""
        return jnp.zeros((1,) * self.nngp.ndim, bool) if self.same is None else self.same

    def tied(self) -> "DenseState":
        """Give an example paired with itself exactly its own variance again, after rounding."""
        if self.same is None:
            return self
        return replace(self, nngp=jnp.where(self.same, self.variance1, self.nngp))


def same_examples(n: int, *, diagonal: bool) -> Bool[Array, "*pairs"]:
    """Which pairs of n inputs and the same n inputs are one example."""
    return jnp.ones(n, bool) if diagonal else _identity(n)


@partial(jax.jit, static_argnums=0, inline=True)
def _identity(n: int) -> Bool[Array, "n n"]:
    return jnp.eye(n, dtype=bool)


def dense_state(
    x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None, *, diagonal: bool = False
) -> DenseState:
    """Kernel state of the data themselves: nngp = x1 x2^T / d, ntk = 0.

    Parameters
    ----------
    x1, x2
        Inputs; ``x2=None`` means x1 again, and then a point's kernel with itself is exactly its
        variance.
    diagonal
        Only the pairs (x1[i], x2[i]).
    """
    d = x1.shape[-1]
    variance1 = jnp.sum(x1 * x1, axis=-1) / d
    variance2 = variance1 if x2 is None else jnp.sum(x2 * x2, axis=-1) / d
    if diagonal:
        nngp = variance1 if x2 is None else jnp.sum(x1 * x2, axis=-1) / d
    else:
        precision = jax.lax.Precision.HIGHEST
        nngp = jnp.matmul(x1, (x1 if x2 is None else x2).T, precision=precision) / d
        variance1, variance2 = variance1[:, None], variance2[None, :]
    features = Features((d,), dtype=nngp.dtype)
    same = same_examples(len(x1), diagonal=diagonal) if x2 is None else None
    return DenseState(nngp, jnp.zeros_like(nngp), variance1, variance2, features, same).tied()
