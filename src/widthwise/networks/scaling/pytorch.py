"""PyTorch modules: the only file of parametrizations that imports torch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from widthwise.networks.scaling.arrays import Described, layout_of


@contextmanager
def seeded_generator(seed: int) -> Iterator[None]:
    """Seed PyTorch's generator of the CPU, and put it back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def on_meta(make: Callable[[], Any]) -> Any:
    """Make a module without memory; with, if its constructor cannot do without."""
    try:
        with torch.device("meta"):
            return make()
    except Exception:  # a constructor may read the values that it has drawn
        return make()


def describe_torch(model: torch.nn.Module) -> list[Described]:
    """Describe the parameters of a module that require gradients."""
    found: list[Described] = []
    first: dict[int, str] = {}
    for prefix, owner in model.named_modules(remove_duplicate=False):
        for name, array in owner.named_parameters(recurse=False, remove_duplicate=False):
            if not array.requires_grad or not array.dtype.is_floating_point:
                continue
            path = f"{prefix}.{name}" if prefix else name
            layout, kernel = layout_of(owner)
            known = first.setdefault(id(array), path)
            tied = None if known == path else known
            found.append(Described(path, tuple(array.shape), layout, kernel, array, tied))
    return found


def spreads(model: torch.nn.Module) -> dict[str, float]:
    """Standard deviation of the entries of every parameter, by path; 0 for constant ones."""
    return {d.path: _spread(d.array.detach()) for d in describe_torch(model)}


def _spread(array: torch.Tensor) -> float:
    if not array.numel() or torch.equal(*array.aminmax()):
        return 0.0
    return float(array.to(torch.promote_types(array.dtype, torch.float32)).std(correction=0))


def multiply(model: torch.nn.Module, factors: dict[str, float]) -> None:
    """Multiply parameters in place."""
    with torch.no_grad():
        for one in describe_torch(model):
            if one.tied is None:
                one.array.mul_(factors[one.path])


def groups(
    model: torch.nn.Module, settings: dict[str, dict[str, float]], paths: Sequence[str]
) -> list[dict[str, Any]]:
    """Group the parameters that share all settings, for an optimizer of PyTorch.

    Parameters
    ----------
    model
        The module.
    settings
        Of each parameter, by path, such as ``{"lr": 1e-3}``.
    paths
        Those that are meant; others are left out.
    """
    found: dict[tuple[tuple[str, float], ...], list[Any]] = {}
    for one in describe_torch(model):
        if one.path in paths and one.tied is None:
            key = tuple(settings[one.path].items())
            found.setdefault(key, []).append(one.array)
    return [{"params": arrays, **dict(key)} for key, arrays in found.items()]
