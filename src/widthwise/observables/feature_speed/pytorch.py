"""Feature speeds of PyTorch models, by hooks; the only file of them that imports torch."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import xarray as xr
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from widthwise.ensembles.models.pytorch import arguments
from widthwise.numerics.choices import check_choice
from widthwise.numerics.losses import SQUARED
from widthwise.observables.feature_speed.nodes import OUTPUT, Node
from widthwise.observables.feature_speed.result import table

Tensors = dict[str, torch.Tensor]
_RANDOM = (
    torch.nn.Dropout,
    torch.nn.Dropout1d,
    torch.nn.Dropout2d,
    torch.nn.Dropout3d,
    torch.nn.AlphaDropout,
    torch.nn.BatchNorm1d,
    torch.nn.BatchNorm2d,
    torch.nn.BatchNorm3d,
)


class _Tap(NamedTuple):
    """What is kept of a node: the zero, the value, and what the network goes on with."""

    zero: torch.Tensor
    value: torch.Tensor
    total: torch.Tensor
    graph: Any
    version: int


class _Taps:
    """Hooks that add a zero to what every module returns, and keep the sums."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model
        self.names = {module: name or OUTPUT for name, module in model.named_modules()}

    def run(self, params: Tensors, x: Any) -> tuple[Any, dict[str, _Tap]]:
        """Return the outputs, and what is kept of every node, in order."""
        calls: dict[str, int] = {}
        found: dict[int, tuple[str, _Tap]] = {}

        def hook(module: torch.nn.Module, args: Any, value: Any) -> Any:
            del args
            if not isinstance(value, torch.Tensor) or not value.is_floating_point():
                return None
            base = self.names[module]
            calls[base] = calls.get(base, 0) + 1
            name = base if calls[base] == 1 else f"{base}#{calls[base]}"
            before = found.get(id(value))
            # A module may return what one inside it returned, unless it has changed it in place.
            if before is not None and before[1].version == value._version:
                found[id(value)] = (name, found.pop(id(value))[1])
                return None
            zero = torch.zeros_like(value, requires_grad=True)
            total = value + zero
            # The clone is kept: what follows may change the sum in place.
            found[id(total)] = (
                name,
                _Tap(zero, total.clone(), total, total.grad_fn, total._version),
            )
            return total

        hooks = [module.register_forward_hook(hook) for module in self.names]
        args, kwargs = arguments(x)
        try:
            output = torch.func.functional_call(self.model, params, args, kwargs)
        finally:
            for handle in hooks:
                handle.remove()
        return output, dict(found.values())


def torch_speeds(
    model: torch.nn.Module,
    x: Any,
    y: Any,
    *,
    loss: str | Callable[..., Any],
    update: str | Callable[[Tensors], Tensors],
    steps: Sequence[float],
    nodes: Sequence[str] | None,
) -> xr.Dataset:
    """Measure a PyTorch model; see :func:`feature_speed`.

    ``x`` is what the model is called with: a tensor, a tuple of arguments or a dictionary of them.

    Raises
    ------
    TypeError, ValueError
        If there is nothing to train, the model is random, or a choice cannot be used.
    """
    params = {
        n: p.detach().requires_grad_() for n, p in model.named_parameters() if p.requires_grad
    }
    _check_model(model, params)
    taps = _Taps(model)
    with sdpa_kernel(SDPBackend.MATH):  # the only attention with forward derivatives
        output, values = taps.run(params, x)
        value = _loss(loss)(output, y)
        if not isinstance(value, torch.Tensor) or value.shape != () or not value.requires_grad:
            raise ValueError(f"loss(outputs, targets) returns {value}: return one real number")
        found = _nodes(params, values, value)
        if nodes is not None:
            for name in nodes:
                check_choice("a name of nodes", name, tuple(node.name for node in found))
            found = [node for node in found if node.name in set(nodes)]
        kept = [values[node.name] for node in found]
        arrays = [*params.values(), *(tap.zero for tap in kept)]
        slopes = torch.autograd.grad(value, arrays, allow_unused=True)
        slopes = [
            torch.zeros_like(a) if g is None else g for a, g in zip(arrays, slopes, strict=True)
        ]
        gradients = dict(zip(params, slopes, strict=False))
        backward = slopes[len(params) :]
        change = _direction(update)(gradients)
        names = [node.name for node in found]
        motion = _motion(taps, params, change, x, names)
        features = [tap.value.detach() for tap in kept]
        moved = [_moved(taps, params, change, x, (names, features, motion, h)) for h in steps]
    own = torch.stack([-(gradients[name] * change[name]).sum() for name in params])
    upstream = torch.tensor([node.upstream for node in found], dtype=own.dtype)
    size = torch.tensor([float(f.numel()) for f in features], dtype=own.dtype)
    decay = torch.stack([-(b * v).sum() for b, v in zip(backward, motion, strict=True)])
    fast, back = _norms(motion), _norms(backward)
    numbers = {
        "loss": value.detach(),
        "loss_decay": own.sum(),
        "feature_rms": _norms(features) / size**0.5,
        "backward_norm": back,
        "decay": decay,
        "upstream_decay": upstream @ own,
        "cosine": decay / (fast * back),
        "speed": fast / size**0.5,
    }
    if moved:
        numbers |= {
            "moved": torch.stack([m for m, _ in moved]),
            "step_error": torch.stack([e for _, e in moved]),
        }
    arrays_ = {name: number.cpu().numpy() for name, number in numbers.items()}
    return table(arrays_, found, [f.numel() for f in features], steps)


