"""``widthwise weights``: what it prints, its page, and one line for every mistake."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

RNG = np.random.default_rng(0)
NOISE = {f"layers.{i}.fc1.weight": RNG.standard_normal((12, 16)) for i in range(2)}


def saved(name: str, arrays) -> str:
    np.savez(name, **arrays)
    return name


def test_one_checkpoint_as_a_table(widthwise) -> None:
    spiked = NOISE | {"layers.1.fc1.weight": NOISE["layers.1.fc1.weight"] + 3}
    status, out, err = widthwise("weights", saved("w.npz", spiked), "--draws", "39")
    assert (status, err) == (0, "")
    assert "layers.0.fc1.weight" in out
    assert "1 of 2 matrices differ from noise; 1 cannot be told from it." in out
    assert "MLP in" in out
    assert "1 outlier" in out


def test_a_series_as_json_and_as_a_page(widthwise) -> None:
    first = saved("first.npz", NOISE | {"head.bias": np.ones(3)})
    second = saved("second.npz", {name: 1.5 * w for name, w in NOISE.items()})
    status, out, err = widthwise(
        "weights", first, second, "--role", "^layers=dense", "--draws", "39", "--json",
        "--out", "page.html",
    )  # fmt: skip
    found = json.loads(out)
    assert (status, err) == (0, "")
    assert [one["path"] for one in found["checkpoints"]] == [first, second]
    assert {layer["role"] for layer in found["checkpoints"][0]["layers"]} == {"dense"}
    assert found["checkpoints"][0]["left_out"] == {"head.bias": "bias"}
    ((change, _),) = found["changes"]
    assert change["moved"] == pytest.approx(0.5)
    assert change["wasserstein"] == pytest.approx(0.5)
    page = Path(found["page"]).read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!#|data:)', page)
    for words in ("layers.1.fc1.weight", "Law moved", "cannot be told from", "Each matrix"):
        assert words in page
    _, out, _ = widthwise("weights", first, second, "--draws", "39")
    assert "first.npz → second.npz" in out


def test_names_in_a_file_are_text_on_the_page(widthwise) -> None:
    saved("x.npz", {"<script>alert(1)</script>": NOISE["layers.0.fc1.weight"]})
    widthwise("weights", "x.npz", "--draws", "39", "--out", "page.html")
    assert "<script>alert" not in Path("page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere.npz",), "nowhere.npz does not exist"),
        (("bad.safetensors",), "bad.safetensors cannot be read: its header claims"),
        (("code.pt",), "asks to run 'builtins.print'"),
        (("w.npz", "--role", "x"), "give a pattern and a role"),
        (("w.npz", "--role", "x=querry"), "did you mean 'query'"),
        (("w.npz", "--out", "page.pdf"), "give a name ending in .html"),
        (("w.npz", "--draws", "3"), "at least 19"),
        (("small.npz",), "no matrices of at least 8 x 8"),
        ((), "CHECKPOINT"),
    ],
)
def test_mistakes_are_one_line(widthwise, words, message: str) -> None:
    import zipfile

    saved("w.npz", NOISE)
    saved("small.npz", {"w": np.ones((3, 3))})
    Path("bad.safetensors").write_bytes(b"\xff" * 8 + b"{")
    with zipfile.ZipFile("code.pt", "w") as archive:
        archive.writestr("x/data.pkl", b"\x80\x02cbuiltins\nprint\n)R.")
    status, out, err = widthwise("weights", *words)
    assert (status, out) == (2, "")
    (line,) = err.strip().splitlines()
    assert message in line
