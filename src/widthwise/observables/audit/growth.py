"""Models of several widths or depths in one step: what depends on the size."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr
from jaxtyping import Array, Key

from widthwise.networks.scaling import Family, Plan
from widthwise.networks.scaling.sites import Site
from widthwise.observables.audit.finding import Finding
from widthwise.observables.audit.look import OUTPUT, Look, Stepped, moved
from widthwise.observables.audit.setting import Setting, probe_of
from widthwise.observables.coordinate_check import CoordinateCheck
from widthwise.observables.coordinate_check.slope import slope_of
from widthwise.observables.coordinate_check.theory import layer_roles, theory_of

QUARTER = 0.25  # powers of theory are multiples of one half
Sizes = Sequence[tuple[int, int | None]]


class Grown(NamedTuple):
    """What was seen at all sizes.

    Parameters
    ----------
    changes, pulls
        For each size and model, the mean absolute change of each layer after each step, and the
        sum of the absolute derivatives of the loss by the outputs.
    streams
        For each size and model, the size of what all blocks of a stack add, by stack.
    passes
        Steps that a model took, with a second forward pass as a third of one, times models.
    """

    changes: list[list[list[dict[str, float]]]]
    pulls: list[list[float]]
    streams: list[list[dict[str, float]]]
    passes: float | int


def grow(
    family: Family,
    sizes: Sizes,
    plans: Sequence[Plan | None],
    setting: Setting,
    *,
    members: int,
    key: Key[Array, ""],
    blocks: bool = False,
) -> Grown:
    """Look at models of all sizes.

    Parameters
    ----------
    family
        Their constructor.
    sizes, plans
        Widths and depths, and the plan of each.
    setting
        How they are trained.
    members
        Models of each size. If features move from the second step on only, as they do behind a
        readout that starts at zero, all take two.
    key
        Random key.
    blocks
        Whether to measure what stacks of blocks add.
    """
    changes, pulls, streams, twice, cost = [], [], [], False, 0.0
    for i, ((width, depth), plan) in enumerate(zip(sizes, plans, strict=True)):
        probe, spent = None, 0.0
        rows: tuple[list, list, list] = ([], [], [])
        for m, one in enumerate(jax.random.split(jax.random.fold_in(key, i), members)):
            model = family.model(width, depth, key=one)
            if plan is None:
                family.remember(model, width, depth)
            else:
                model = plan.initialize(model)
            probe = probe or probe_of(model, setting)
            state = probe.start(model, plan)
            first = i == 0 and m == 0
            look, after, state = probe.step(state, details=blocks, after=first or not twice)
            check_finite(look)
            spent += 1 + (first or not twice) / 3
            steps = [after.moved] if after.moved else []
            if first and _only_last(steps[0], look):
                twice = True
            if twice:
                # What leaves the layers before the second step is what leaves them after the first.
                second, later, _ = probe.step(state, details=False, since=look)
                spent += 4 / 3
                steps = [moved(second.left, look.left), later.moved]
            rows[0].append(steps)
            rows[1].append(sum(float(np.abs(b).sum()) for b in look.back.get(OUTPUT, [])))
            rows[2].append(_streams(look))
        cost = max(cost, spent)
        changes.append(rows[0])
        pulls.append(rows[1])
        streams.append(rows[2])
    return Grown(changes, pulls, streams, cost)


def looked(model: Any, plan: Plan | None, setting: Setting) -> tuple[Look, Stepped]:
    """Look at one model in detail, before and after a step."""
    probe = probe_of(model, setting)
    look, after, _ = probe.step(probe.start(model, plan), details=True)
    check_finite(look)
    return look, after


def check_of(
    grown: Grown, axis: str, sizes: Sizes, *, sites: Sequence[Site], rules: Any, optimizer: str
) -> CoordinateCheck:
    """Return changes against the size, with slopes, as a coordinate check.

    Layers that do not stand in models of all sizes are left out; over depth, so are those inside
    of blocks.
    """
    arrays = {path: s.role for s in sites for path in (s.path, *s.tied)}
    tied = [path for s in sites if s.tied for path in (s.path, *s.tied)]
    stacks = tuple(grown.streams[0][0]) if axis == "depth" else ()
    layers = [
        name
        for name in grown.changes[0][0][-1]
        if all(name in model[-1] for row in grown.changes for model in row)
        and not any(name.startswith((f"{stack}.", f"{stack}[")) for stack in stacks)
    ]
    roles = layer_roles(layers, arrays, tied)
    numbers = np.array(
        [[[[step[n] for n in layers] for step in model] for model in row] for row in grown.changes]
    )
    numbers = np.concatenate([np.zeros_like(numbers[:, :, :1]), numbers], axis=2)
    if optimizer == "sgd":
        numbers = numbers / np.array(grown.pulls)[:, :, None, None]
    data = xr.Dataset(
        {"change": (("size", "member", "step", "layer"), numbers)},
        coords={
            "size": [size[axis == "depth"] for size in sizes],
            "step": range(numbers.shape[2]),
            "layer": layers,
        },
    )
    theory = theory_of(rules, roles, optimizer=optimizer, axis=axis)
    return CoordinateCheck(
        data, axis, roles, theory, {1: QUARTER, 2: QUARTER}, f"one step of {optimizer}"
    )


def transfer(check: CoordinateCheck, advice: str) -> list[Finding]:
    """Say from which layer on the first steps depend on the size."""
    fault = f"transfer over {check.axis}"
    last = check.data.step.values.tolist()[-1]
    rows = [row for row in check.slopes(last) if row.slope is not None or row.scaling == "diverged"]
    bad = [row for row in rows if row.scaling in ("grows", "shrinks", "diverged")]
    if not bad:
        return []
    first = bad[0]
    if first.slope is None:
        words = f"changes in the first step are not finite at {check.axis}s that were tried"
        return [Finding(first.layer, fault, words, advice, np.inf, np.inf, np.inf, QUARTER)]  # pyright: ignore[reportArgumentType]
    slope, sign = first.slope, 1 if first.slope.value > 0 else -1
    low, high = sorted((sign * slope.lower, sign * slope.upper))
    others = len(bad) - 1
    behind = f", and in {others} more layers" if others else ""
    words = (
        f"the change in one step goes as {check.axis}^{slope.value:+.2f} "
        f"({slope.lower:+.2f} to {slope.upper:+.2f}), not 0{behind}: a learning rate of one "
        f"{check.axis} is wrong at another"
    )
    return [Finding(first.layer, fault, words, advice, sign * slope.value, low, high, QUARTER)]  # pyright: ignore[reportArgumentType]


def branches(grown: Grown, depths: Sequence[int]) -> list[Finding]:
    """Say whether what the blocks add grows with their number.

    Independent branches of fixed size add up to sqrt(depth), those divided by sqrt(depth) to 1.
    """
    found = []
    for stack in grown.streams[0][0]:
        samples = np.array([[model.get(stack, 0.0) for model in row] for row in grown.streams])
        if not np.all(np.isfinite(samples)) or not np.all(samples > 0):
            continue
        slope = slope_of(np.array(depths, float), samples)
        words = (
            f"what its blocks add up to at the start goes as depth^{slope.value:+.2f} "
            f"({slope.lower:+.2f} to {slope.upper:+.2f}), not 0",
            "multiply every branch by 1 / sqrt(depth): the initial weights of its last layer",
        )
        numbers = slope.value, slope.lower, slope.upper, QUARTER
        if slope.value > QUARTER:
            found.append(Finding(stack, "residual branches", *words, *numbers))
    return found


def check_finite(look: Look) -> None:
    """Refuse a model whose loss is not finite, and say where that begins.

    Raises
    ------
    ValueError
        If it is not.
    """
    if np.isfinite(look.loss):
        return
    first = next((n for n, p in look.left.items() if not all(np.isfinite(v).all() for v in p)), "")
    where = f"; the first layer with outputs that are not finite is {first}" if first else ""
    raise ValueError(
        f"the loss is {look.loss} before the first step{where}: give a model, a batch and a loss "
        "that are finite"
    )


def _only_last(changes: dict[str, float], look: Look) -> bool:
    """Tell whether nothing but the last layer has moved."""
    still = [name for name in look.kinds if changes[name] == 0]
    return len(still) == len(look.kinds) - 1 > 0 and changes[OUTPUT] > 0


def _streams(look: Look) -> dict[str, float]:
    rows: dict[str, list] = {}
    for block in look.blocks:
        rows.setdefault(block.stack, []).append(block)
    return {
        stack: float(np.sqrt(max(row[-1].left ** 2 - row[0].entered ** 2, 0.0)))
        for stack, row in rows.items()
    }
