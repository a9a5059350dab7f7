"""PyTorch modules: parameter groups, tied weights, layouts."""

import numpy as np
import pytest

import widthwise as ww
from widthwise.networks.scaling import Family

torch = pytest.importorskip("torch")
nn = torch.nn


class Base64(nn.Module):
    """The network of which the package mup's groups are known: 256 and 512 at width 64 * 4."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(20, 4 * width // 4)
        self.second = nn.Linear(width, 2 * width)
        self.last = nn.Linear(2 * width, 5)


class Conv1D(nn.Module):
    """As in Hugging Face's GPT-2: inputs first."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))


class Tied(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = nn.Linear(width, 7, bias=False)
        self.wte = nn.Embedding(7, width)
        self.pos_emb = nn.Parameter(torch.zeros(1, 5, width))
        self.up = Conv1D(width, 4 * width)
        self.down = nn.Conv2d(width, 3, 3)
        self.back = nn.ConvTranspose2d(3, width, 3)
        self.head.weight = self.wte.weight


def groups_of(optimizer: str) -> dict[tuple, tuple[float, float]]:
    plan = ww.parametrize(Base64, 256, base_width=64, optimizer=optimizer)
    groups = plan.parameter_groups(Base64(256), learning_rate=1.0, weight_decay=0.1)
    return {tuple(p.shape): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}


def test_groups_are_those_of_mup() -> None:
    """At the readout after moving its multiplier 1/4 into learning rate and initial scale."""
    adam, sgd = groups_of("adam"), groups_of("sgd")
    assert adam[512, 256] == pytest.approx((0.25, 0.4))
    assert adam[256, 20] == adam[256,] == adam[512,] == adam[5,] == pytest.approx((1, 0.1))
    assert adam[5, 512] == pytest.approx((1 / 4, 0.1 * 4))
    assert sgd[512, 256] == sgd[5,] == pytest.approx((1, 0.1))
    assert sgd[256, 20] == sgd[256,] == sgd[512,] == pytest.approx((4, 0.025))
    assert sgd[5, 512] == pytest.approx((4 / 16, 0.025 * 16))


def test_an_optimizer_takes_the_groups() -> None:
    plan = ww.parametrize(Base64, 256, base_width=64)
    model = plan.initialize(Base64(256))
    spread = float(model.last.weight.detach().std())
    assert spread == pytest.approx((3 * 128) ** -0.5 / 4, rel=0.05)
    torch.optim.AdamW(plan.parameter_groups(model, learning_rate=1e-3, epsilon=1e-8))
    torch.optim.SGD(plan.parameter_groups(model, learning_rate=1e-3))
    hidden = plan.parameter_groups(model, learning_rate=1e-3, role="hidden")
    assert [tuple(p.shape) for g in hidden for p in g["params"]] == [(512, 256)]


def test_layouts_and_tied_weights() -> None:
    plan = ww.parametrize(Tied, 16, base_width=8)
    roles = {row.path: row.role for row in plan.rows}
    assert roles == {
        "pos_emb": "input", "head.weight": "input", "up.weight": "hidden", "up.bias": "bias",
        "down.weight": "output", "down.bias": "fixed", "back.weight": "input", "back.bias": "bias",
    }  # fmt: skip
    assert plan.by_hand == (
        "head.weight is also wte.weight: multiply the logits, the product with it, by 0.5",
    )
    assert ww.parametrize(Tied, 8, base_width=8).by_hand == ()


def test_drawing_leaves_the_generator_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    ww.parametrize(Base64, 128, base_width=64)
    np.testing.assert_array_equal(torch.rand(3), expected)


def test_initial_scales_of_short_constant_and_empty_arrays() -> None:
    class Mixed(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.short = nn.Parameter(torch.randn(width, 4096).to(torch.bfloat16))
            self.gain = nn.Parameter(torch.full((width,), 0.1))
            self.empty = nn.Parameter(torch.zeros(0, width))

    found = Family.of(Mixed, 7).spreads(Mixed(7))
    assert found == {"short": pytest.approx(1, abs=0.02), "gain": 0, "empty": 0}
