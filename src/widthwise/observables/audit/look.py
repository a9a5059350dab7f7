"""What one forward and one backward pass show of a network, whichever framework it is of."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

OUTPUT = "output"
_MASKED = -1e8
_EDGE = 0.98  # of tanh; its derivative is below 0.04 beyond
_EXAMPLES = 4  # of which attention logits are looked at


class Weight(NamedTuple):
    """One array of parameters.

    Parameters
    ----------
    path, layer
        Where it is, and the module that holds it.
    shape
        Its shape.
    fan_in, fan_out
        Number of terms in the sum that makes one output, and in that which makes the gradient of
        one input; None where that is not known, or the array is no matrix of weights.
    rms
        Root mean square of its entries.
    gradient
        That of its gradient; None where none comes back, or it is not trained.
    """

    path: str
    layer: str
    shape: tuple[int, ...]
    fan_in: int | None
    fan_out: int | None
    rms: float | int
    gradient: float | int | None


class Entered(NamedTuple):
    """What enters a layer, over all examples.

    Parameters
    ----------
    units, dead
        Number of units, and of those that are zero for every example.
    saturated
        Share of entries at the ends of tanh's or the sigmoid's range; 0 where they go beyond it.
    moving
        Whether anything in it is not zero.
    """

    units: int
    dead: int
    saturated: float | int
    moving: bool


class Attended(NamedTuple):
    """Logits of one attention.

    Parameters
    ----------
    spread
        Standard deviation over the keys of a query.
    error
        Its standard error over examples.
    keys
        Mean number of keys of a query.
    """

    spread: float | int
    error: float | int
    keys: float | int


class Passed(NamedTuple):
    """What one of several like blocks makes of what enters it: root mean squares.

    Parameters
    ----------
    name, stack
        The block, and the blocks that it belongs to.
    entered, left, added
        Of what enters, what leaves, and their difference.
    """

    name: str
    stack: str
    entered: float | int
    left: float | int
    added: float | int


class Look(NamedTuple):
    """One forward and one backward pass.

    Parameters
    ----------
    loss
        Before the step.
    kinds
        Class of every layer with parameters, by name, in forward order.
    left, back
        What leaves each layer, and the gradient of the loss by it, one array for each call;
        ``"output"`` is what the model returns.
    entered, weights, attention, blocks
        See there; the first, third and fourth only if details were asked for.
    """

    loss: float | int
    kinds: dict[str, str]
    left: dict[str, list[np.ndarray]]
    back: dict[str, list[np.ndarray]]
    entered: dict[str, Entered]
    weights: list[Weight]
    attention: dict[str, Attended]
    blocks: list[Passed]


class Stepped(NamedTuple):
    """The same batch after one step.

    Parameters
    ----------
    moved
        Mean absolute change of what leaves each layer; infinite where it is not finite.
    loss
        Of the batch.
    """

    moved: dict[str, float]
    loss: float | int


def fans(shape: tuple[int, ...], layout: str) -> tuple[int, int] | tuple[None, None]:
    """Numbers of terms in the sums forwards and backwards, where the layout is known."""
    if len(shape) < 2 or layout not in ("out_in", "in_out"):
        return None, None
    window = math.prod(shape[2:])
    first, second = shape[0] * window, shape[1] * window
    return (second, first) if layout == "out_in" else (first, second)


def root_mean_square(parts: Sequence[np.ndarray]) -> float:
    """Root mean square of all entries."""
    size = sum(part.size for part in parts)
    return float(np.sqrt(sum(_square(part.ravel()) for part in parts) / size)) if size else 0.0


def mean_with_error(parts: Sequence[np.ndarray]) -> tuple[float, float]:
    """Root mean square, and its standard error over the examples, which come first."""
    if len({len(part) for part in parts}) != 1 or len(parts[0]) < 2:
        return root_mean_square(parts), 0.0
    size = sum(part[0].size for part in parts)
    each = [np.array([_square(row.ravel()) for row in part]) for part in parts]
    squares = np.sum(each, axis=0) / size
    mean = float(np.sqrt(squares.mean()))
    spread = float(squares.std(ddof=1) / np.sqrt(len(squares)))
    return mean, spread / (2 * mean) if mean else 0.0


def moved(
    now: Mapping[str, Sequence[np.ndarray]], start: Mapping[str, Sequence[np.ndarray]]
) -> dict[str, float]:
    """Mean absolute change of what leaves each layer."""
    sums = {
        name: sum(float(np.abs(a - b).sum()) for a, b in zip(now[name], parts, strict=True))
        for name, parts in start.items()
    }
    return means(sums, start)


def means(sums: Mapping[str, float], start: Mapping[str, Sequence[np.ndarray]]) -> dict[str, float]:
    """Turn sums of absolute changes into means; infinite where they are not finite."""
    found = {name: sums[name] / sum(p.size for p in parts) for name, parts in start.items()}
    return {name: value if np.isfinite(value) else np.inf for name, value in found.items()}


def entered(value: np.ndarray, *, channels: bool) -> Entered:
    """Look at what enters a layer.

    Parameters
    ----------
    value
        Examples first.
    channels
        Whether units lie on the second axis, as they do before convolutions, rather than the last.
    """
    axis = 1 if channels and value.ndim > 1 else value.ndim - 1
    high = np.max(value, axis=tuple(i for i in range(value.ndim) if i != axis))
    low = np.min(value, axis=tuple(i for i in range(value.ndim) if i != axis))
    dead = int(np.sum((high == 0) & (low == 0)))
    units = value.shape[axis]
    saturated = 0.0
    top, bottom = float(high.max()), float(low.min())
    if _EDGE < top <= 1 and -1 <= bottom < -_EDGE:
        saturated = float(np.mean(np.abs(value) > _EDGE))
    elif _EDGE < top <= 1 and 0 < bottom < 1 - _EDGE:
        saturated = float(np.mean(np.abs(2 * value - 1) > _EDGE))
    return Entered(units, dead, saturated, dead < units)


def attended(logits: np.ndarray) -> Attended | None:
    """Look at attention logits: examples first, keys last, masked ones minus infinity or so."""
    if logits.ndim < 3 or logits.shape[-1] < 2:
        return None
    found = np.asarray(logits[:_EXAMPLES], np.float64)
    kept = ~(found <= _MASKED)
    counts = kept.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        filled = np.where(kept, found, 0.0)
        mean = filled.sum(axis=-1) / np.maximum(counts, 1)
        squares = np.where(kept, (found - mean[..., None]) ** 2, 0.0)
        variance = squares.sum(axis=-1) / np.maximum(counts, 1)
    wide = counts >= min(4, int(counts.max()))
    if not wide.any() or counts.max() < 2:
        return None
    rows = [float(v[w].mean()) for v, w in zip(variance, wide, strict=True) if w.any()]
    spread = float(np.sqrt(np.mean(rows)))
    error = np.std(rows, ddof=1) / np.sqrt(len(rows)) if len(rows) > 1 else 0.0
    return Attended(
        spread, float(error / (2 * spread)) if spread else 0.0, float(counts[wide].mean())
    )


def _square(flat: np.ndarray) -> float:
    return float(np.dot(flat, flat)) if flat.dtype != np.float16 else _square(flat.astype("f4"))
