"""Audit a user's own network: the public function."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Key

from widthwise.networks.parametrization import Parametrization
from widthwise.networks.scaling.family import is_torch
from widthwise.observables.audit.faults import Judged, faults_of, worst
from widthwise.observables.audit.finding import Finding
from widthwise.observables.audit.given import batch_of, called, given_model
from widthwise.observables.audit.growth import branches, looked, transfer
from widthwise.observables.audit.look import Look, Stepped, mean_with_error
from widthwise.observables.audit.result import Audit, AuditedLayer, Cost
from widthwise.observables.audit.setting import Setting
from widthwise.observables.audit.sizes import Common, over_sizes, sizes_around

_NARROW = (64, 128, 256, 512)
_DEPTHS = (2, 4, 8)


def audit(
    model: Any,
    *,
    batch: tuple[Any, Any] | None = None,
    loss: str | Callable[[Any, Any], Any] | None = None,
    learning_rate: float | int = 1e-3,
    optimizer: str | Callable[[Any], Any] = "adam",
    widths: Sequence[int] | None = None,
    depths: Sequence[int] | None = None,
    parametrization: str | Parametrization | None = None,
    base_width: int | None = None,
    members: int = 3,
    trained: bool = False,
    key: Key[Array, ""] | None = None,
    width_argument: str | None = None,
    depth_argument: str | None = None,
) -> Audit:
    """Say what is wrong with a network, layer by layer, and what to change.

    One training step is taken, and signal, gradient and motion of every layer are looked at. Where
    a constructor takes a width (or a depth), a few models of several sizes take it with a quarter
    of the examples, and the changes are compared, as in :func:`~widthwise.coordinate_check`.

    Parameters
    ----------
    model
        An Equinox module, which maps one example, or a PyTorch module, which maps a batch; or a
        function or class that makes one, whose arguments of width and depth are found by their
        usual names (``width``, ``d_model``, ``n_embd``, ...; ``depth``, ``n_layer``, ...); a
        :class:`~widthwise.networks.Sequential`, with its own parametrization; or the path of a
        Hugging Face model's folder. None is changed.
    batch
        Inputs and targets, examples first; of 8 examples or more. If None, inputs are drawn that
        fit the first layer. Inputs of a PyTorch model may be a tuple or dictionary of arguments.
    loss
        ``"cross_entropy"``, ``"mean"`` or ``loss(outputs, targets)``; by the targets if None.
    learning_rate, optimizer
        How it is trained: ``"sgd"``, ``"adam"``, ``"adamw"``, and for Equinox ``"sign"`` and
        ``"lion"``; or a function of the model that returns an optimizer of PyTorch or an Optax
        transformation.
    widths, depths
        Sizes to compare; if None, four widths and three depths around the constructor's defaults.
        An empty sequence compares none.
    parametrization, base_width
        Trains as :func:`~widthwise.networks.scaling.parametrize` says; as it is written if None.
    members
        Models of each size, at least 2.
    trained
        Whether the weights have been trained, so that rules about starts do not hold.
    key
        Random key; ``jax.random.key(0)`` if None.
    width_argument, depth_argument
        Names of the constructor's arguments, where they are not usual ones.

    Returns
    -------
    Audit
        ``faults``, ``healthy``, ``layers``, ``width`` (a coordinate check), ``paste()``; ``str``
        of it is a table.

    Raises
    ------
    TypeError, ValueError
        If the model has no parameters, cannot be called with the batch, its loss is not finite,
        or its constructor does not use the width.

    Notes
    -----
    Each rule and its limit is documented where it stands, in ``observables.audit.faults``.
    Changes over sizes: Yang et al. (2022, arXiv:2203.03466), appendix D.1.

    Examples
    --------
    >>> import equinox as eqx, jax, widthwise as ww
    >>> model = eqx.nn.MLP(8, 4, 64, 3, key=jax.random.key(0))
    >>> ww.audit(model).healthy
    True
    >>> bad = eqx.tree_at(lambda m: m.layers[1].weight, model, replace_fn=lambda w: 10 * w)
    >>> [(one.layer, one.fault) for one in ww.audit(bad).faults]
    [('.layers[1]', 'initial scale')]
    """
    start = time.perf_counter()
    if members < 2:
        raise ValueError(f"members is {members}: give at least 2")
    if not 0 < learning_rate < float("inf"):
        raise ValueError(f"learning_rate is {learning_rate}: give a positive number")
    if callable(optimizer) and parametrization is not None:
        raise ValueError("give a parametrization, or an optimizer that groups arrays itself")
    key = jax.random.key(0) if key is None else key
    given = given_model(model, width_argument, depth_argument, batch)
    maker = given.maker
    chosen = tuple(widths) if widths is not None else sizes_around(maker.width, _NARROW)
    around = tuple(depths) if depths is not None else sizes_around(maker.depth, _DEPTHS)
    if given.first is not None:
        made = given.first
    else:
        made = maker.make(
            None if maker.width or not maker.takes_width or not chosen else chosen[0],
            None if maker.depth or not maker.takes_depth or not around else around[0],
            key,
        )
    notes = list(given.notes)
    x, y, chosen_loss = batch_of(made, given.batch if batch is None else batch, loss, notes)
    setting = Setting((x, y), chosen_loss, optimizer, learning_rate)
    plain = optimizer if isinstance(optimizer, str) else "adam"
    common = Common(given, setting, members, parametrization, base_width, plain, notes, key)
    findings: list[Finding] = []
    wide = deep = plan = shown = None
    passes, models = 0.0, 0
    if maker.takes_width and chosen:
        over = over_sizes(common, chosen, depths=None)
        wide, plan, shown = over.check, over.plan, over.shown
        findings += transfer(wide, _advice(parametrization, optimizer))
        passes, models = over.passes, over.models
    if maker.takes_depth and around:
        smallest = int(wide.data["size"].values[0]) if wide is not None else maker.width
        over = over_sizes(common, smallest or _NARROW[0], depths=around)
        deep = over.check
        findings += branches(over.grown, around)
        findings += transfer(deep, "multiply branches by 1 / sqrt(depth) or 1 / depth, and see "
                             "ww.parametrize(..., parametrization='completep')")  # fmt: skip
        passes, models = max(passes, over.passes), models + over.models
    if given.first is not None or shown is None:
        shown = called(lambda: looked(made, None, setting))
        passes, models = max(passes, 4 / 3), models + 1
    look, after = shown
    speeds = _speeds(look, after)
    judged = Judged(look, speeds, np.asarray(y), trained or given.trained, after.loss)
    findings = worst([*faults_of(judged), *findings])
    named = optimizer if isinstance(optimizer, str) else "the optimizer given"
    how = named if callable(optimizer) else f"{named}, learning rate {learning_rate:g}"
    return Audit(
        given.name, _layers(look, speeds), findings, look.loss, after.loss, wide, deep, plan,
        notes, how, Cost(models, passes, time.perf_counter() - start),
        {"learning_rate": learning_rate, "torch": is_torch(made)},
    )  # fmt: skip


def _advice(parametrization: Any, optimizer: Any) -> str:
    if callable(optimizer):
        return "let the learning rates of its groups follow the width, as ww.parametrize says"
    if parametrization is None:
        return (
            "start and train each array as muP says: paste the groups that --apply, or paste(), "
            "prints"
        )
    return "use parametrization='mup'"


def _speeds(look: Look, after: Stepped) -> dict[str, float]:
    found = {}
    for name, parts in look.left.items():
        size = sum(float(np.abs(part).sum()) for part in parts) / sum(p.size for p in parts)
        found[name] = after.moved[name] / size if size else float("nan")
    return found


def _layers(look: Look, speeds: dict[str, float]) -> list[AuditedLayer]:
    matrices = {w.layer: w for w in reversed(look.weights) if w.fan_in}
    found = []
    for name, kind in look.kinds.items():
        back, weight = look.back.get(name), matrices.get(name)
        found.append(
            AuditedLayer(
                name, kind, mean_with_error(look.left[name])[0] if name in look.left else 0.0,
                mean_with_error(back)[0] if back else None, speeds.get(name, float("nan")),
                weight.rms if weight else None,
                weight.rms * float(np.sqrt(weight.fan_in or 1)) if weight else None,
            )
        )  # fmt: skip
    return found
