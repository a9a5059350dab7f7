"""Train models of several sizes for a few steps, and see how much every layer moves."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import Array, Key

from widthwise.ensembles.models import Sizes, axis_of, planned_models, trial_of
from widthwise.ensembles.models.trial import Training
from widthwise.networks.parametrization import Parametrization
from widthwise.networks.scaling.plan import column_of
from widthwise.networks.scaling.sites import sites_of
from widthwise.networks.sequential import Sequential
from widthwise.observables.coordinate_check.measure import moved
from widthwise.observables.coordinate_check.result import CoordinateCheck
from widthwise.observables.coordinate_check.theory import layer_roles, theory_of


def coordinate_check(
    make: Callable[..., Any] | Sequential,
    data: tuple[Any, Any],
    *,
    widths: Sizes,
    learning_rate: float | int,
    optimizer: str = "adam",
    parametrization: str | Parametrization | None = None,
    base_width: int | None = None,
    depths: Sizes | None = None,
    base_depth: int | None = None,
    loss: str | Callable[[Any, Any], Any] = "cross_entropy",
    steps: int = 3,
    members: int = 4,
    key: Key[Array, ""] | None = None,
    build: Callable[..., Any] | None = None,
    roles: Mapping[str, str] | None = None,
    drift: float | None = None,
    **options: Any,
) -> CoordinateCheck:
    """Measure how the first steps change every layer, at several widths or depths.

    Where learning rates transfer, the change of no layer depends on the size: the slope of its
    logarithm against that of the size is zero. Size alone, which is mostly that of the start,
    would hide errors.

    Parameters
    ----------
    make
        A function of the width (and depth) that returns an Equinox module, ``make(width, key)``,
        which maps one example, or a PyTorch module, which maps a batch; neither needs to be
        changed. Or a :class:`~widthwise.networks.Sequential`, whose own parametrization is used.
    data
        One batch (inputs, targets), the same at all sizes and steps; few examples against the
        widths.
    widths, depths
        The sizes: a list of one, and a number (or no depth) for the other.
    learning_rate
        At the base size: as large as is stable.
    optimizer
        ``"sgd"``, ``"adam"``, ``"adamw"``, ``"sign"``, ``"lion"``, or with ``build`` ``"muon"``.
    parametrization
        How settings follow the size, see :func:`~widthwise.networks.scaling.parametrize`; None
        for the model as it is written, at one learning rate.
    base_width, base_depth
        The base; the smallest size if None.
    loss
        ``"mean"``, ``"cross_entropy"``, or ``loss(outputs, targets)`` of a batch.
    steps
        Number of steps.
    members
        Models of each size, at least 2.
    key
        Random key; ``jax.random.key(0)`` if None.
    build
        What makes the optimizer: a function of the learning rate that returns an Optax
        transformation, or of parameter groups that returns a PyTorch optimizer.
    roles, options
        As for :func:`~widthwise.networks.scaling.parametrize`.
    drift
        How far slopes at finite size may lie from those of theory; 0.15 after one step and 0.2
        after more if None: corrections to the powers are of relative order width^(-1/2).

    Returns
    -------
    CoordinateCheck
        ``str`` of it is a table; ``transfers`` the answer.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of the accepted ones, or there are fewer than 3 sizes, or the
        largest is less than 4 times the smallest.

    Notes
    -----
    Yang et al. (2022, arXiv:2203.03466), appendix D.1. Powers predicted for one step are those of
    small learning rates: see :func:`~widthwise.networks.scaling.change_exponents`. After more
    steps only rules under which nothing depends on the width have a prediction.

    Examples
    --------
    >>> import numpy as np, widthwise as ww
    >>> net = ww.Sequential(ww.Dense(8), ww.Tanh(), ww.Dense(1), parametrization=ww.MuP())
    >>> x = np.ones((2, 3), np.float32)
    >>> check = ww.coordinate_check(net, (x, x[:, :1]), widths=(16, 32, 64), learning_rate=0.1,
    ...                             loss="mean", steps=1, members=2)
    >>> [row.role for row in check.slopes(1)]
    ['input', 'output', 'output']
    """
    column_of(optimizer)
    axis, sizes = axis_of(widths, depths)
    if members < 2 or steps < 1:
        raise ValueError(f"members={members}, steps={steps} were given: give >= 2 and >= 1")
    if not 0 < learning_rate < float("inf"):
        raise ValueError(f"learning_rate is {learning_rate}: give a positive number")
    base = base_width or sizes[0][0], base_depth or sizes[0][1]
    planned = {
        "parametrization": parametrization, "optimizer": optimizer, "roles": roles, **options,
    }  # fmt: skip
    family, rules, plans = planned_models(make, data, sizes, base, planned)
    sites = sites_of(family, sizes[0][0], depth=sizes[0][1], roles=roles)
    training = Training(family, data, loss, optimizer, build)
    key = jax.random.key(0) if key is None else key
    rows = []
    for i, (size, plan) in enumerate(zip(sizes, plans, strict=True)):
        trial = trial_of(training, *size, plan=plan)
        keys = jax.random.split(jax.random.fold_in(key, i), members)
        rows.append([moved(trial, k, data, steps=steps, rate=learning_rate) for k in keys])
    arrays = {path: s.role for s in sites for path in (s.path, *s.tied)}
    tied = [path for s in sites if s.tied for path in (s.path, *s.tied)]
    repeated = {path for s in sites if s.repeated for path in (s.path, *s.tied)}
    found = layer_roles(list(rows[0][0].change[0]), arrays, tied)
    if axis == "depth":
        found = {
            layer: role
            for layer, role in found.items()
            if not any(path.startswith(f"{layer}.") for path in repeated)
        }
    pull = np.array([[m.pull for m in row] for row in rows])[:, :, None, None]
    change, magnitude = (
        np.array([[[[at[name] for name in found] for at in m[i]] for m in row] for row in rows])
        for i in range(2)
    )
    dims = ("size", "member", "step", "layer")
    dataset = xr.Dataset(
        {
            "change": (dims, change / pull if optimizer == "sgd" else change),
            "magnitude": (dims, magnitude),
        },
        coords={
            "size": [size[axis == "depth"] for size in sizes],
            "step": range(steps + 1),
            "layer": list(found),
        },
    )
    return CoordinateCheck(
        dataset,
        axis,
        found,
        theory_of(rules, found, optimizer=optimizer, axis=axis),
        {1: 0.15, 2: 0.2} if drift is None else {1: drift, 2: drift},
        f"{'as written' if rules is None else rules.name}, {optimizer}, "
        f"learning rate {learning_rate:g}",
    )
