"""How much the layers of one model move in its first steps."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Key

from widthwise.ensembles.models import Trial

_DIVERGED = 1e6


class Moved(NamedTuple):
    """Means of absolute entries, one for each step from 0 on, by layer.

    Parameters
    ----------
    change
        Of the difference to the start.
    magnitude
        Of what leaves the layer.
    pull
        Sum of the absolute derivatives of the loss by the outputs, at the start.
    """

    change: list[dict[str, float]]
    magnitude: list[dict[str, float]]
    pull: float | int


def moved(
    trial: Trial, key: Key[Array, ""], data: tuple[Any, Any], *, steps: int, rate: float | int
) -> Moved:
    """Train one model on one batch, and compare its activations with those of the start.

    Parameters
    ----------
    trial
        The model.
    key
        Random key of its weights.
    data
        The batch.
    steps, rate
        Number of steps, and learning rate.

    Returns
    -------
    Moved
        From the step on where anything is not finite, or a million times its size at the start,
        changes are infinite.

    Raises
    ------
    ValueError
        If the loss is not finite at the start, or does not depend on the outputs.
    """
    x, y = data
    state = trial.start(key)
    pull = trial.pull(state, x, y)
    if not 0 < pull < np.inf:
        raise ValueError(
            f"the derivative of the loss by the outputs sums to {pull} before the first step: give "
            "a loss that is a finite number and depends on all outputs"
        )
    start = trial.activations(state, x)
    size = {name: _mean(h) for name, h in start.items()}
    change, magnitude = [dict.fromkeys(start, 0.0)], [size]
    lost = not all(np.isfinite(list(size.values())))
    for _ in range(steps):
        state = trial.step(state, x, y, rate)
        now = trial.activations(state, x)
        magnitude.append({name: _mean(now[name]) for name in start})
        lost = lost or any(
            not value <= _DIVERGED * max(size[name], 1e-30)
            for name, value in magnitude[-1].items()
            if size[name] > 0 or not np.isfinite(value)
        )
        change.append({name: np.inf if lost else _mean(now[name] - h) for name, h in start.items()})
    return Moved(change, magnitude, pull)


def _mean(values: np.ndarray) -> float:
    return float(np.mean(np.abs(values), dtype=np.float64))
