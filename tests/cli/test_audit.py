"""``widthwise audit``: what it prints, its page, code to paste, and one line for every mistake."""

import json
import re
from pathlib import Path

import pytest

MODEL = """
import equinox as eqx
import jax
import numpy as np

SIZE = {size}

def plain(key):
    return eqx.nn.MLP(3, 2, SIZE, 1, key=key)

def loud(key):
    return eqx.tree_at(lambda m: m.layers[1].weight, plain(key), replace_fn=lambda w: 200 * w)

def make(width, key):
    return eqx.nn.MLP(3, 2, width, 1, key=key)

def ignores(width, key):
    return plain(key)

def needs():
    import torch_of_nobody

def batch():
    rng = np.random.default_rng(0)
    return rng.standard_normal((8, 3)).astype(np.float32), rng.integers(2, size=8)
"""


@pytest.fixture
def model(widthwise):
    Path("model.py").write_text(MODEL.format(size=16), encoding="utf-8")
    return widthwise


def test_a_table_and_a_page(model) -> None:
    status, out, err = model("audit", "model.py:plain")
    assert (status, err) == (0, "")
    assert "Nothing is wrong that one step shows." in out
    status, out, err = model("audit", "model.py:loud", "--out", "page.html", "--json")
    found = json.loads(out)
    assert (status, err) == (1, "")
    assert [(f["layer"], f["fault"], f["sure"]) for f in found["findings"]] == [
        (".layers[1]", "output scale", True)
    ]
    page = Path(found["page"]).read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!#|data:)', page)
    for words in ("output scale", "What each layer does in one step", "How to read", "model.py"):
        assert words in page


@pytest.mark.slow
def test_code_to_paste(model) -> None:
    status, out, err = model("audit", "model.py:make", "--widths", "16", "32", "64", "--apply")
    assert (status, err) == (0, "")
    compile(out, "pasted", "exec")
    assert "optax.multi_transform" in out
    status, out, _ = model(
        "audit", "model.py:make", "--widths", "16", "32", "64", "--out", "p.html"
    )
    assert status == 1
    assert "transfer over width" in out
    page = Path("p.html").read_text(encoding="utf-8")
    assert "optax.multi_transform" in page
    assert "Power of width" in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere.py:make",), "no file nowhere.py"),
        (("nowhere",), "'nowhere' is no folder: give file.py:function"),
        (("model.py:plane",), "did you mean 'plain'"),
        (("model.py:needs",), "torch_of_nobody"),
        (("model.py:ignores",), "use the width in make"),
        (("model.py:plain", "--apply"), "give a constructor that takes a width"),
        (("model.py:plain", "--batch", "x.npz"), "x.npz does not exist"),
        (("model.py:plain", "--out", "page.pdf"), "give a name ending in .html"),
        (("model.py:plain", "--optimizer", "adamm"), "did you mean 'adam'"),
        ((".",), "is no Hugging Face folder"),
    ],
)
def test_mistakes_are_one_line(model, words, message: str) -> None:
    status, out, err = model("audit", *words)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