def _motion(
    taps: _Taps, params: Tensors, change: Tensors, x: Any, names: list[str]
) -> list[torch.Tensor]:
    """Differentiate the features along the change of the parameters."""
    with forward_ad.dual_level(), torch.no_grad(), warnings.catch_warnings():
        # PyTorch's own rules for forward derivatives, loaded at first use, are scripts.
        warnings.filterwarnings("ignore", "`torch.jit", FutureWarning)
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        duals = {n: forward_ad.make_dual(p.detach(), change[n]) for n, p in params.items()}
        _, values = taps.run(duals, x)
        parts = [forward_ad.unpack_dual(values[name].value) for name in names]
        return [
            torch.zeros_like(part.primal) if part.tangent is None else part.tangent.clone()
            for part in parts
        ]


def _moved(
    taps: _Taps, params: Tensors, change: Tensors, x: Any, at: tuple
) -> tuple[torch.Tensor, torch.Tensor]:
    """Make a step, and compare the features with their linear prediction."""
    names, features, motion, step = at
    with torch.no_grad():
        _, values = taps.run({n: p + step * change[n] for n, p in params.items()}, x)
    there = [values[name].value - f for name, f in zip(names, features, strict=True)]
    miss = [c - step * v for c, v in zip(there, motion, strict=True)]
    sizes = torch.tensor([float(f.numel()) for f in features], dtype=features[0].dtype)
    return _norms(there) / (step * sizes**0.5), _norms(miss) / (step * _norms(motion))


def _nodes(params: Tensors, values: dict[str, _Tap], loss: torch.Tensor) -> list[Node]:
    """Read off the graph of the loss which parameters each node depends on, and which pass it."""
    index = {id(p): i for i, p in enumerate(params.values())}
    found = []
    for name, tap in values.items():
        upstream = _reached(tap.graph, index, None)
        if upstream:
            beyond = _reached(loss.grad_fn, index, tap.graph)
            bits = tuple(i in upstream for i in range(len(index)))
            shape = tuple(tap.value.shape)
            found.append(Node(name, name, 0, shape, tap.value.dtype, bits, not beyond & upstream))
    return found


def _reached(start: Any, index: dict[int, int], cut: Any) -> set[int]:
    stack, seen, found = [start], set(), set()
    while stack:
        node = stack.pop()
        if node is None or node is cut or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if variable is not None and id(variable) in index:
            found.add(index[id(variable)])
        stack += [child for child, _ in node.next_functions]
    return found


def _norms(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.stack([torch.linalg.vector_norm(t) for t in tensors])


def _loss(loss: str | Callable[..., Any]) -> Callable[..., Any]:
    if callable(loss):
        return loss
    if loss == "cross_entropy":
        return torch.nn.functional.cross_entropy
    check_choice("loss", loss, (*SQUARED, "cross_entropy"))
    return SQUARED[loss]


def _direction(update: str | Callable[[Tensors], Tensors]) -> Callable[[Tensors], Tensors]:
    if callable(update):
        return update
    check_choice("update", update, ("gradient", "balanced"))
    if update == "gradient":
        return lambda gradients: {name: -g for name, g in gradients.items()}

    def balanced(gradients: Tensors) -> Tensors:
        squares = {name: float((g**2).sum()) for name, g in gradients.items()}
        return {
            name: -g / (len(gradients) * squares[name]) if squares[name] else torch.zeros_like(g)
            for name, g in gradients.items()
        }

    return balanced


def _check_model(model: torch.nn.Module, params: Tensors) -> None:
    if not params:
        raise TypeError("the model has no parameters that require gradients: give one that has")
    if not all(bool(torch.isfinite(p).all()) for p in params.values()):
        raise ValueError("the model has parameters that are not finite: give finite ones")
    for name, module in model.named_modules():
        if module.training and isinstance(module, _RANDOM):
            raise ValueError(
                f"the model is in training mode, and {name} ({type(module).__name__}) acts "
                "otherwise in every call: call model.eval() first"
            )
