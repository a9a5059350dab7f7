"""Looking at PyTorch modules, by hooks; the only file of the audit that imports torch."""

import copy
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from widthwise.ensembles.models.pytorch import BUILD, arguments, logits_of, loss_of
from widthwise.networks.scaling import Plan
from widthwise.networks.scaling.arrays import layout_of
from widthwise.numerics.choices import check_choice
from widthwise.observables.audit.look import (
    OUTPUT,
    Attended,
    Entered,
    Look,
    Passed,
    Stepped,
    Weight,
    attended,
    entered,
    fans,
    means,
    root_mean_square,
)
from widthwise.observables.audit.setting import Setting

State = tuple[torch.nn.Module, torch.optim.Optimizer]
_DROPOUT = (
    torch.nn.Dropout, torch.nn.Dropout1d, torch.nn.Dropout2d, torch.nn.Dropout3d,
    torch.nn.AlphaDropout, torch.nn.FeatureAlphaDropout,
)  # fmt: skip
_SOFTMAX = (torch.softmax, torch.Tensor.softmax, torch.nn.functional.softmax)


@dataclass(frozen=True, eq=False)
class TorchProbe:
    """See :class:`~widthwise.observables.audit.setting.Probe`; the model maps a batch."""

    setting: Setting

    def start(self, model: torch.nn.Module, plan: Plan | None) -> State:
        """Copy the model, without dropout, and make its optimizer."""
        own = copy.deepcopy(model)
        for module in own.modules():
            if isinstance(module, _DROPOUT):
                module.eval()
        if not any(p.requires_grad and p.is_floating_point() for p in own.parameters()):
            raise ValueError(
                "the model has no parameters that require gradients: give one that can be trained"
            )
        named, rate = self.setting.optimizer, self.setting.learning_rate
        if callable(named):
            return own, named(own)
        check_choice("optimizer of a PyTorch model", named, tuple(BUILD))
        if plan is None:
            trained = [p for p in own.parameters() if p.requires_grad]
            return own, BUILD[named](trained, lr=rate)
        epsilon = None if named == "sgd" else 1e-8
        return own, BUILD[named](plan.parameter_groups(own, learning_rate=rate, epsilon=epsilon))

    def step(
        self, state: State, *, details: bool, after: bool = True, since: Look | None = None
    ) -> tuple[Look, Stepped, State]:
        """Look, take one step, and look at how far what leaves the layers has moved."""
        model, optimizer = state
        optimizer.zero_grad(set_to_none=True)
        seen = _Seen(model, details)
        x, y = (as_tensors(part) for part in self.setting.batch)
        # Whatever is random in the model is the same before and after the step.
        with torch.random.fork_rng(devices=[]):
            outputs = _called(model, x, seen)
        loss = loss_of(self.setting.loss, outputs, y)
        if not isinstance(loss, torch.Tensor) or loss.shape != ():
            raise ValueError(f"loss(outputs, targets) returns {loss}: return one real number")
        if not loss.requires_grad:
            raise ValueError(
                "no parameter of the model is trained by this loss: let some require gradients"
            )
        loss.backward()
        look = Look(
            float(loss.detach()), seen.kinds, dict(seen.left), seen.gradients(), seen.entered,
            _weights(model) if details else [], seen.attention, seen.blocks,
        )  # fmt: skip
        optimizer.step()
        if not after:
            return look, Stepped({}, math.nan), state
        start = (since or look).left
        seen = _Moved(model, False, start=start)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            now = loss_of(self.setting.loss, _called(model, x, seen), y)
        return look, Stepped(means(seen.sums, start), float(now)), state


