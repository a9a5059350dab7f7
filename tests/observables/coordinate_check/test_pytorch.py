"""Coordinate checks of unmodified PyTorch modules."""

import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import widthwise as ww

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
small_gpt = __import__("small_gpt")
nn = torch.nn

rng = np.random.default_rng(0)
X = rng.standard_normal((4, 16)).astype(np.float32)
Y = rng.standard_normal((4, 1)).astype(np.float32)
TOKENS = rng.integers(17, size=(2, 4, 8))
MLP_WIDTHS, GPT_WIDTHS = (64, 128, 256, 512), (32, 64, 128)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def mlp(width: int) -> nn.Module:
    """Two hidden layers as PyTorch draws them, without biases."""
    sizes = (16, width, width, 1)
    layers = [nn.Linear(a, b, bias=False) for a, b in pairwise(sizes)]
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])


@pytest.mark.parametrize(
    ("form", "optimizer", "rate", "powers"),
    [
        ("standard", "sgd", 0.01, [-0.5, 0.5, 1]),
        ("ntk", "sgd", 0.1, [-0.5, -0.5, 0]),
        ("mup", "sgd", 0.1, [0, 0, 0]),
        ("mean_field", "sgd", 0.1, [0, 0, 0]),
        ("standard", "adam", 1e-4, [0, 1, 1.5]),
        ("ntk", "adam", 1e-4, [0, 0.5, 1]),
        ("mup", "adam", 1e-2, [0, 0, 0]),
        ("spectral", "adamw", 1e-2, [0, 0, 0]),
    ],
)
def test_powers_of_the_first_step(
    form: str, optimizer: str, rate: float, powers: list[float]
) -> None:
    check = ww.coordinate_check(
        mlp, (X, Y), widths=MLP_WIDTHS, parametrization=form, optimizer=optimizer,
        learning_rate=rate, loss="mean", steps=1, members=8,
    )  # fmt: skip
    rows = check.slopes(1)[:3]
    assert [row.theory.leading for row in rows if row.theory] == powers
    assert all(row.verdict != "not as predicted" for row in rows), str(check)
    signs = [{0: "independent", 1: "grows", -1: "shrinks"}[int(np.sign(p))] for p in powers[:2]]
    assert [row.scaling for row in rows[:2]] == signs, str(check)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_transformer_under_mup(optimizer: str) -> None:
    check = ww.coordinate_check(
        small_gpt.make, tuple(TOKENS), widths=GPT_WIDTHS, parametrization="mup",
        learning_rate={"adam": 5e-3, "sgd": 0.5}[optimizer], optimizer=optimizer, steps=2,
        members=6,
    )  # fmt: skip
    for step in (1, 2):
        assert {row.verdict for row in check.slopes(step)} <= {"as predicted", "undecided"}
    assert check.transfers is not False


def test_a_transformer_as_it_is_written() -> None:
    check = ww.coordinate_check(
        small_gpt.make, tuple(TOKENS), widths=GPT_WIDTHS, learning_rate=1e-3, steps=1, members=4
    )
    grown = {row.layer for row in check.slopes(1) if row.scaling == "grows"}
    assert {"h.0.c_fc", "h.1.attn.c_proj", "lm_head", "output"} <= grown
    assert check.transfers is False


@pytest.mark.parametrize(("form", "transfers"), [("completep", True), ("mup", False)])
def test_depth(form: str, transfers: bool) -> None:
    check = ww.coordinate_check(
        small_gpt.make, tuple(TOKENS), widths=32, depths=(2, 4, 8), learning_rate=5e-3,
        parametrization=form, steps=2, members=6,
    )  # fmt: skip
    assert check.data.layer.values.tolist() == ["wte", "ln_f", "lm_head", "output"]
    assert check.transfers is transfers, str(check)


def test_tied_weights_have_no_prediction_but_are_measured() -> None:
    def make(width: int) -> nn.Module:
        return small_gpt.SmallGPT(width, 1, tied=True)

    check = ww.coordinate_check(
        make, tuple(TOKENS), widths=GPT_WIDTHS, learning_rate=1e-3, steps=1, members=2,
        parametrization="mup",
    )  # fmt: skip
    rows = {row.layer: row for row in check.slopes(1)}
    assert rows["wte"].role == rows["lm_head"].role == "tied"
    assert rows["output"].theory is None
    # Logits are products with embeddings of size one: they must be divided by the width.
    assert rows["output"].scaling == "grows"


def test_no_change_and_divergence_are_said() -> None:
    def zero_readout(width: int) -> nn.Module:
        model = mlp(width)
        nn.init.zeros_(model[4].weight)
        return model

    still = ww.coordinate_check(
        zero_readout, (X, Y), widths=(8, 16, 32), learning_rate=0.1, loss="mean", steps=1,
        members=2, optimizer="sgd",
    )  # fmt: skip
    assert [row.scaling for row in still.slopes(1)][:2] == ["no change", "no change"]
    lost = ww.coordinate_check(
        mlp, (X, Y), widths=(8, 16, 32), learning_rate=1e9, loss="mean", steps=3, members=2,
        optimizer="sgd",
    )  # fmt: skip
    assert "diverged" in {row.scaling for row in lost.slopes()}
    assert lost.transfers is False
