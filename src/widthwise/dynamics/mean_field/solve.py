"""The entry to mean-field dynamics: check what is given, choose a method, hold it to its error."""

import math
from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import ArrayLike, Float, Key, Real, Shaped

from widthwise.dynamics.mean_field.constants import constants
from widthwise.dynamics.mean_field.deep_linear import solve_deep_linear
from widthwise.dynamics.mean_field.fixed_point import solve_fixed_point
from widthwise.dynamics.mean_field.flow import solve_flow
from widthwise.dynamics.mean_field.losses import Loss, checked_force
from widthwise.dynamics.mean_field.points import Data, checked_points
from widthwise.dynamics.mean_field.problem import Problem
from widthwise.dynamics.mean_field.sampled import solve_sampled
from widthwise.dynamics.mean_field.solution import FieldSolution
from widthwise.dynamics.mean_field.two_layer import has_grid, solve_two_layer
from widthwise.dynamics.training import Times, check_rates
from widthwise.networks import Sequential
from widthwise.numerics.choices import check_choice
from widthwise.numerics.memory import refuse_beyond_memory
from widthwise.numerics.ranges import check_positive
from widthwise.numerics.threads import one_thread_per_core

_METHODS = ("auto", "two_layer", "deep_linear", "sampled", "fixed_point")
_REPLICAS = 8  # independent solutions of which a sampled one is the average
_STEP_ERROR = 1e-5  # of gradient flow, at which steps are fine enough
_STEP = 0.5  # first step of a flow, in units of one over the largest rate of the lazy network


