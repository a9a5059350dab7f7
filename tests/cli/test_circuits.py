"""The commands compile and simulate: files made, sizes told, one line for a mistake."""

import json
from pathlib import Path

import numpy as np
import pytest

HALF_ADDER = "INPUT(a)\nINPUT(b)\nOUTPUT(s)\nOUTPUT(c)\ns = XOR(a, b)\nc = AND(a, b)\n"


@pytest.fixture
def half_adder(tmp_path: Path) -> str:
    (tmp_path / "half.bench").write_text(HALF_ADDER)
    return "half.bench"


def test_compile_and_simulate(widthwise, half_adder: str) -> None:
    words = ("compile", half_adder, "--to", "half.npz", "--draw", "half.svg", "--prove", "int8")
    status, out, err = widthwise(*words, "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert (found["gates"], found["neurons"], found["depth"]) == (2, 3, 1)
    assert (found["checked"], found["mismatches"], found["file"]) == (64, 0, "half.npz")
    assert "s.1" in Path("half.svg").read_text()
    assert found["proof"][0].startswith("s: all partial sums are multiples of 1 and at most 1")
    expected = "00 00\n10 10\n11 01\n"
    for file in (half_adder, "half.npz"):
        status, out, _ = widthwise("simulate", file, "00", "10", "11")
        assert (status, out) == (0, expected)
    Path("words").write_text("00\n10\n11\n")
    status, out, _ = widthwise("simulate", half_adder, "--file", "words", "--json")
    assert [example["output"] for example in json.loads(out)["examples"]] == ["00", "10", "01"]
    status, out, _ = widthwise("simulate", half_adder, "--random", "5", "--seed", "3")
    assert [len(line) for line in out.splitlines()] == [5] * 5


def test_compile_to_onnx(widthwise, half_adder: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    status, out, _ = widthwise("compile", half_adder, "--to", "half.onnx", "--prove", "float16")
    assert status == 0
    assert "Checked on 64 random inputs: 0 wrong" in out
    assert "Exact in float16, which holds whole numbers up to 2^11" in out
    (sums,) = runtime.InferenceSession("half.onnx").run(None, {"inputs": np.eye(2, dtype="f4")})
    assert sums.tolist() == [[1, 0], [1, 0]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compile", "half.bench", "--to", "half.pt"), "the suffix must be"),
        (("compile", "none.aag"), "No such file"),
        (("compile", "half.edif"), "the format does not follow from the suffix"),
        (("compile", "bad.bench"), "bad.bench:2: gate 'q' is a flip-flop"),
        (("compile", "half.bench", "--check", "-1"), "--check is -1"),
        (("compile", "wide.bench", "--prove", "int8"), "gate 'y' has partial sums of up to 200"),
        (("simulate", "half.bench"), "no inputs: give words"),
        (("simulate", "half.bench", "--random", "-1"), "--random is -1"),
        (("simulate", "half.bench", "0"), "give 2 zeros and ones"),
        (("simulate", "half.bench", "0x"), "give 2 zeros and ones"),
        (("simulate", "broken.npz", "00"), "'broken.npz' holds no network"),
    ],
)
def test_mistakes(widthwise, half_adder: str, words: tuple[str, ...], said: str) -> None:
    Path("bad.bench").write_text("INPUT(a)\nq = DFF(a)\nOUTPUT(q)\n")
    Path("half.edif").write_text("")
    names = [f"x{place}" for place in range(200)]
    Path("wide.bench").write_text(
        "".join(f"INPUT({name})\n" for name in names) + f"OUTPUT(y)\ny = AND({', '.join(names)})\n"
    )
    Path("broken.npz").write_bytes(b"PK\x03\x04")
    status, out, err = widthwise(*words)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_wrong_network_is_told(widthwise, half_adder: str, monkeypatch) -> None:
    from widthwise import circuits

    compiled = circuits.compile_circuit(circuits.read_circuit(half_adder))
    monkeypatch.setattr(circuits, "compile_circuit", lambda *_, **__: compiled)
    Path("other.bench").write_text(HALF_ADDER.replace("XOR", "OR"))
    status, out, _ = widthwise("compile", "other.bench", "--json")
    assert status == 1
    assert json.loads(out)["mismatches"] > 0
