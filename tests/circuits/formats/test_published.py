"""Published circuits beside arithmetic and published test vectors.

They are not shipped. WIDTHWISE_CIRCUITS names a folder with the EPFL circuits (``*.aig``,
github.com/lsils/benchmarks) and those in Bristol Fashion (``adder64.txt``, ``sha256.txt``, ...).
"""

import hashlib
import math
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from widthwise.circuits import Netlist, compile_circuit, read_circuit, simulate

pytestmark = pytest.mark.slow
FOLDER = os.environ.get("WIDTHWISE_CIRCUITS")
WORD = 1 << 64


def circuit(name: str) -> Netlist:
    if FOLDER is None or not Path(FOLDER, name).exists():
        pytest.skip("WIDTHWISE_CIRCUITS names no folder with this circuit")
    return read_circuit(Path(FOLDER, name))


def bits(number: int, width: int) -> list[int]:
    """The lowest bit first."""
    return [number >> place & 1 for place in range(width)]


def number(row: np.ndarray) -> int:
    return sum(int(bit) << place for place, bit in enumerate(row))


def draw(rng: np.random.Generator, width: int) -> int:
    return int.from_bytes(rng.bytes(width // 8), "little") >> int(rng.integers(width // 2))


ARITHMETIC: dict[str, tuple[tuple[int, ...], Callable[..., int]]] = {
    "adder.aig": ((128, 128), lambda a, b: a + b),
    "multiplier.aig": ((64, 64), lambda a, b: a * b),
    "square.aig": ((64,), lambda a: a * a),
    "sqrt.aig": ((128,), math.isqrt),
    "div.aig": ((64, 64), lambda a, b: a // b | (a % b) << 64),
    "adder64.txt": ((64, 64), lambda a, b: (a + b) % WORD),
    "sub64.txt": ((64, 64), lambda a, b: (a - b) % WORD),
    "neg64.txt": ((64,), lambda a: -a % WORD),
    "mult64.txt": ((64, 64), lambda a, b: a * b % WORD),
    "mult2_64.txt": ((64, 64), lambda a, b: a * b >> 64 | a * b % WORD << 64),  # upper half first
    "zero_equal.txt": ((64,), lambda a: int(a == 0)),
}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic(name: str) -> None:
    found = circuit(name)
    widths, function = ARITHMETIC[name]
    rng = np.random.default_rng(0)
    cases = [[max(draw(rng, width), 1) for width in widths] for _ in range(16)]
    inputs = np.array(
        [[bit for x, w in zip(case, widths, strict=True) for bit in bits(x, w)] for case in cases]
    )
    expected = [function(*case) for case in cases]
    network = compile_circuit(found, mode="skip")
    assert [number(row) for row in simulate(found, inputs)] == expected
    assert [number(row) for row in network.evaluate(inputs)] == expected


def test_sums_of_doubles() -> None:
    found = circuit("FP-add.txt")
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 20)) * 10.0 ** rng.integers(-9, 9, (2, 20))

    def words(values: np.ndarray) -> np.ndarray:
        return np.array([bits(struct.unpack("<Q", struct.pack("<d", x))[0], 64) for x in values])

    inputs = np.concatenate([words(a), words(b)], axis=1)
    outputs = compile_circuit(found).evaluate(inputs)
    sums = [struct.unpack("<d", struct.pack("<Q", number(row)))[0] for row in outputs]
    assert sums == (a + b).tolist()


def block(data: bytes) -> list[int]:
    """The standard bit string, last bit first, as these files want it."""
    return bits(int.from_bytes(data, "big"), 8 * len(data))


def test_aes_of_fips_197() -> None:
    key, plain = bytes(range(16)), bytes(17 * n for n in range(16))
    network = compile_circuit(circuit("aes_128.txt"))
    size = network.size()
    assert (size.gate_neurons, size.relay_neurons, size.depth) == (62752, 144872, 291)
    assert (size.max_width, size.nonzeros, size.sparse_parameters) == (980, 345411, 356919)
    outputs = network.evaluate(np.array([block(key) + block(plain)]))
    assert f"{number(outputs[0]):032x}" == "69c4e0d86a7b0430d8cdb78070b4c55a"


def test_sha_256() -> None:
    network = compile_circuit(circuit("sha256.txt"))
    size = network.size()
    assert (size.gate_neurons, size.relay_neurons, size.depth) == (243861, 8394147, 5331)
    assert (size.max_width, size.nonzeros, size.sparse_parameters) == (2702, 9170505, 9194352)
    start = b"".join(
        math.isqrt(p << 64).to_bytes(5, "big")[1:] for p in (2, 3, 5, 7, 11, 13, 17, 19)
    )
    messages = [b"abc", b"", b"Widthwise"]
    padded = [m + b"\x80" + bytes(55 - len(m)) + struct.pack(">Q", 8 * len(m)) for m in messages]
    outputs = network.evaluate(np.array([block(one) + block(start) for one in padded]))
    digests = [f"{number(row):064x}" for row in outputs]
    assert digests == [hashlib.sha256(message).hexdigest() for message in messages]
