"""Train a family of models over sizes and learning rates; what is finished is kept on disk."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import Array, Key

from widthwise.ensembles.models import Sizes, Trial, axis_of, planned_models, trial_of
from widthwise.ensembles.models.trial import Training
from widthwise.experiments import store
from widthwise.networks.parametrization import Parametrization
from widthwise.networks.scaling import change_exponents
from widthwise.networks.scaling.exponents import ChangeExponent
from widthwise.networks.scaling.plan import column_of
from widthwise.networks.sequential import Sequential
from widthwise.numerics.generators import numpy_generator
from widthwise.observables.transfer.result import Transfer

_log = logging.getLogger("widthwise")
_DIVERGED = 1e3


def learning_rate_transfer(
    make: Callable[..., Any] | Sequential,
    data: tuple[Any, Any],
    *,
    widths: Sizes,
    learning_rates: Sequence[float] | np.ndarray,
    steps: int,
    batch_size: int,
    optimizer: str = "adam",
    parametrization: str | Parametrization | None = None,
    base_width: int | None = None,
    depths: Sizes | None = None,
    base_depth: int | None = None,
    loss: str | Callable[[Any, Any], Any] = "cross_entropy",
    members: int = 3,
    key: Key[Array, ""] | None = None,
    build: Callable[..., Any] | None = None,
    roles: Mapping[str, str] | None = None,
    out: str | PathLike[str] | None = None,
    **options: Any,
) -> Transfer:
    """Train at every size and learning rate, and see whether the curves of the loss collapse.

    Parameters
    ----------
    make, data, widths, depths, optimizer, parametrization, base_width, base_depth, loss, build
        As for :func:`~widthwise.observables.coordinate_check`; data hold all examples.
    learning_rates
        At the base size, ascending, at least 4.
    steps, batch_size
        Number of steps, and examples in each; drawn anew for every member, the same at all sizes
        and learning rates.
    members
        Models at each size and rate, at least 2.
    key
        Random key; ``jax.random.key(0)`` if None.
    roles, options
        As for :func:`~widthwise.networks.scaling.parametrize`.
    out
        A folder: each size and member is written there as soon as it is finished, and a call that
        was killed goes on where it stopped, with identical numbers.

    Returns
    -------
    Transfer
        ``str`` of it is a table of the shifts of the left flank with theory beside.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of the accepted ones, or ``out`` holds another sweep.

    Notes
    -----
    A run has diverged where its loss is not finite or more than a thousand times that at the start.
    Yang et al. (2022, arXiv:2203.03466).
    """
    column_of(optimizer)
    axis, sizes = axis_of(widths, depths)
    rates = np.asarray(learning_rates, np.float64)
    if rates.ndim != 1 or len(rates) < 4 or np.any(np.diff(rates) <= 0) or not rates[0] > 0:
        raise ValueError(f"learning_rates is {learning_rates}: give at least 4, ascending")
    if members < 2 or steps < 1 or not 1 <= batch_size <= len(data[0]):
        raise ValueError(
            f"members={members}, steps={steps}, batch_size={batch_size} were given for "
            f"{len(data[0])} examples: give members >= 2, steps >= 1, and a batch of examples"
        )
    base = base_width or sizes[0][0], base_depth or sizes[0][1]
    planned = {
        "parametrization": parametrization, "optimizer": optimizer, "roles": roles, **options,
    }  # fmt: skip
    family, rules, plans = planned_models(make, data, sizes, base, planned)
    training = Training(family, data, loss, optimizer, build)
    key = jax.random.key(0) if key is None else key
    folder = None
    if out is not None:
        named_loss = loss if isinstance(loss, str) else getattr(loss, "__qualname__", "")
        arrays = (*data, rates, jax.random.key_data(key))
        parts = [np.ascontiguousarray(a).tobytes() for a in arrays]
        words = json.dumps([steps, batch_size, optimizer, named_loss, str(plans[0]), str(rules)])
        folder = _opened(Path(out), hashlib.sha256(b"".join([*parts, words.encode()])).hexdigest())
    losses = np.empty((len(sizes), members, len(rates), steps))
    for i, (size, plan) in enumerate(zip(sizes, plans, strict=True)):
        trial = trial_of(training, *size, plan=plan)
        for m in range(members):
            own = jax.random.fold_in(key, m)
            batches = numpy_generator(own).integers(len(data[0]), size=(steps, batch_size))
            at = size[axis == "depth"]
            assert at is not None
            path = None if folder is None else folder / f"{axis}-{at}-member-{m}.nc"
            losses[i, m] = _kept(
                path, partial(_row, trial, jax.random.fold_in(own, at), batches, rates)
            )
    found = xr.Dataset(
        {"loss": (("size", "member", "learning_rate", "step"), losses)},
        coords={"size": [size[axis == "depth"] for size in sizes], "learning_rate": rates},
    )
    theory = None
    if rules is not None and axis == "width":
        theory = change_exponents(rules, ["input", "hidden", "output"], optimizer=optimizer)[-1]
    elif rules is not None and rules.branch:
        theory = ChangeExponent(0.0, 0.0)
    name = "as written" if rules is None else rules.name
    return Transfer(found, axis, theory, f"{name}, {optimizer}")


def _row(trial: Trial, key: Key[Array, ""], batches: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Losses of one member at every learning rate, (rates, steps)."""
    found = np.stack([trial.losses(trial.start(key), batches, float(rate)) for rate in rates])
    bad = ~(found <= _DIVERGED * found[:, :1])
    return np.where(np.maximum.accumulate(bad, axis=1), np.inf, found)


def _kept(path: Path | None, measure: Callable[[], np.ndarray]) -> np.ndarray:
    """Read what was measured before, or measure it and write it down."""
    if path is not None and path.exists():
        try:
            return store.read_dataset(path).loss.values
        except store.DamagedFile as error:
            _log.warning("%s: measured again", error)
    found = measure()
    if path is not None:
        store.write_dataset(xr.Dataset({"loss": (("learning_rate", "step"), found)}), path)
    return found


def _opened(folder: Path, identity: str) -> Path:
    """Open the folder of a sweep, or make it."""
    manifest = folder / "sweep.json"
    if manifest.exists():
        if json.loads(manifest.read_text()).get("identity") != identity:
            raise ValueError(f"{folder} holds another sweep: choose another out, a new folder")
    elif folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} holds other things: choose another out, a new folder")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        store.write_text(json.dumps({"identity": identity}) + "\n", manifest)
    return folder
