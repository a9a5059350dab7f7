"""Looking at Equinox modules, also inside ``vmap`` and ``scan``, through calls to the host."""

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PyTree

from widthwise.ensembles.models.equinox import loss_of, optimizer_of
from widthwise.ensembles.models.taps import holds_arrays, seen_by, told
from widthwise.ensembles.models.trial import OPTIMIZERS
from widthwise.ensembles.watched import module_paths, watched
from widthwise.networks.scaling import Plan
from widthwise.networks.scaling.arrays import describe
from widthwise.numerics.choices import check_choice
from widthwise.observables.audit.look import (
    OUTPUT,
    Attended,
    Look,
    Passed,
    Stepped,
    Weight,
    attended,
    entered,
    fans,
    moved,
    root_mean_square,
)
from widthwise.observables.audit.setting import Setting

State = tuple[eqx.Module, Any, Any]
Kept = dict[str, list[np.ndarray]]
_SEPARATOR = "\n"


@dataclass(frozen=True, eq=False)
class EquinoxProbe:
    """See :class:`~widthwise.observables.audit.setting.Probe`; the model maps one example."""

    setting: Setting

    def start(self, model: eqx.Module, plan: Plan | None) -> State:
        """Take the model without dropout, and start its optimizer."""
        own = eqx.nn.inference_mode(model)
        if not describe(own):
            raise ValueError(
                "the model has no parameters (arrays of real numbers): give one that can be trained"
            )
        named = self.setting.optimizer
        if callable(named):
            made = named(own)
        else:
            check_choice("optimizer", named, OPTIMIZERS)
            made = _made(named, self.setting.learning_rate)
            made = made if plan is None else plan.transformation(made)
        return own, made.init(eqx.filter(own, eqx.is_inexact_array)), made

    def step(
        self, state: State, *, details: bool, after: bool = True, since: Look | None = None
    ) -> tuple[Look, Stepped, State]:
        """Look, take one step, and look at how far what leaves the layers has moved."""
        model, inner, made = state
        x, y = (jax.tree.map(jnp.asarray, part) for part in self.setting.batch)
        kinds = {name: _kind(model, name) for name in _order(model, x)}
        with seen_by() as seen:
            losses, sizes, new, inner = _run(
                model, inner, x, y, _Static(self.setting.loss, made.update, details, after)
            )
            before, now = (float(one) for one in losses)
            jax.block_until_ready(sizes)
        parts = _sorted(seen)
        left, back = parts["left"], parts["back"]
        weights = _weights(model, jax.tree.map(float, sizes))
        inputs = {name: entered(v[0], channels=_channels(model, name))
                  for name, v in parts["into"].items() if name in kinds}  # fmt: skip
        look = Look(
            before, kinds, {n: left[n] for n in [*kinds, OUTPUT] if n in left}, dict(back),
            inputs, weights, _attention(model, left) if details else {}, _blocks(model, parts),
        )  # fmt: skip
        far = moved(parts["after"], (since or look).left) if after else {}
        return look, Stepped(far, now), (new, inner, made)


@cache
def _made(name: str, rate: float | int) -> optax.GradientTransformation:
    """Make an optimizer once, so that its programs are shared."""
    return optimizer_of(name, rate)


class _Static(NamedTuple):
    """What a compiled program depends on besides shapes: models of one structure share it."""

    loss: Any
    update: Callable[..., Any]
    details: bool
    after: bool


@eqx.filter_jit
def _run(model: Any, inner: Any, x: Any, y: Any, static: _Static) -> Any:
    params, rest = eqx.partition(model, eqx.is_inexact_array)

    def value(params: PyTree) -> Array:
        own = _tapped(eqx.combine(params, rest), [], static.details)
        outputs = jax.vmap(own)(x)
        tapped = _tap(_name("left", OUTPUT, 0), _name("back", OUTPUT, 0), outputs)
        outputs = jnp.asarray(tapped)
        return loss_of(static.loss, outputs, y)

    loss, gradients = jax.value_and_grad(value)(params)
    updates, inner = static.update(gradients, inner, params)
    new = eqx.combine(optax.apply_updates(params, updates), rest)
    now = loss
    if static.after:
        outputs = jax.vmap(_tapped(new, None, False))(x)
        outputs = told(_name("after", OUTPUT, 0), outputs)
        now = loss_of(static.loss, outputs, y)
    sizes = {
        jax.tree_util.keystr(keys): (_rms(array), _rms(gradient))
        for (keys, array), gradient in zip(
            jax.tree_util.tree_leaves_with_path(params), jax.tree.leaves(gradients), strict=True
        )
    }
    return (loss, now), sizes, new, inner


def _order(model: Any, x: Any) -> list[str]:
    """Return the layers in the order of their calls."""
    order: list[str] = []
    eqx.filter_eval_shape(lambda m, x: jax.vmap(_tapped(m, order, False))(x), model, x)
    return list(dict.fromkeys(order))


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _tap(name: str, back: str, value: Array) -> Array:
    """Tell the host a value, and the gradient of the loss by it."""
    del back
    return told(name, value)