@dataclass
class _Seen:
    """What hooks have seen in one call of a model."""

    model: torch.nn.Module
    details: bool
    kinds: dict[str, str] = field(default_factory=dict)
    left: dict[str, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
    back: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    entered: dict[str, Entered] = field(default_factory=dict)
    attention: dict[str, Attended] = field(default_factory=dict)
    blocks: list[Passed] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hang hooks on the modules, and take them off again."""
        names = {module: name for name, module in self.model.named_modules()}
        stacks = _stacks(self.model) if self.details else {}
        handles = []
        for module, name in names.items():
            if self.details:
                handles.append(module.register_forward_pre_hook(_Enter(self, name)))
            if name and next(module.parameters(recurse=False), None) is not None:
                handles.append(module.register_forward_hook(_Leave(self, name)))
            if module in stacks:
                handles.append(module.register_forward_hook(_Block(self, name, stacks[module])))
            if self.details:
                handles.append(module.register_forward_hook(self._leave))
        try:
            if self.details:
                with _Attention(self):
                    yield
            else:
                yield
        finally:
            for handle in handles:
                handle.remove()

    def _leave(self, *_: Any) -> None:
        self.inside.pop()

    def keep(self, name: str, value: Any) -> None:
        """Keep a copy of a value, which may be changed in place later, and its gradient."""
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            return
        self.left[name].append(value.detach().clone().cpu().numpy())
        if value.requires_grad and (self.details or name == OUTPUT):
            value.register_hook(self.back[name].append)

    def gradients(self) -> dict[str, list[np.ndarray]]:
        """Return the gradients, in the order of the calls; none where one did not come back."""
        return {
            name: [part.detach().cpu().numpy() for part in reversed(parts)]
            for name, parts in self.back.items()
        }


@dataclass
class _Moved(_Seen):
    """Adds up how far values are from earlier ones, at once: copies would cost as much again."""

    start: dict[str, list[np.ndarray]] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    calls: Counter[str] = field(default_factory=Counter)

    def keep(self, name: str, value: Any) -> None:
        """Compare with what was seen in the same call."""
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            return
        before = torch.from_numpy(self.start[name][self.calls[name]])
        self.calls[name] += 1
        self.sums[name] += float((value.detach().cpu() - before).abs_().sum())


@dataclass(frozen=True)
class _Enter:
    seen: _Seen
    name: str

    def __call__(self, module: torch.nn.Module, args: Any) -> None:
        del module, args
        self.seen.inside.append(self.name)


@dataclass(frozen=True)
class _Leave:
    seen: _Seen
    name: str

    def __call__(self, module: torch.nn.Module, args: Any, value: Any) -> None:
        seen = self.seen
        first = args[0] if args and isinstance(args[0], torch.Tensor) else None
        known = self.name in seen.kinds
        seen.kinds.setdefault(self.name, type(module).__name__)
        if seen.details and first is not None and not known and first.is_floating_point():
            channels = hasattr(module, "kernel_size") or hasattr(module, "num_features")
            seen.entered[self.name] = entered(first.detach().cpu().numpy(), channels=channels)
        for part in value if isinstance(value, tuple | list) else [value]:
            seen.keep(self.name, part)


@dataclass(frozen=True)
class _Block:
    seen: _Seen
    name: str
    stack: str

    def __call__(self, module: torch.nn.Module, args: Any, value: Any) -> None:
        del module
        if not args:
            return
        out, into = value[0] if isinstance(value, tuple | list) else value, args[0]
        if not isinstance(out, torch.Tensor) or not isinstance(into, torch.Tensor):
            return
        if out.shape == into.shape and into.is_floating_point():
            before, after = (t.detach().cpu().numpy() for t in (into, out))
            sizes = (root_mean_square([part]) for part in (before, after, after - before))
            self.seen.blocks.append(Passed(self.name, self.stack, *sizes))


class _Attention(TorchFunctionMode):
    """Looks at the logits of every attention, fused or not."""

    def __init__(self, seen: _Seen) -> None:
        super().__init__()
        self.seen = seen

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        given = kwargs or {}
        if func is torch.nn.functional.scaled_dot_product_attention:
            self._keep(_fused(*args, **given))
        elif func is torch.nn.functional.multi_head_attention_forward:
            if given.get("attn_mask") is None and len(args) > 6 and args[5] is not None:
                self._keep(_packed(*args[:2], *args[4:7]))
        elif func in _SOFTMAX and args and args[0].is_floating_point():
            dim = given.get("dim", args[1] if len(args) > 1 else -1)
            if dim in (-1, args[0].ndim - 1):
                self._keep(args[0])
        return func(*args, **given)

    def _keep(self, logits: torch.Tensor) -> None:
        name = self.seen.inside[-1] if self.seen.inside else ""
        found = attended(logits.detach().double().cpu().numpy()) if name else None
        before = self.seen.attention.get(name)
        if found is not None and (before is None or found.spread > before.spread):
            self.seen.attention[name] = found


def _fused(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """Logits of fused attention, of few examples."""
    del value, dropout_p
    q, k = query.detach()[:4].float(), key.detach()[:4].float()
    if enable_gqa:
        k = k.repeat_interleave(q.shape[-3] // k.shape[-3], -3)
    logits = q @ k.transpose(-1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if is_causal:
        keep = torch.ones(logits.shape[-2:], dtype=torch.bool, device=q.device).tril()
        logits = logits.masked_fill(~keep, -torch.inf)
    if attn_mask is not None:
        mask = attn_mask[:4] if attn_mask.ndim == logits.ndim else attn_mask
        dark = ~mask if mask.dtype == torch.bool else None
        logits = logits + mask if dark is None else logits.masked_fill(dark, -torch.inf)
    return logits


def _packed(
    query: torch.Tensor, key: torch.Tensor, heads: int, weight: torch.Tensor, bias: Any
) -> torch.Tensor:
    """Logits of PyTorch's own attention module, positions first, of few examples."""
    size = query.shape[-1]
    projected = []
    for i, x in enumerate((query, key)):
        own = slice(i * size, (i + 1) * size)
        x = torch.nn.functional.linear(x[:, :4], weight[own], None if bias is None else bias[own])
        projected.append(x.reshape(len(x), -1, heads, size // heads).permute(1, 2, 0, 3))
    queries, keys = projected
    return _fused(queries, keys, keys)


def _called(model: torch.nn.Module, x: Any, seen: _Seen) -> torch.Tensor:
    args, kwargs = arguments(x)
    with seen.watching():
        outputs = logits_of(model(*args, **kwargs))
    if not isinstance(outputs, torch.Tensor) or not outputs.is_floating_point():
        raise TypeError(
            f"the model returns {type(outputs).__name__}: return one tensor of real numbers"
        )
    seen.keep(OUTPUT, outputs)
    return outputs


def output_shape(model: torch.nn.Module, x: Any) -> tuple[int, ...]:
    """Shape of what a model returns."""
    own = copy.deepcopy(model)
    args, kwargs = arguments(as_tensors(x))
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        return tuple(logits_of(own(*args, **kwargs)).shape)


def as_tensors(x: Any) -> Any:
    """Turn arrays into tensors, also in tuples and dictionaries."""
    if isinstance(x, dict):
        return {name: as_tensors(one) for name, one in x.items()}
    if isinstance(x, tuple | list):
        return tuple(as_tensors(one) for one in x)
    return x if isinstance(x, torch.Tensor) else torch.as_tensor(np.asarray(x))


def _stacks(model: torch.nn.Module) -> dict[torch.nn.Module, str]:
    """Return the modules that stand in a row of at least two of one class, and its name."""
    found = {}
    for name, parent in model.named_modules():
        children = [c for n, c in parent.named_children() if n.isdigit() and any(c.children())]
        for kind in {type(c) for c in children}:
            row = [c for c in children if type(c) is kind]
            found |= dict.fromkeys(row, name) if len(row) > 1 else {}
    return found


def _weights(model: torch.nn.Module) -> list[Weight]:
    found, known = [], set()
    for layer, owner in model.named_modules():
        layout, _ = layout_of(owner)
        for name, array in owner.named_parameters(recurse=False):
            if id(array) in known or not array.is_floating_point() or not array.numel():
                continue
            known.add(id(array))
            shape = tuple(array.shape)
            gradient = None if array.grad is None else _rms(array.grad)
            path = f"{layer}.{name}" if layer else name
            found.append(Weight(path, layer, shape, *fans(shape, layout), _rms(array), gradient))
    return found


def _rms(array: torch.Tensor) -> float:
    flat = array.detach().reshape(-1)
    return float(torch.linalg.vector_norm(flat.float()) / math.sqrt(max(flat.numel(), 1)))