def dmft(
    net: Sequential,
    data: Data,
    *,
    steps: int | None = None,
    times: Times | None = None,
    learning_rate: Times = 1.0,
    momentum: float | int | None = None,
    richness: float | int = 1.0,
    loss: Loss = "mean",
    x_test: Shaped[ArrayLike, "..."] | None = None,
    sample_weight: Real[ArrayLike, "..."] | None = None,
    key: Key[jax.Array, ""] | None = None,
    sites: int | None = None,
    method: str = "auto",
    tolerance: float = 0.02,
) -> FieldSolution:
    r"""Predict the training of an infinitely wide network that learns features.

    The trained function is ``f = net(x) / richness`` and every learning rate is multiplied by
    ``richness**2``. In the limit of large width, of layers in fixed proportion, outputs and
    kernels follow deterministic equations; they are solved here for full-batch gradient descent,
    exactly in the step size, or for gradient flow.

    Parameters
    ----------
    net
        ``Dense, activation, ..., Dense``, in a parametrization that trains features at infinite
        width: ``MeanField()`` or ``MuP()``, with any gains. Biases of the outputs start at zero,
        ``Dense(k, bias_std=0)``, or are none.
    data
        Inputs (p, features) and targets (p,) or (p, 1); (p, k) for k outputs.
    steps
        Number of updates of gradient descent, T.
    times
        Instead of steps, increasing times of gradient flow ``df/dt = -learning_rate K dloss/df``.
    learning_rate
        One number or, with steps, one for each update, (T,).
    richness
        gamma_0 > 0; towards 0 the tangent kernel stops moving, and `predict` is the answer.
    loss
        ``"mean"`` or ``"sum"``: half the mean or sum over samples and outputs of squared errors;
        ``"cross_entropy"``: mean over samples; of one output, the logit of labels 0 and 1; of
        several, softmax of them with labels 0 to k - 1, (p,), or rows of probabilities; or a
        function of outputs and targets, (p,) or (p, k), that JAX can differentiate, whose values
        are summed.
    momentum
        Heavy-ball momentum in [0, 1) of gradient descent, None for none: each update adds to
        ``momentum`` times the last velocity, as `optax.sgd` does.
    x_test
        Further inputs (m, features) at which outputs and kernels are followed.
    sample_weight
        Factor of each sample's gradient, (p,), or for each update, (T, p): masks of mini-batches.
    key
        A random key, for methods that sample.
    sites
        Neurons of each layer that stand for infinitely many, in all; None chooses. Sampling
        methods share them among eight independent solutions, rounded up to powers of two.
    method
        ``"two_layer"`` (one hidden layer: averages over neurons by quadrature),
        ``"deep_linear"`` (to rounding), ``"sampled"`` (any depth and activation, Monte Carlo),
        ``"fixed_point"`` (deep linear by iteration, a check); ``"auto"`` takes the first of
        deep_linear, two_layer, sampled that applies.
    tolerance
        Largest estimated error of the outputs that is accepted, in units of the largest target.

    Returns
    -------
    FieldSolution
        Outputs, kernels and responses at all times, with their errors.

    Raises
    ------
    ValueError
        If the network has no such limit or is none of the accepted, a number is out of range or
        not finite, shapes do not fit, gradient descent diverges (as ``Diverged``, with the step),
        or the estimated error exceeds the tolerance.
    RuntimeError
        If the fixed-point iteration does not converge.

    Notes
    -----
    Source: Bordelon and Pehlevan (2022, arXiv:2205.09653), in discrete time, where the response
    of a backward field to the forward noise at equal time counts fully: the forward pass of an
    update comes before its backward pass. Solved by a march in time, see `solve_sampled`.

    Examples
    --------
    >>> import numpy as np, widthwise.networks as nets
    >>> net = nets.Sequential(
    ...     nets.Dense(64), nets.Tanh(), nets.Dense(1), parametrization=nets.MeanField()
    ... )
    >>> x, y = np.ones((1, 3)), np.array([1.0])
    >>> rich = dmft(net, (x, y), steps=10, learning_rate=0.1, richness=1.0)
    >>> rich.method, rich.output.shape, round(float(rich.output[10, 0]), 6)
    ('two_layer', (11, 1), 0.566591)
    """
    check_choice("method", method, _METHODS)
    check_positive(tolerance=tolerance)
    if not 0 < richness < math.inf:
        raise ValueError(
            f"richness is {richness}: give a positive, finite number; for its limit 0 take "
            "widthwise.predict"
        )
    if (steps is None) == (times is None):
        raise ValueError("give either steps, for gradient descent, or times, for gradient flow")
    if momentum is not None:
        check_rates(1.0, momentum)
        if times is not None:
            raise ValueError("momentum was given with times: it belongs to steps")
    rates = _rates(learning_rate, steps)
    weight = None if sample_weight is None else np.asarray(sample_weight, np.float64)
    if times is not None and weight is not None and weight.ndim > 1:
        raise ValueError("sample_weight has a row for each update, of which gradient flow has none")
    features = np.shape(data[0])[-1] if isinstance(data, tuple) and np.ndim(data[0]) == 2 else 1
    network = constants(net, features)
    points = checked_points(data, x_test, outputs=network.outputs, labels=loss == "cross_entropy")
    problem = Problem(
        network,
        points.kernel,
        len(points.targets),
        float(richness),
        rates,
        checked_force(loss, points.targets, weight, len(rates)),
        float(momentum or 0.0),
    )
    solver = _solver(problem, method, sites, key)
    scale = float(np.max(np.abs(points.targets))) or 1.0
    with one_thread_per_core():  # matrices are too small for the threads of BLAS
        if times is None:
            _check_memory(problem)
            found = solver(problem)
        else:
            step, moments = _first_step(problem, solver), _checked_times(times)
            found = solve_flow(problem, solver, moments, step=step, tolerance=_STEP_ERROR)
    return _within(found, tolerance * scale, sites)


