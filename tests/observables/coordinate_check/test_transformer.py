"""Exponents of every role of layer in a transformer, under gradient descent and Adam."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import widthwise as ww

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
small_gpt = __import__("small_gpt")

TOKENS = np.random.default_rng(0).integers(17, size=(2, 4, 8))
MUP = {"input": 0.0, "hidden": 0.0, "output": 0.0}
POWERS = {
    ("standard", "sgd"): {"input": -0.5, "hidden": 0.5, "output": 1.0},
    ("standard", "adam"): {"input": 0.0, "hidden": 1.0, "output": 1.5},
    ("mup", "sgd"): MUP,
    ("mup", "adam"): MUP,
}
"""Yang & Hu (2021) for gradient descent, Yang et al. (2022) for Adam: after one small step."""
RATES = {("standard", "adam"): 1e-5, ("standard", "sgd"): 1e-3, ("mup", "adam"): 1e-3}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def checked(form: str, optimizer: str, widths: tuple[int, ...], members: int):
    check = ww.coordinate_check(
        small_gpt.make, tuple(TOKENS), widths=widths, parametrization=form, optimizer=optimizer,
        learning_rate=RATES.get((form, optimizer), 0.1), steps=1, members=members,
    )  # fmt: skip
    rows = [row for row in check.slopes(1) if row.role in MUP and row.slope is not None]
    return check, rows


@pytest.mark.slow
@pytest.mark.parametrize(("form", "optimizer"), list(POWERS))
def test_exponent_of_every_role(form: str, optimizer: str) -> None:
    expected = POWERS[form, optimizer]
    check, rows = checked(form, optimizer, (64, 128, 256, 512), 6)
    assert {row.role for row in rows} == set(expected)
    for row in rows:
        assert row.theory is not None
        assert row.slope is not None
        assert row.theory.leading == expected[row.role], row
        # The interval, widened by the drift at finite width, holds what theory says.
        low, high = row.slope.lower - 0.15, row.slope.upper + 0.15
        assert low <= row.theory.leading, str(check)
        assert row.theory.least <= high, str(check)


def test_the_interval_shrinks_with_members() -> None:
    def width_of_intervals(members: int) -> float:
        _, rows = checked("mup", "adam", (16, 32, 64), members)
        return float(np.mean([s.upper - s.lower for row in rows if (s := row.slope)]))

    assert width_of_intervals(12) < 0.7 * width_of_intervals(3)
