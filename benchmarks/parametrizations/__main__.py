"""Coordinate checks of one PyTorch model under the package mup and under ours, side by side.

    python benchmarks/parametrizations [--widths 64 128 256 512] [--members 4] [--steps 3]

The same MLP, batch, learning rate and optimizer. mup needs its own readout layer, a base model, a
delta model and its own optimizer; ours takes the model as it is. Slopes of the logarithm of the
mean absolute change against that of the width, with standard errors over members; the lines that a
user must write are printed from this file. Needs `pip install mup torch`.
"""

import argparse
import inspect
from collections.abc import Callable

import jax
import mup
import numpy as np
import torch
from torch import nn

import widthwise as ww
from widthwise.observables.coordinate_check.slope import Slope, slope_of

RATE = 0.01


# ---------------------------------------------------------------- what a user of widthwise writes
class Model(nn.Module):
    """The model."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(16, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.second(torch.relu(self.first(x)))))


def ours(width: int, base_width: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    plan = ww.parametrize(Model, width, base_width=base_width)
    model = plan.initialize(Model(width))
    return model, torch.optim.Adam(plan.parameter_groups(model, learning_rate=RATE))


# ---------------------------------------------------------------- what a user of mup writes
class MupModel(nn.Module):
    """The model with mup's readout layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(16, width)
        self.second = nn.Linear(width, width)
        self.last = mup.MuReadout(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.second(torch.relu(self.first(x)))))


def theirs(width: int, base_width: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    model = MupModel(width)
    mup.set_base_shapes(model, MupModel(base_width), delta=MupModel(2 * base_width))
    return model, mup.MuAdam(model.parameters(), lr=RATE)


# ---------------------------------------------------------------- the same measurement for both
def changes(make: Callable, width: int, base: int, seed: int, steps: int) -> dict[str, float]:
    torch.manual_seed(seed)
    model, optimizer = make(width, base)
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(4, 16, generator=generator), torch.randn(4, 1, generator=generator)
    start = seen(model, x)
    for _ in range(steps):
        optimizer.zero_grad()
        ((model(x) - y) ** 2).mean().backward()
        optimizer.step()
    return {k: float((v - start[k]).abs().mean()) for k, v in seen(model, x).items()}


def seen(model: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    kept = {}
    handles = [
        layer.register_forward_hook(lambda *args, name=name: kept.update({name: args[2].detach()}))
        for name, layer in model.named_children()
    ]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return kept


def slopes(make: Callable, widths: list[int], members: int, steps: int) -> dict[str, Slope]:
    rows = [[changes(make, w, widths[0], s, steps) for s in range(members)] for w in widths]
    return {
        name: slope_of(np.array(widths, float), np.array([[m[name] for m in row] for row in rows]))
        for name in rows[0][0]
    }


def lines(*parts: Callable) -> int:
    """Lines of code that differ between the two, docstrings and blanks left out."""
    text = [line for part in parts for line in inspect.getsource(part).splitlines()]
    return len([line for line in text if line.strip() and '"""' not in line])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--steps", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = {
        n: slopes(f, given.widths, given.members, given.steps)
        for n, f in (("widthwise", ours), ("mup", theirs))
    }
    for layer in found["mup"]:
        cells = (
            f"{n} {s[layer].value:+.3f} +- {s[layer].standard_error:.3f}" for n, s in found.items()
        )
        print(f"{layer:8s} after {given.steps} steps:  {'   '.join(cells)}")
    plain = ww.coordinate_check(
        Model, (np.asarray(torch.randn(4, 16)), np.zeros((4, 1), np.float32)), widths=given.widths,
        learning_rate=RATE, loss="mean", steps=1, members=2, key=jax.random.key(0),
    )  # fmt: skip
    print(
        "as written, after 1 step: ",
        {r.layer: round(r.slope.value, 2) for r in plain.slopes(1) if r.slope},
    )
    print(
        f"\nlines beside the model: ours {lines(ours)}, mup {lines(theirs)}; "
        "model changed: ours no, mup yes"
    )
    print(inspect.getsource(ours) + "\n" + inspect.getsource(theirs))


if __name__ == "__main__":
    main()
