"""Train many networks at once: the public function."""

from collections.abc import Sequence
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Key, PyTree

from widthwise.ensembles.training.batches import in_batches, workers
from widthwise.ensembles.training.descent import Descent
from widthwise.ensembles.training.grid import checked_grid
from widthwise.ensembles.training.labels import dataset_of, joined
from widthwise.ensembles.training.losses import Loss
from widthwise.ensembles.training.problem import checked_problem
from widthwise.ensembles.training.rates import Optimizer, Transformation, checked_rates
from widthwise.ensembles.training.recorders import chosen, described
from widthwise.ensembles.training.schedule import checked_steps
from widthwise.ensembles.training.sizes import fitting_batch
from widthwise.ensembles.training.trained import Recorder
from widthwise.networks import Sequential


def train(
    net: Sequential,
    data: PyTree,
    *,
    key: Key[Array, ""],
    members: int | tuple[int, int],
    steps: int,
    optimizer: Optimizer,
    learning_rates: float | Sequence[float] | None = None,
    rates: str | None = None,
    loss: str | Loss = "mean",
    test: PyTree = None,
    richness: float | Sequence[float] = 1.0,
    centered: bool = False,
    record: str | Recorder | Sequence[str | Recorder] = ("loss", "output"),
    at: Sequence[int] | None = None,
    widths: Sequence[int] | None = None,
    side_by_side: int | None = None,
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
        Number of updates.
    optimizer
        An Optax transformation, ``optax.sgd(0.1)``, or a function of the learning rate that makes
        one, ``optax.sgd``, to which ``learning_rates`` are given. Pass the same object every time:
        a new one is compiled anew.
    learning_rates
        For an optimizer that is a function: a number, or a list, which becomes a dimension.
    rates
        Which learning-rate factors of the parametrization apply: ``"sgd"``, ``"adam"``, or None
        to try whether updates are proportional to the gradients, or independent of their size.
    loss
        ``"mean"`` or ``"sum"``: half the mean or the sum of the squared errors over samples and
        outputs; ``"cross_entropy"``; or ``loss(outputs, targets)`` of a whole batch.
    test
        A pair (x, y) or inputs alone, on which outputs and loss are recorded also.
    richness
        The number gamma0, or a list, which becomes a dimension: the trained function is
        ``f = net(x) / gamma0`` and learning rates are multiplied by ``gamma0 ** 2`` (by
        ``gamma0`` with ``rates="adam"``).
    centered
        Whether the outputs at step 0 are subtracted from f.
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
    moments = checked_steps(steps, at)
    example = optimizer if isinstance(optimizer, Transformation) else optimizer(1.0)
    grid = checked_grid(
        key=key,
        members=members,
        widths=widths,
        learning_rates=learning_rates,
        richness=richness,
        makes=example is not optimizer,
    )
    program = Descent(
        problem,
        optimizer,
        checked_rates(example, rates),
        chosen(record),
        jnp.asarray(np.diff(moments, prepend=0)),
        None,
        None,
    )
    parts = []
    for width, sized in grid.networks(net):
        one = replace(program, problem=replace(problem, net=sized))
        kept = described(one.recorders, one.problem)
        jobs = grid.jobs(width, problem.x.dtype)
        count = len(jobs.richness)
        size = side_by_side or fitting_batch(one.problem, count, workers())
        arrays = {a.name: np.empty((count, len(moments), *a.shape), a.dtype) for a in kept} | {
            "diverged_at": np.empty(count, np.int32)
        }
        for index, (recorded, diverged) in in_batches(one, jobs, batch_size=size):
            for name, array in recorded.items():
                arrays[name][index] = array
            arrays["diverged_at"][index] = diverged
        parts.append(dataset_of(arrays, kept, grid, width=width, clock="step", moments=moments))
    return joined(parts)