def _solver(
    problem: Problem, method: str, sites: int | None, key: Key[jax.Array, ""] | None
) -> Callable[[Problem], FieldSolution]:
    """Choose the method and give it its random numbers: the same at every call."""
    if sites is not None and (isinstance(sites, bool) or int(sites) != sites or sites < 1):
        raise ValueError(f"sites is {sites!r}: give a whole number of neurons, or None")
    c = problem.constants
    if method == "auto":
        method = "deep_linear" if c.linear else "two_layer" if c.depth == 1 else "sampled"
    if method == "deep_linear":
        return solve_deep_linear
    if method == "fixed_point":
        return solve_fixed_point
    quadrature = method == "two_layer" and has_grid(problem)
    if key is None and not quadrature:
        raise ValueError(f"method {method!r} draws random numbers here: give key=jax.random.key(0)")
    words = [] if key is None else np.asarray(jax.random.key_data(key)).ravel().tolist()

    def solve(given: Problem) -> FieldSolution:
        seeds = [np.random.default_rng([*words, index]) for index in range(_REPLICAS)]
        if method == "two_layer":
            return solve_two_layer(given, sites=sites, seeds=seeds)
        return solve_sampled(given, sites=sites, seeds=seeds)

    return solve


def _rates(learning_rate: Times, steps: int | None) -> Float[np.ndarray, " t"]:
    """Return the learning rate of each update; of the flow, one."""
    rates = np.asarray(learning_rate, np.float64)
    if not np.isfinite(rates).all() or not (rates > 0).all():
        raise ValueError(f"learning_rate is {learning_rate}: give positive, finite numbers")
    if steps is None:
        accepted: tuple[tuple[int, ...], ...] = ((),)
        count = 1
    else:
        if isinstance(steps, bool) or int(steps) != steps or steps < 1:
            raise ValueError(f"steps is {steps!r}: give a whole number of updates, at least 1")
        accepted, count = ((), (int(steps),)), int(steps)
    if rates.shape not in accepted:
        wanted = "one number" if steps is None else f"one number, or one for each of {count} steps"
        raise ValueError(f"learning_rate has shape {rates.shape}: give {wanted}")
    return np.broadcast_to(rates, (count,))


def _checked_times(times: Times) -> Float[np.ndarray, " t"]:
    moments = np.atleast_1d(np.asarray(times, np.float64))
    rising = np.diff(moments, prepend=0.0)
    if moments.ndim > 1 or not np.isfinite(moments).all() or (rising < 0).any():
        raise ValueError(f"times is {moments}: give finite, increasing times of at least 0")
    return moments


def _first_step(problem: Problem, solver: Callable[[Problem], FieldSolution]) -> float:
    """Half the time in which the fastest mode of the lazy network decays."""
    k, n, p = problem.outputs, problem.points, problem.train
    start = solver(problem.at(np.zeros(0))).ntk(0).reshape(n, k, n, k)[:p, :, :p]
    fastest = np.linalg.eigvalsh(start.reshape(p * k, p * k))[-1] * problem.learning_rates[0]
    if problem.force.loss in ("mean", "cross_entropy"):
        fastest /= p * (k if problem.force.loss == "mean" else 1)
    return _STEP / max(fastest, 1e-300)


def _check_memory(problem: Problem) -> None:
    times = problem.steps + 1
    entries, k = (times * problem.points) ** 2, problem.outputs
    refuse_beyond_memory(
        8 * entries * (1 + k) ** 2 * problem.depth * (_REPLICAS + 1),
        f"two-time kernels of {times} times, {problem.points} points, {k} outputs, "
        f"{problem.depth} layers",
        "give fewer steps or points",
    )


def _within(found: FieldSolution, tolerance: float, sites: int | None) -> FieldSolution:
    """Refuse a solution whose estimated error is too large."""
    error = found.error
    if error <= tolerance:
        return found
    if not found.standard_error and found.times is None:
        advice = "give more sites, or a larger tolerance"
    elif found.step_error == error:
        advice = "give earlier times, or a larger tolerance"
    else:
        needed = (sites or found.sites) * (error / tolerance) ** 2
        advice = f"give sites={math.ceil(needed / 1000) * 1000}, or a larger tolerance"
    raise ValueError(
        f"the estimated error of the outputs, {error:.3g}, exceeds {tolerance:.3g}: {advice}"
    )
