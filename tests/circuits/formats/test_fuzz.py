"""Files that are broken in any way: a circuit or one clear error, in bounded memory and time."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise.circuits import CircuitError, Netlist, parse_circuit, simulate
from widthwise.circuits.formats.aiger import write_aiger
from widthwise.circuits.formats.bench import write_bench
from widthwise.circuits.formats.blif import write_blif
from widthwise.circuits.formats.bristol import write_bristol
from widthwise.circuits.formats.verilog_writer import write_verilog

FORMATS = ("aiger", "blif", "bristol", "bench", "verilog")
WORDS = (
    *(b"0", b"1", b"-1", b"7", b"99999999", b"123456789012345678901234567890", b"\xff\x00", b"\n"),
    *(b"aag", b"aig", b".names", b".latch", b"\\", b"#", b"LUT 0x8", b"DFF", b"MAND", b"EQ", b"=("),
    *(b"assign", b"((((((((", b"~", b"?", b":", b"[3:0]", b"/*", b"(*", b"1'b1", b"input", b" "),
)


def examples(circuit: Netlist) -> dict[str, list[bytes]]:
    return {
        "aiger": [write_aiger(circuit), write_aiger(circuit, binary=False)],
        "blif": [write_blif(circuit).encode()],
        "bristol": [write_bristol(circuit).encode()],
        "bench": [write_bench(circuit).encode()],
        "verilog": [write_verilog(circuit).encode()],
    }


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut, flip, insert, repeat, remove or exchange parts, once or several times."""
    for _ in range(int(rng.integers(1, 4))):
        size = max(len(data), 1)
        start, other = sorted(rng.integers(0, size, 2).tolist())
        part = data[start : min(other, start + 60)]
        word = WORDS[int(rng.integers(len(WORDS)))]
        match int(rng.integers(7)):
            case 0:
                data = data[:start]
            case 1:
                flipped = bytes([(data[start : start + 1] or b"x")[0] ^ 1 << int(rng.integers(8))])
                data = data[:start] + flipped + data[start + 1 :]
            case 2:
                data = data[:start] + word + data[start:]
            case 3:
                data = data[:start] + part * int(rng.integers(2, 5)) + data[start:]
            case 4:
                data = data[:start] + data[start + len(part) :]
            case 5:
                data = data[:start] + part[::-1] + data[start + len(part) :]
            case 6:
                lines = data.splitlines(keepends=True)
                rng.shuffle(lines)  # pyright: ignore[reportArgumentType]
                data = b"".join(lines)
    return data


def try_to_read(data: bytes, kind: str) -> bool:
    """Whether it is a circuit, which then must run; any error but the one is a failure."""
    try:
        circuit = parse_circuit(data, kind, source="file")
    except CircuitError as error:
        assert str(error).startswith("file")  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
        assert len(str(error)) < 1000  # noqa: PT017
        return False
    simulate(circuit, np.zeros((1, len(circuit.inputs)), bool))
    return True


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_files(kind: str, random_netlist) -> None:
    rng = np.random.default_rng(FORMATS.index(kind))
    sources = examples(random_netlist(5))[kind]
    read = [try_to_read(damaged(sources[case % len(sources)], rng), kind) for case in range(100)]
    assert not all(read)
    assert all(try_to_read(source, kind) for source in sources)  # undamaged


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=20, deadline=None)
@given(data=st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(WORDS)).map(b" ".join)))
def test_any_bytes(kind: str, data: bytes) -> None:
    try_to_read(data, kind)


BOMBS = [
    ("aiger", b"aig 9999999 9999999 0 0 0\n"),
    ("aiger", b"aag 9999999 9999999 0 9999999 9999999\n"),
    ("aiger", b"aig 9999999 0 0 0 9999999\n"),
    ("bristol", b"9999999 9999999\n2 9999999 9999999\n1 9999999\n"),
    ("bristol", b"1 9999999\n1 1\n1 1\n9999999 4999999 1 1 MAND\n"),
    ("bristol", b"1 9\n9999999\n1\n"),
    ("bench", b"INPUT(a)\ny = LUT 0x" + b"f" * 20000 + b" (" + b"a," * 3000 + b"a)\nOUTPUT(y)\n"),
    ("verilog", b"module m(a); input [9999999:0] a, b, c, d, e, f; output g; endmodule"),
    ("verilog", b"module m; wire [9999999:0] a; wire [9999999:0] b; wire [9999999:0] c;"),
    ("verilog", b"module m; assign y = " + b"~(" * 4000),
    ("verilog", b"module m; assign y = " + b"a ? b : " * 4000),
    ("verilog", b"(*" * 30000),
    ("verilog", b"/*" * 30000),
    ("verilog", b"module m; " + b"\\" * 30000),
    ("blif", b".names " + b"a " * 20000 + b"y\n" + b"-" * 20000 + b" 1\n"),
    ("blif", b".model m\n" + b"\\\n" * 50000),
    ("blif", b".inputs a\n.names " + b"a " * 16 + b"y\n" + b"1" * 16 + b" 1\n"),
]


@pytest.mark.parametrize(("kind", "data"), BOMBS)
def test_small_files_do_not_take_much_memory(kind: str, data: bytes) -> None:
    tracemalloc.start()
    try:
        try_to_read(data, kind)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20e6 + 200 * len(data)