def _tap_forward(name: str, back: str, value: Array) -> tuple[Array, None]:
    return _tap(name, back, value), None


def _tap_backward(name: str, back: str, _: None, gradient: Array) -> tuple[Array]:
    del name
    return (told(back, gradient) if back else gradient,)


_tap.defvjp(_tap_forward, _tap_backward)


def _tapped(model: Any, order: list[str] | None, details: bool) -> Any:
    """Return the model with taps; of the second pass, without an order, they look forward only."""
    modules = module_paths(model)
    stacked = set(_stacks(modules))
    layers = {path for path, module in modules.items() if holds_arrays(module)}
    calls: dict[str, int] = defaultdict(int)

    def watch(path: str, part: Any, *args: Any, **kwargs: Any) -> Any:
        into = next((a for a in args if eqx.is_inexact_array(a)), None)
        number = calls[path]
        calls[path] += 1
        if details and into is not None and not number:
            into = _tap(_name("into", path, 0), "", into)
            args = tuple(into if eqx.is_inexact_array(a) and i == _first(args) else a
                         for i, a in enumerate(args))  # fmt: skip
        out = part(*args, **kwargs)
        if path in layers and order is not None:
            order.append(path)
        if path not in layers and not details:
            return out

        def tap(value: Any) -> Any:
            if not eqx.is_inexact_array(value):
                return value
            if order is None:
                return told(_name("after", path, number), value)
            kind = "left" if path in layers else "block"
            return _tap(_name(kind, path, number), _name("back", path, number), value)

        return jax.tree.map(tap, out)

    return watched(model, layers | (stacked if details else set()), watch)


def _first(args: tuple) -> int:
    return next(i for i, a in enumerate(args) if eqx.is_inexact_array(a))


def _name(kind: str, path: str, number: int) -> str:
    return _SEPARATOR.join((kind, path, str(number)))


def _sorted(seen: dict[str, list[np.ndarray]]) -> dict[str, Kept]:
    """Sort what the host was told by kind and layer, calls in their order."""
    found: dict[str, Kept] = defaultdict(lambda: defaultdict(list))
    for words in sorted(seen, key=lambda w: int(w.rpartition(_SEPARATOR)[2])):
        kind, path, _ = words.split(_SEPARATOR)
        found[kind][path] += seen[words]
    return found


def _stacks(modules: dict[str, eqx.Module]) -> dict[str, str]:
    """Return the paths of modules that stand in a row of at least two of one class."""
    rows: dict[tuple[str, type], list[str]] = defaultdict(list)
    for path, module in modules.items():
        if path.endswith("]") and any(other.startswith(f"{path}.") for other in modules):
            rows[path[: path.rindex("[")], type(module)].append(path)
    return {p: stack for (stack, _), row in rows.items() if len(row) > 1 for p in row}


def _blocks(model: Any, parts: dict[str, Kept]) -> list[Passed]:
    found = []
    for path, stack in _stacks(module_paths(model)).items():
        into, out = (parts[kind].get(path) for kind in ("into", "block"))
        if into and out and into[0].shape == out[0].shape:
            sizes = (root_mean_square([v]) for v in (into[0], out[0], out[0] - into[0]))
            found.append(Passed(path, stack, *sizes))
    return found


def _attention(model: Any, left: Kept) -> dict[str, Attended]:
    """Look at attention modules that are built as Equinox's own."""
    found = {}
    for path, module in module_paths(model).items():
        names = [f"{path}.{part}_proj" for part in ("query", "key")]
        heads = getattr(module, "num_heads", 0)
        if heads and all(name in left for name in names):
            q, k = (left[name][0] for name in names)
            q, k = (v.reshape(*v.shape[:-1], heads, -1)[:4] for v in (q, k))
            logits = np.einsum("bthd,bshd->bhts", q, k) / math.sqrt(q.shape[-1])
            one = attended(logits) if q.ndim == 4 else None
            found |= {} if one is None else {path: one}
    return found


def _weights(model: Any, sizes: dict[str, tuple[float, float]]) -> list[Weight]:
    found = []
    for one in describe(model):
        layout = "unknown" if one.path.endswith("bias") else one.layout
        layer = one.path.rpartition(".")[0]
        rms, gradient = sizes[one.path]
        found.append(Weight(one.path, layer, one.shape, *fans(one.shape, layout), rms, gradient))
    return found


def _kind(model: Any, path: str) -> str:
    return type(module_paths(model)[path]).__name__


def _channels(model: Any, path: str) -> bool:
    module = module_paths(model).get(path)
    return hasattr(module, "kernel_size")


def _rms(array: Array) -> Array:
    return jnp.sqrt(jnp.mean(jnp.square(array)))
