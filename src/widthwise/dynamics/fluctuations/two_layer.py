"""Two-layer networks of any activation: the infinite width, and fluctuations around it.

Neurons of a two-layer network meet each other only through the errors ``D_a(t) = -dLoss/df_a(t)``.
Given these, each one (u, w) runs on its own,

    h <- h + c K_x (D * g),   w <- w + c D . phi(h),   g = w phi'(h),   c = eta gamma,

and every order parameter is a mean over them, ``f = <w phi(h)> / gamma`` among them. A network of N
neurons is a sample of N; its errors move with it. Let ``F`` be the outputs of one neuron, ``O`` any
of its observables, ``O' = dE[O]/dD`` at given D, ``H`` the Hessian of the loss. To first order

    e = -H R F,   R = (1 + F' H)^-1,           what neuron F contributes to the errors,
    Cov(O) = Cov(O + O' e) / N,
    N (E[O] - O) = E[dO/dD e] + (1/2) E''[O] : Cov(e) + O' m,

``m`` the shift of the mean errors, solved from the same equation for the outputs. Derived. It is
the two-layer case of B. Bordelon and C. Pehlevan, "Dynamics of Finite Width Kernel and Prediction
Fluctuations in Mean Field Neural Networks" (2023), arXiv 2304.03408.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from widthwise.activations import Activation
from widthwise.dynamics.fluctuations.descent import Descent, force
from widthwise.dynamics.fluctuations.result import Fluctuations
from widthwise.dynamics.fluctuations.sites import (
    GRID,
    Sites,
    count_sites,
    grid_sites,
    random_sites,
)
from widthwise.dynamics.fluctuations.triangle import triangle
from widthwise.dynamics.fluctuations.two_layer_linear import require_rich
from widthwise.numerics.memory import refuse_beyond_memory
from widthwise.numerics.roots import covariance_root

_NEGLIGIBLE = 1e-13  # part of the variance of the errors that is left out of the second derivative
_SITES_PER_NUMBER = 20  # fewest sites for each point and step
_MULTIPLE = 32  # directions are filled up to so many, so that few programs are compiled
_WORST = 0.1  # relative error of the variances above which a result is refused


def two_layer(
    phi: Activation,
    descent: Descent,
    *,
    gains: tuple[float, float] = (1.0, 1.0),
    kernels: bool = True,
    sites: int | None = None,
    key: Key[Array, ""] | None = None,
) -> Fluctuations:
    """Fluctuations of two-layer networks.

    Parameters
    ----------
    phi
        Activation of the hidden layer, smooth.
    descent
        What is trained and how.
    gains
        Multipliers of the two layers.
    kernels
        False gives the outputs only.
    sites
        Neurons over which means are taken, for more than one point; 16384 or more if None. One
        point has a grid of its own.
    key
        Draws the sites; fixed ones if None.

    Returns
    -------
    Fluctuations
        With mean corrections of all quantities, and the errors of sampling.

    Raises
    ------
    NotImplementedError
        If the activation has kinks.
    ValueError
        If richness is zero, the descent diverges, the result does not fit into memory, or its
        error is larger than a tenth of the largest variance.

    Examples
    --------
    >>> import numpy as np
    >>> from widthwise import activations
    >>> found = two_layer(
    ...     activations.tanh(1.0), Descent(np.eye(1), np.ones(1), steps=20, learning_rate=0.1)
    ... )
    >>> round(float(found.mean["output"][20, 0]), 6), round(float(found.variance()[20, 0]), 5)
    (0.803112, 0.05677)
    """
    require_rich(descent)
    if phi.kinks:
        raise NotImplementedError(
            f"{phi.name} has kinks at {phi.kinks}: neurons that cross them as errors change add to "
            "the derivatives of means, which is not computed; give a smooth activation (such as "
            "gelu or softplus), richness=0 for the lazy limit, or train an ensemble "
            "(widthwise.train)"
        )
    inner = descent.with_gains(*gains)
    n, times = descent.points, descent.steps + 1
    pairs = np.triu_indices(n) if kernels else (np.zeros(0, int),) * 2
    count = GRID if n == 1 else count_sites(sites, least=_SITES_PER_NUMBER * n * times)
    columns = times * (n + 3 * len(pairs[0]))
    full = times * (n + 3 * n * n if kernels else n)
    refuse_beyond_memory(
        8 * (4 * count * columns + 2 * columns**2 + 2 * full**2),
        f"fluctuations of {n} points over {descent.steps} steps from {count} sites",
        "give fewer points or steps, or kernels=False",
    )
    if n == 1:
        drawn = grid_sites(float(inner.input_kernel[0, 0]))
    else:
        drawn = random_sites(covariance_root(inner.input_kernel), size=count, key=key)
    with jax.enable_x64(True):
        flow = _Flow(phi, inner, drawn, (pairs[0], pairs[1]))
        moments = _expand(inner, drawn, flow)
    return _result(descent, drawn, moments, pairs, gains[1])


class _Flow:
    """The compiled programs of one problem, from arrays to arrays."""

    def __init__(self, phi: Activation, inner: Descent, sites: Sites, pairs: tuple) -> None:
        self.static = (phi, inner.centered)
        self.arrays = (
            jnp.asarray(sites.fields),
            jnp.asarray(sites.readout),
            jnp.asarray(sites.weights),
            jnp.asarray(inner.input_kernel),
            jnp.asarray(inner.learning_rate * inner.richness),
            jnp.asarray(inner.richness),
            jnp.asarray(pairs[0]),
            jnp.asarray(pairs[1]),
        )
        outputs, forces = _march(
            phi, inner.objective, inner.steps, inner.centered, self.arrays, inner.targets
        )
        inner.require_converging(np.asarray(forces))
        self.outputs, self.forces = np.asarray(outputs), forces[:-1]

    def records(self) -> np.ndarray:
        """Observables of every site, (sites, steps * columns)."""
        found = np.asarray(_run(*self.static, False, self.arrays, self.forces))
        return found.swapaxes(0, 1).reshape(found.shape[1], -1)

    def slopes(self) -> np.ndarray:
        """``O'``: derivatives of the mean observables in the errors, (quantities, errors)."""
        size = self.forces.size
        basis = jnp.eye(size).reshape(size, *self.forces.shape)
        found = np.asarray(_slopes(self.static, self.arrays, self.forces, basis))
        return found.reshape(size, -1).T

    def along_sites(self, directions: np.ndarray) -> np.ndarray:
        """Mean over sites of the derivative of each along its own direction."""
        each = directions.T.reshape(*self.forces.shape, -1).swapaxes(1, 2)
        found = _along_sites(self.static, self.arrays, self.forces, jnp.asarray(each))
        return np.asarray(found).ravel()

    def bends(self, directions: np.ndarray) -> np.ndarray:
        """Sum over directions of the second derivatives of the mean observables."""
        shaped = jnp.asarray(directions.reshape(-1, *self.forces.shape))
        return np.asarray(_bends(self.static, self.arrays, self.forces, shaped)).ravel()


