"""The command leak: a table, JSON, and one line for a mistake."""

import json
from pathlib import Path

import numpy as np
import pytest

from widthwise.ensembles.distillation import largest_margin, random_labels


@pytest.fixture
def files(tmp_path: Path) -> Path:
    x, y = random_labels(np.random.default_rng(0), 32, inputs=20)
    z = x @ largest_margin(x, y, classes=2)
    np.savez(tmp_path / "teacher.npz", inputs=x, labels=y)
    np.savez(tmp_path / "logits.npz", logits=z)
    np.savez(tmp_path / "soft.npz", soft_labels=np.exp(z) / np.exp(z).sum(1, keepdims=True))
    return tmp_path


def test_a_table_and_json(widthwise, files) -> None:
    status, out, _ = widthwise("leak", "teacher.npz", "--labels", "soft.npz")
    assert status == 0
    assert "leaks" in out
    assert "From a fraction 0.656 on" in out
    words = ("leak", "teacher.npz", "--labels", "logits.npz", "--temperature", "5", "--json")
    status, out, _ = widthwise(*words, "--fraction", "0.75", "--fraction", "0.4")
    assert status == 0
    high, low = json.loads(out)["fractions"]
    assert high["accuracy"]["value"] == 1.0 == pytest.approx(high["random_data_accuracy"])
    assert low["accuracy"]["value"] < 1
    assert 0.5 < low["random_data_accuracy"] < 0.7
    assert high["threshold"] == pytest.approx(21 / 32)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("teacher.npz", "--labels", "none.npz"), "none.npz does not exist"),
        (("soft.npz", "--labels", "soft.npz"), "holds soft_labels: give inputs"),
        (("teacher.npz", "--labels", "teacher.npz"), "give soft_labels"),
        (("teacher.npz", "--labels", "logits.npz", "--temperature", "0"), "temperature is 0"),
        (("teacher.npz", "--labels", "logits.npz", "--temperature", "-2"), "temperature is -2"),
        (("teacher.npz", "--labels", "soft.npz", "--temperature", "2"), "is for logits"),
        (("teacher.npz", "--labels", "soft.npz", "--fraction", "1.5"), "fraction is 1.5"),
        (("text.npz", "--labels", "soft.npz"), "no .npz file"),
    ],
)
def test_refused(widthwise, files, words, message) -> None:
    (files / "text.npz").write_text("hello")
    status, out, err = widthwise("leak", *words)
    assert (status, out) == (2, "")
    assert message in err
