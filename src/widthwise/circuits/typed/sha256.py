"""SHA-256 as a typed circuit: of Boolean gates, or of words whose sums take a few layers.

Source: NIST FIPS 180-4, "Secure Hash Standard", 2015.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from widthwise.circuits.typed.affine import Affine
from widthwise.circuits.typed.arithmetic import add_many, ripple_adder
from widthwise.circuits.typed.booleans import Bool, and_, majority, mux, parity, xor
from widthwise.circuits.typed.trace import TypedCircuit, trace

Bits = tuple[Any, ...]
"""A word: bits as wires of `Bool`, least significant first."""


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def _root_bits(prime: int, degree: int) -> int:
    """Return the first 32 bits of the fractional part of a root."""
    scaled = prime << (32 * degree)
    root = round(prime ** (1 / degree) * 2**32)
    while root**degree > scaled:
        root -= 1
    while (root + 1) ** degree <= scaled:
        root += 1
    return root % 2**32


CONSTANTS = [_root_bits(prime, 3) for prime in _primes(64)]
"""Cube roots of the first 64 primes."""
INITIAL = [_root_bits(prime, 2) for prime in _primes(8)]
"""Square roots of the first 8 primes: the chaining value before the first block."""


def sha256_circuit(style: Literal["gates", "words"] = "words", *, rounds: int = 64) -> TypedCircuit:
    """Return the compression function of SHA-256: a block and a chaining value to the next one.

    Parameters
    ----------
    style
        ``"gates"``: AND, OR, XOR and NOT only, with ripple-carry adders, as in files of Boolean
        circuits. ``"words"``: parities, choices and majorities of three bits in a layer, and
        sums of up to seven words in four.
    rounds
        Number of rounds, 1 to 64; fewer than 64 make another, weaker function.

    Returns
    -------
    TypedCircuit
        512 + 256 inputs and 256 outputs. Each group is the usual hexadecimal string as a number,
        least significant bit first, as in the circuit files in Bristol fashion.

    Raises
    ------
    ValueError
        If the style is unknown or the rounds out of range.
    """
    if style not in ("gates", "words") or not 1 <= rounds <= 64:
        raise ValueError(
            f"style {style!r} with {rounds} rounds: give 'gates' or 'words', and 1 to 64 rounds"
        )
    parts = _Gates() if style == "gates" else _Words()

    def sha256(block: Sequence[Any], state: Sequence[Any]) -> list[Any]:
        schedule = _words(block)
        for t in range(16, rounds):
            low = parts.parity(*_turned(schedule[t - 15], 7, 18), _shifted(schedule[t - 15], 3))
            high = parts.parity(*_turned(schedule[t - 2], 17, 19), _shifted(schedule[t - 2], 10))
            schedule.append(parts.add(schedule[t - 16], low, schedule[t - 7], high))
        chain = _words(state)
        a, b, c, d, e, f, g, h = chain
        for t in range(rounds):
            choice, most = parts.choose(e, f, g), parts.majority(a, b, c)
            sums = parts.parity(*_turned(e, 6, 11, 25)), parts.parity(*_turned(a, 2, 13, 22))
            key = _constant(CONSTANTS[t], state[0])
            new = parts.add_twice((h, sums[0], choice, key, schedule[t]), (d,), (sums[1], most))
            a, b, c, d, e, f, g, h = new[1], a, b, c, new[0], e, f, g
        ends = (a, b, c, d, e, f, g, h)
        new = [parts.add(old, end) for old, end in zip(chain, ends, strict=True)]
        return [bit for word in reversed(new) for bit in word]

    return trace(sha256, [Bool()] * 512, [Bool()] * 256)


class _Words:
    """Gates of many inputs: everything in one layer."""

    def parity(self, *words: Bits) -> Bits:
        return _bitwise(parity, *words)

    def choose(self, e: Bits, f: Bits, g: Bits) -> Bits:
        return _bitwise(mux, e, g, f)

    def majority(self, a: Bits, b: Bits, c: Bits) -> Bits:
        return _bitwise(majority, a, b, c)

    def add(self, *words: Bits) -> Bits:
        return add_many(*words, bits=32)

    def add_twice(self, common: Sequence[Bits], *others: Sequence[Bits]) -> list[Bits]:
        return [self.add(*common, *more) for more in others]


class _Gates:
    """AND, OR, XOR and NOT."""

    def parity(self, *words: Bits) -> Bits:
        return _bitwise(xor, *words)

    def choose(self, e: Bits, f: Bits, g: Bits) -> Bits:
        return _bitwise(lambda e, f, g: xor(g, and_(e, xor(f, g))), e, f, g)

    def majority(self, a: Bits, b: Bits, c: Bits) -> Bits:
        return _bitwise(lambda a, b, c: xor(a, and_(xor(a, b), xor(a, c))), a, b, c)

    def add(self, *words: Bits) -> Bits:
        total = words[0]
        for word in words[1:]:
            total = ripple_adder(total, word)[:-1]
        return total

    def add_twice(self, common: Sequence[Bits], *others: Sequence[Bits]) -> list[Bits]:
        total = self.add(*common)
        return [self.add(total, *more) for more in others]


def _bitwise(function: Callable[..., Any], *words: Bits) -> Bits:
    """Apply a gate to the bits of each place; constant zeros are left out of parities."""
    return tuple(function(*bits) for bits in zip(*words, strict=True))


def _words(bits: Sequence[Any]) -> list[Bits]:
    """Cut a long number into words, most significant word first."""
    return [tuple(bits[i : i + 32]) for i in range(len(bits) - 32, -1, -32)]


def _turned(word: Bits, *places: int) -> list[Bits]:
    return [word[p:] + word[:p] for p in places]


def _shifted(word: Bits, places: int) -> Bits:
    return word[places:] + (word[0].affine(Affine({}, 0)),) * places


def _constant(number: int, like: Any) -> Bits:
    return tuple(like.affine(Affine({}, (number >> i) & 1)) for i in range(32))


def sha256_digest(
    run: Callable[[Float[np.ndarray, "1 768"]], Float[np.ndarray, "1 256"]], message: bytes
) -> bytes:
    """Return the SHA-256 digest of a message, each block of it computed by ``run``.

    Parameters
    ----------
    run
        What computes `sha256_circuit`, such as ``ReluNetwork.evaluate``.
    message
        Any bytes.
    """
    padded = message + b"\x80" + b"\0" * (-(len(message) + 9) % 64)
    padded += (8 * len(message)).to_bytes(8, "big")
    state = np.array([(word >> i) & 1 for word in reversed(INITIAL) for i in range(32)])
    for start in range(0, len(padded), 64):
        block = np.frombuffer(padded[start : start + 64][::-1], np.uint8)
        bits = np.concatenate([np.unpackbits(block, bitorder="little"), state])
        state = np.asarray(run(bits[None].astype(float)))[0].astype(np.uint8)
    return np.packbits(state, bitorder="little").tobytes()[::-1]