class _Moments:
    """Means, factors of the covariance, and corrections, flattened over (step, column)."""

    def __init__(
        self, mean: np.ndarray, spread: np.ndarray, shift: np.ndarray, outputs: np.ndarray
    ) -> None:
        self.mean, self.spread, self.shift, self.outputs = mean, spread, shift, outputs


def _expand(inner: Descent, sites: Sites, flow: _Flow) -> _Moments:
    steps, trained = inner.steps, inner.trained
    records, slopes = flow.records(), flow.slopes()
    mean = sites.weights @ records
    records = records - mean[None]
    columns = len(mean) // (steps + 1)
    # the trained outputs before the last step, which are all that errors depend on
    driving = (np.arange(steps)[:, None] * columns + np.arange(trained)[None, :]).ravel()
    loss = inner.loss_derivatives(flow.outputs)
    hessian = _block_diagonal(loss.hessian[:-1])
    response = np.linalg.inv(np.eye(len(driving)) + slopes[driving] @ hessian)
    errors = -(records[:, driving] @ (hessian @ response).T)
    spread = records + errors @ slopes.T

    covariance = (sites.weights[:, None] * errors).T @ errors
    values, vectors = np.linalg.eigh(covariance)
    kept = values > _NEGLIGIBLE * max(values[-1], 0.0)
    source = flow.along_sites(errors)
    if kept.any():
        filled = min(-(-kept.sum() // _MULTIPLE) * _MULTIPLE, len(values))
        directions = np.zeros((filled, len(values)))
        directions[: kept.sum()] = (vectors[:, kept] * np.sqrt(values[kept])).T
        source = source + flow.bends(directions) / 2
    equal = spread[:, driving].reshape(-1, steps, trained)
    equal = np.einsum("s,sta,stb->tab", sites.weights, equal, equal)
    drift = inner.curvature_drift(flow.outputs[:-1], equal).ravel()
    outputs = response @ (source[driving] - slopes[driving] @ drift)
    shift = source + slopes @ (-hessian @ outputs - drift)
    return _Moments(mean, spread, shift, flow.outputs)


def _result(
    descent: Descent, sites: Sites, moments: _Moments, pairs: tuple, gain: float
) -> Fluctuations:
    """Bring columns (outputs, then triangles of Phi, G and K) to the order parameters."""
    times, n, count = descent.steps + 1, descent.points, len(pairs[0])
    columns = n + 3 * count
    where = triangle(n)
    start = columns * np.arange(times)
    named = {"output": (start[:, None] + np.arange(n)[None], 1.0)}
    if count:
        for name, offset, scale in (("ntk", 2, gain**2), ("feature_kernel", 0, 1.0)):
            index = start[:, None, None] + n + offset * count + where[None]
            named[name] = (index if name == "ntk" else index[:, None], scale)
        index = start[:, None, None] + n + count + where[None]
        named["gradient_kernel"] = (index[:, None], gain**2)

    def read(flat: np.ndarray) -> dict[str, np.ndarray]:
        return {name: scale * flat[index] for name, (index, scale) in named.items()}

    joint = (sites.weights[:, None] * moments.spread).T @ moments.spread
    order = np.concatenate([index.ravel() for index, _ in named.values()])
    scales = np.concatenate([np.full(index.size, scale) for index, scale in named.values()])
    squared_error = sites.error(moments.spread**2)
    worst = np.max(squared_error[order[: times * n]])
    largest = np.max(np.diagonal(joint)[order[: times * n]])
    if not worst <= _WORST * largest:
        raise ValueError(
            f"the variance of the outputs is known only to {worst / largest:.2g} of its largest "
            f"value from {len(sites.weights)} sites: give more (sites={4 * len(sites.weights)}), "
            "fewer steps or a smaller richness"
        )
    mean = read(moments.mean)
    return Fluctuations(
        mean=mean,
        correction=read(moments.shift),
        joint=joint[np.ix_(order, order)] * scales[:, None] * scales[None, :],
        descent=descent,
        loss=descent.loss_derivatives(mean["output"]),
        variance_error={
            name: scale**2 * squared_error[index] for name, (index, scale) in named.items()
        },
        mean_error=read(sites.error(moments.spread)),
    )


def _block_diagonal(blocks: np.ndarray) -> np.ndarray:
    t, p, _ = blocks.shape
    full = np.zeros((t, p, t, p))
    full[np.arange(t), :, np.arange(t)] = blocks
    return full.reshape(t * p, t * p)


def _value_and_slope(phi: Activation, h: Array) -> tuple[Array, Array]:
    return jax.jvp(phi, (h,), (jnp.ones_like(h),))


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _march(
    phi: Activation,
    objective: Callable,
    steps: int,
    centered: bool,
    arrays: tuple[Array, ...],
    targets: Array,
) -> tuple[Float[Array, "t n"], Float[Array, "t p"]]:
    """Outputs and errors at infinite width: all neurons together, one step after the other."""
    fields, readout, weights, kernel, rate, richness, *_ = arrays
    trained = len(targets)

    def outputs(h: Array, w: Array) -> Array:
        return (weights * w) @ phi(h) / richness

    begin = outputs(fields, readout) if centered else jnp.zeros(fields.shape[1])

    def step(state: tuple[Array, Array], _: None) -> tuple:
        h, w = state
        f = outputs(h, w) - begin
        error = force(objective, f[:trained], targets)
        return _moved(phi, kernel, rate, state, error), (f, error)

    return jax.lax.scan(step, (fields, readout), None, length=steps + 1)[1]


def _moved(
    phi: Activation, kernel: Array, rate: Array, state: tuple[Array, Array], error: Array
) -> tuple[Array, Array]:
    """One update of all neurons under errors (p,), or (s, p) each under its own."""
    h, w = state
    trained = error.shape[-1]
    a, slope = _value_and_slope(phi, h)
    error = jnp.broadcast_to(error, (len(h), trained))
    gradient = w[:, None] * slope[:, :trained]
    return (
        h + rate * (gradient * error) @ kernel[:trained],
        w + rate * jnp.sum(error * a[:, :trained], axis=1),
    )


@partial(jax.jit, static_argnums=(0, 1, 2))
def _run(
    phi: Activation,
    centered: bool,
    averaged: bool,
    arrays: tuple[Array, ...],
    errors: Float[Array, "t ..."],
) -> Float[Array, "times ..."]:
    """Observables of all neurons, or their means, at every step under given errors."""
    fields, readout, weights, kernel, rate, richness, first, second = arrays

    def record(h: Array, w: Array) -> Array:
        a, slope = _value_and_slope(phi, h)
        output = w[:, None] * a / richness
        if centered:
            output = output - readout[:, None] * phi(fields) / richness
        gradient = w[:, None] * slope
        if averaged:
            output = weights @ output
            features, gradients = (
                ((weights[:, None] * z).T @ z)[first, second] for z in (a, gradient)
            )
        else:
            features, gradients = (z[:, first] * z[:, second] for z in (a, gradient))
        ntk = gradients * kernel[first, second].reshape((-1,) if averaged else (1, -1)) + features
        return jnp.concatenate([output, features, gradients, ntk], axis=-1)

    def step(state: tuple[Array, Array], error: Array) -> tuple:
        return _moved(phi, kernel, rate, state, error), record(*state)

    last, found = jax.lax.scan(step, (fields, readout), errors)
    return jnp.concatenate([found, record(*last)[None]])


@partial(jax.jit, static_argnums=0)
def _slopes(static: tuple, arrays: tuple[Array, ...], errors: Array, basis: Array) -> Array:
    means = partial(_run, *static, True, arrays)
    return jax.lax.map(lambda e: jax.jvp(means, (errors,), (e,))[1], basis)


@partial(jax.jit, static_argnums=0)
def _along_sites(static: tuple, arrays: tuple[Array, ...], errors: Array, each: Array) -> Array:
    means = partial(_run, *static, True, arrays)
    start = jnp.broadcast_to(errors[:, None], each.shape)
    return jax.jvp(means, (start,), (each,))[1]


@partial(jax.jit, static_argnums=0)
def _bends(static: tuple, arrays: tuple[Array, ...], errors: Array, directions: Array) -> Array:
    means = partial(_run, *static, True, arrays)

    def bend(e: Array) -> Array:
        return jax.jvp(lambda d: jax.jvp(means, (d,), (e,))[1], (errors,), (e,))[1]

    return jnp.sum(jax.lax.map(bend, directions), axis=0)
