"""Faults that one model shows in one step: each rule is one function."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from widthwise.observables.audit.finding import Fault, Finding, found
from widthwise.observables.audit.look import (
    OUTPUT,
    Look,
    Weight,
    mean_with_error,
    root_mean_square,
)

_SCALE = 4.0  # of a layer's weights against those of its like; fans of one network differ by 2 or 3
_DRIFT = 30.0  # of signal or gradient from the first to the last of like layers
_CONDENSED = 3.0  # spread of logits that no start needs, however few classes
_RANGE = 10.0  # of outputs against targets
_ZERO = 1e-12
_HALF = 0.5
_GROWTH = 3.0  # of the variance over the second half of a stack; a sum of equal branches doubles


class Judged(NamedTuple):
    """What the rules look at.

    Parameters
    ----------
    look
        The model before the step.
    speeds
        Change of every layer's outputs in the step, relative to these.
    targets
        Of the batch.
    trained
        Whether the weights have been trained: rules about starts do not hold for them.
    loss_after
        Loss of the batch after the step.
    """

    look: Look
    speeds: dict[str, float]
    targets: np.ndarray
    trained: bool
    loss_after: float | int


def faults_of(judged: Judged) -> list[Finding]:
    """Return what is wrong, in the order of the forward pass."""
    rules = [dead_units, saturation, no_gradient, attention_logits, step_size]
    if not judged.trained:
        rules += [initial_scale, output_scale, signal_scale, residual_branches]
    findings = [one for rule in rules for one in rule(judged)]
    order = {name: i for i, name in enumerate([*judged.look.kinds, OUTPUT])}
    return sorted(findings, key=lambda f: order.get(f.layer, len(order)))


def condensed(options: float | int) -> float:
    """Spread of random logits at which a softmax settles on few of its options.

    With Gaussian logits of standard deviation s over T options a few of them take a finite share
    from s = sqrt(2 log T) on: Derrida (1981), the random energy model.
    """
    return max(_CONDENSED, math.sqrt(2 * math.log(max(options, 2))))


def dead_units(judged: Judged) -> Iterator[Finding]:
    """More than half of the units behind a layer are zero on all examples.

    Units that start symmetric are positive for an example with probability 1/2, so that, however
    alike the examples are, more than half of them dead is beyond chance.
    """
    names = list(judged.look.kinds)
    for before, name in pairwise(names):
        one = judged.look.entered.get(name)
        if one is not None and one.units:
            limit = _HALF + 3 * math.sqrt(0.25 / one.units)
            words = (
                f"{one.dead} of {one.units} units behind it are zero on all examples",
                "raise its bias, or halve its weights' scale: for ReLU, biases of 0 and a "
                "standard deviation of sqrt(2 / fan-in)",
            )
            yield from found(
                before, "dead units", words, value=one.dead / one.units, limit=min(limit, 0.95)
            )


def saturation(judged: Judged) -> Iterator[Finding]:
    """Most outputs of a tanh or a sigmoid lie at the ends of its range."""
    names = list(judged.look.kinds)
    for before, name in pairwise(names):
        one = judged.look.entered.get(name)
        if one is not None:
            words = (
                f"{one.saturated:.0%} of what its activation returns lies at the ends of the "
                "range, where the derivative is below 4 %",
                "divide its weights, or what enters it, by their scale: a standard deviation of "
                "1 / sqrt(fan-in) for inputs of size 1",
            )
            yield from found(before, "saturated", words, value=one.saturated, limit=_HALF)


def no_gradient(judged: Judged) -> Iterator[Finding]:
    """Arrays of parameters to which no gradient comes."""
    look = judged.look
    names = list(look.kinds)
    groups: dict[str, list[Weight]] = defaultdict(list)
    for weight in look.weights:
        groups[weight.layer].append(weight)
    empty = {layer for layer, own in groups.items() if any(w.fan_in and w.rms == 0 for w in own)}
    cut = {f.layer for f in dead_units(judged) if f.value == 1}
    for layer, own in groups.items():
        decisive = [w for w in own if w.fan_in] or own
        inside = look.entered.get(layer)
        if any(w.gradient for w in decisive) or (inside is not None and not inside.moving):
            continue
        later = names[names.index(layer) + 1 :] if layer in names else []
        if any(name in empty or name in cut for name in later) or layer in cut:
            continue  # a layer that starts at zero lets nothing back before the second step
        missing = all(w.gradient is None for w in decisive)
        words = (
            "its parameters get no gradient" + (": they are not trained, or not used" if missing
            else ": it is exactly zero"),
            "let them require gradients, use them, and look for detach or stop_gradient behind",
        )  # fmt: skip
        yield from found(layer, "no gradient", words, value=1.0, limit=0.0)


def attention_logits(judged: Judged) -> Iterator[Finding]:
    """Logits so far apart that attention starts, or overflows, on few keys."""
    for layer, one in judged.look.attention.items():
        limit = condensed(one.keys) * (10 if judged.trained else 1)
        words = (
            f"its logits have a standard deviation of {one.spread:.3g} over {one.keys:.3g} keys",
            "divide the weights of queries and keys by "
            f"{math.sqrt(max(one.spread, 1)):.3g}, or logits by sqrt(head size)",
        )
        yield from found(
            layer, "attention logits", words, value=one.spread, error=one.error, limit=limit
        )


def step_size(judged: Judged) -> Iterator[Finding]:
    """One step that raises the loss of the batch it is made for, at the layer that moves most."""
    sizes = {n: root_mean_square(p) for n, p in judged.look.left.items() if n != OUTPUT}
    large = [n for n, size in sizes.items() if size >= 0.1 * float(np.median([*sizes.values()]))]
    broken = [n for n in sizes if not math.isfinite(judged.speeds.get(n, 0.0))]
    layer = [*broken, *sorted(large, key=lambda n: -judged.speeds.get(n, 0.0)), OUTPUT][0]
    before, now = judged.look.loss, judged.loss_after
    value = now / before if math.isfinite(now) and before > 0 else math.inf
    words = (
        f"one step takes the loss from {before:.4g} to {now:.4g}, and changes the outputs of this "
        f"layer by {judged.speeds.get(layer, math.nan):.3g} times their size",
        "lower the learning rate; with Adam, start from 1 / (largest fan-in)",
    )
    if now > before or not math.isfinite(now):
        yield from found(layer, "step size", words, value=value, limit=1.0)


def initial_scale(judged: Judged) -> Iterator[Finding]:
    """Weights far larger or smaller than those of like layers, in units of 1 / sqrt(fan-in)."""
    head = _head(judged.look)
    own = {w.path: w for w in judged.look.weights if w.fan_in and w.rms > 0 and w.layer != head}
    for weight in own.values():
        usual = _usual(weight, own, "fan_in")
        ratio, other = weight.rms / usual, weight.rms / _usual(weight, own, "fan_out")
        words = (
            f"its weights have a standard deviation of {weight.rms:.3g}, {ratio:.2g} times that "
            "of like layers",
            f"start them with {usual:.3g}: multiply by {1 / ratio:.3g}",
        )
        # Starts that go by the number of inputs, and by that of outputs, are both in use.
        value = min(max(r, 1 / r) for r in (ratio, other))
        yield from found(weight.layer, "initial scale", words, value=value, limit=_SCALE)


def _usual(weight: Weight, own: dict[str, Weight], fan: str) -> float:
    """Standard deviation that like layers would have here, if it goes as 1 / sqrt(fan)."""
    gains = {p: w.rms * math.sqrt(getattr(w, fan)) for p, w in own.items() if p != weight.path}
    like = [gain for path, gain in gains.items() if _like(path) == _like(weight.path)]
    if len(like) < 3:
        like = [*gains.values(), 1.0]
    return float(np.median(like)) / math.sqrt(getattr(weight, fan))


def output_scale(judged: Judged) -> Iterator[Finding]:
    """Outputs so large that the loss starts far above that of a constant."""
    look, targets = judged.look, judged.targets
    outputs = look.left[OUTPUT]
    layer = _head(look)
    if np.issubdtype(targets.dtype, np.integer) and outputs[0].shape[-1] > 1:
        centred = [o - o.mean(axis=-1, keepdims=True) for o in outputs]
        size, error = mean_with_error(centred)
        limit = condensed(outputs[0].shape[-1])
        what, aim = f"logits start with a standard deviation of {size:.3g}", 1.0
    else:
        wanted = float(np.sqrt(np.mean(np.square(targets, dtype=np.float64)))) or 1.0
        size, error = mean_with_error(outputs)
        limit = _RANGE * wanted
        what, aim = f"outputs start at a size of {size:.3g}, targets have {wanted:.3g}", wanted
    words = (what, f"multiply the weights of this layer by {aim / max(size, _ZERO):.3g}, or by 0")
    yield from found(layer, "output scale", words, value=size, error=error, limit=limit)


def signal_scale(judged: Judged) -> Iterator[Finding]:
    """Signal or gradient that grows or shrinks from one of like layers to the next."""
    look = judged.look
    head = _head(look)
    for values, noun, backwards in ((look.left, "signal", False), (look.back, "gradient", True)):
        rows: dict[str, list[str]] = defaultdict(list)
        for name in look.kinds:
            if name in values and name != head and look.kinds[name] != "Embedding":
                rows[_like(name) + look.kinds[name]].append(name)
        for row in rows.values():
            sizes = [mean_with_error(values[name]) for name in (row[::-1] if backwards else row)]
            if len(row) < 3 or sizes[0][0] <= _ZERO or not math.isfinite(sizes[-1][0]):
                continue
            (first, a), (last, b) = sizes[0], sizes[-1]
            if last <= 0:
                continue  # dead units, or no gradient, which are told elsewhere
            ratio = last / first
            value = max(ratio, 1 / ratio)
            error = value * math.hypot(a / first, b / last)
            each = ratio ** (1 / (len(row) - 1))
            kind: Fault = f"{'exploding' if ratio > 1 else 'vanishing'} {noun}"  # pyright: ignore[reportAssignmentType]
            words = (
                f"the size of the {noun} is multiplied by {each:.3g} in each of {len(row)} like "
                f"layers, by {ratio:.2g} in all",
                f"multiply the initial weights of these layers by {1 / each:.3g}",
            )
            layer = row[0] if backwards else row[-1]
            yield from found(layer, kind, words, value=value, error=error, limit=_DRIFT)


def residual_branches(judged: Judged) -> Iterator[Finding]:
    """A stack of blocks in which each multiplies the variance of what enters it.

    With branches divided by sqrt(depth) the second half of a stack multiplies the variance by less
    than e, and normalized branches that are not divided double it.
    """
    rows: dict[str, list] = defaultdict(list)
    for block in judged.look.blocks:
        rows[block.stack].append(block)
    for stack, row in rows.items():
        if len(row) < 4 or not all(b.entered > 0 and b.added > 0 for b in row):
            continue
        half = row[len(row) // 2 :]
        growth = (half[-1].left / half[0].entered) ** 2
        strong = max(half, key=lambda b: b.added / b.entered)
        words = (
            f"the variance of what passes through grows {growth:.3g} times over the last "
            f"{len(half)} of {len(row)} blocks; branches add {strong.added / strong.entered:.2g} "
            "times what enters",
            f"multiply every branch by 1 / sqrt(depth) = {1 / math.sqrt(len(row)):.3g}: the "
            "weights of its last layer",
        )
        limit = max(_GROWTH, (1 + 1 / len(row)) ** len(half))
        yield from found(stack, "residual branches", words, value=growth, limit=limit)


def _head(look: Look) -> str:
    """Return the layer whose outputs are those of the model: the last one with weights."""
    matrices = {w.layer for w in look.weights if w.fan_in}
    names = [name for name in look.kinds if name in matrices] or list(look.kinds)
    return names[-1] if names else OUTPUT


def _like(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def worst(findings: Sequence[Finding]) -> list[Finding]:
    """Keep the surer of findings of one fault in one layer."""
    best: dict[tuple[str, str], Finding] = {}
    for one in findings:
        known = best.get((one.layer, one.fault))
        if known is None or one.low - one.limit > known.low - known.limit:
            best[one.layer, one.fault] = one
    return list(best.values())
