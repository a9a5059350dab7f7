"""Train many networks at once: the public function."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Key, PyTree

from widthwise.ensembles.training.descent import Descent
from widthwise.ensembles.training.ensemble import Ensemble
from widthwise.ensembles.training.flow import checked_times, flow_of
from widthwise.ensembles.training.grid import Values, Whole, checked_grid
from widthwise.ensembles.training.losses import Loss
from widthwise.ensembles.training.problem import checked_problem
from widthwise.ensembles.training.rates import Optimizer, Transformation, checked_rates
from widthwise.ensembles.training.recorders import chosen
from widthwise.ensembles.training.schedule import checked_batch, checked_steps, shared_order
from widthwise.ensembles.training.trained import Recorder
from widthwise.networks import Sequential
from widthwise.numerics.devices import Device, chosen_devices


def train(
    net: Sequential,
    data: PyTree,
    *,
    key: Key[Array, ""],
    members: int | tuple[int, int],
    steps: int | None = None,
    optimizer: Optimizer | None = None,
    learning_rates: Values | None = None,
    rates: str | None = None,
    loss: str | Loss = "mean",
    test: PyTree = None,
    richness: Values = 1.0,
    centered: bool = False,
    batch_size: int | None = None,
    schedule: str = "member",
    times: Sequence[float | int] | np.ndarray | None = None,
    tolerance: float | None = None,
    max_steps: int = 100_000,
    record: str | Recorder | Sequence[str | Recorder] = ("loss", "output"),
    at: Whole | None = None,
    widths: Whole | None = None,
    side_by_side: int | None = None,
    devices: Sequence[Device] | None = None,
    out: str | PathLike[str] | None = None,
) -> xr.Dataset:
    """Train many networks at once, and keep what is recorded as one labelled dataset.

    Parameters
    ----------
    net
        The architecture; its parametrization sets how the networks start and the learning-rate
        factor of every array of parameters, applied after the optimizer.
    data
        A pair (x, y): inputs, examples first, whose dtype the networks take; and targets
        (n, outputs), or (n,) for one output (then ``output`` has no axis of outputs), or integer
        labels (n,) under cross-entropy.
    key
        One random key. Member i has the key ``jax.random.fold_in(key, i)``, as in
        :func:`~widthwise.ensembles.sample`; with ``widths`` it is
        ``fold_in(fold_in(key, width), i)``. A network's numbers depend on nothing else but the
        settings: batching changes at most their rounding.
    members
        Number of networks, or a range (start, stop) of them.
    steps
        Number of updates; ``times`` instead means gradient flow.
    optimizer
        An Optax transformation, ``optax.sgd(0.1)``, or a function of the learning rate that makes
        one, ``optax.sgd``, to which ``learning_rates`` are given. Pass the same object every time:
        a new one is compiled anew.
    learning_rates
        For an optimizer that is a function: a number, or a list, which becomes a dimension.
    rates
        Which learning-rate factors of the parametrization apply: ``"sgd"``, ``"adam"``,
        ``"muon"``, or None to try whether updates are proportional to the gradients, or
        independent of their size, which means Adam's.
    loss
        ``"mean"`` or ``"sum"``: half the mean or the sum of the squared errors over samples and
        outputs; ``"cross_entropy"``; or ``loss(outputs, targets)`` of a whole batch.
    test
        A pair (x, y) or inputs alone, on which outputs and loss are recorded also.
    richness
        The number gamma0, or a list, which becomes a dimension: the trained function is
        ``f = net(x) / gamma0`` and learning rates are multiplied by ``gamma0 ** 2`` (by
        ``gamma0`` with the other ``rates``).
    centered
        Whether the outputs at step 0 are subtracted from f.
    batch_size
        Samples in each step; None for all. Every epoch goes once through a new random order of
        the samples, what does not fill a last batch being left out.
    schedule
        Whether each ``"member"`` has its own order of samples, or one is ``"shared"`` by all.
    times
        Gradient flow instead of steps, with records at these times, ascending, that of all samples
        at learning rate 1 (or ``learning_rates``): t steps of gradient descent at a small rate
        eta take time eta t. The result has a dimension ``time`` in the place of ``step``.
    tolerance, max_steps
        Of the solver of gradient flow: relative and absolute error of the parameters in each of
        its steps (None takes the rounding unit to the power 2/3), and their largest number. A
        network whose flow is not solved by then counts as diverged.
    record
        Names of recorders or functions, see :mod:`widthwise.ensembles.training.recorders`.
    at
        After how many updates to record, ascending; the last ends the training. None takes up to
        101, equally spaced, all of them up to 100 steps.
    widths
        Widths of the networks, one ensemble for each, see ``net.at_width``; None for the widths
        that ``net`` has.
    side_by_side
        Networks in one batch; None takes as many as fit in a core's cache, or an accelerator's
        memory.
    devices
        Which train, each its part of the networks; all that this process has if None. On a CPU,
        what is recorded with eigenvalues or singular values takes the first alone.
    out
        A folder: what is recorded is written there as networks are finished, a call that was
        killed goes on where it stopped, with identical numbers, and the result is read from disk
        where it is used. None holds everything in memory.

    Returns
    -------
    xarray.Dataset
        Dimensions ``(width, [learning_rate], [richness], member, step, ...)``. ``diverged_at``
        is the first step at which a network's loss was more than a million times that at step 0
        and that of the function zero, or no number; -1 if none was. From there on what is
        recorded is NaN.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of the accepted ones, or they do not fit each other.

    Notes
    -----
    With ``MeanField`` or ``MuP`` and gradient descent this is the parametrization of Bordelon &
    Pehlevan (2022, arXiv:2205.09653), of richness gamma0 at every width.

    Examples
    --------
    >>> import jax, numpy as np, optax, widthwise as ww
    >>> net = ww.Sequential(ww.Dense(8), ww.Tanh(), ww.Dense(1), parametrization=ww.MeanField())
    >>> x = np.ones((3, 2), np.float32)
    >>> history = train(net, (x, x[:, 0]), key=jax.random.key(0), members=4, steps=2,
    ...                 optimizer=optax.sgd(0.1))
    >>> dict(history.output.sizes)
    {'width': 1, 'member': 4, 'step': 3, 'input': 3}
    """
    problem = checked_problem(net, data, loss=loss, test=test, centered=centered)
    recorders = chosen(record)
    grid = checked_grid(
        key=key,
        members=members,
        widths=widths,
        learning_rates=learning_rates,
        richness=richness,
        needed=None if times is not None else not isinstance(optimizer, Transformation),
    )
    if times is not None:
        unused = (steps, optimizer, rates, batch_size, at)
        if any(value is not None for value in unused):
            raise ValueError(
                "times means gradient flow of all samples: leave out steps, optimizer, rates, "
                "batch_size and at"
            )
        moments = checked_times(times)
        program = flow_of(problem, recorders, moments, tolerance=tolerance, max_steps=max_steps)
    elif steps is None or optimizer is None:
        raise ValueError(
            "give steps and optimizer, such as optimizer=optax.sgd(0.1), or times for gradient flow"
        )
    else:
        moments = checked_steps(steps, at)
        program = Descent(
            problem,
            optimizer,
            checked_rates(optimizer, rates),
            recorders,
            jnp.asarray(np.diff(moments, prepend=0)),
            checked_batch(batch_size, len(problem.x)),
            shared_order(schedule, key),
        )
    if side_by_side is not None and side_by_side < 1:
        raise ValueError(f"side_by_side is {side_by_side}: give a number of at least 1")
    clock = "step" if times is None else "time"
    ensemble = Ensemble(program, grid, clock, moments, side_by_side, chosen_devices(devices))
    return ensemble.trained(net) if out is None else ensemble.streamed(net, Path(out))
