"""AES-128 as a typed circuit: a byte is looked up in one layer, and a round takes two.

Source: NIST FIPS 197, "Advanced Encryption Standard (AES)", 2001.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from widthwise.circuits.typed.booleans import Bool, BoolWire, lookup, parity
from widthwise.circuits.typed.trace import TypedCircuit, trace

Byte = tuple[Any, ...]
"""Eight wires of `Bool`, least significant first."""

_ROUNDS = 10
_POLYNOMIAL = 0x11B  # x^8 + x^4 + x^3 + x + 1, modulo which bytes are multiplied


def _product(a: int, b: int) -> int:
    """Multiply two bytes as polynomials over two elements."""
    total = 0
    for i in range(8):
        total ^= (a << i) * ((b >> i) & 1)
    for i in range(14, 7, -1):
        total ^= (_POLYNOMIAL << (i - 8)) * ((total >> i) & 1)
    return total


def _substitution() -> list[int]:
    """Return the inverse of each byte, zero staying zero, mapped affinely."""
    powers = [1]
    while len(powers) < 255:
        powers.append(_product(powers[-1], 3))  # 3 generates all bytes but zero
    inverse = {0: 0} | {p: powers[-i % 255] for i, p in enumerate(powers)}
    twice = [inverse[byte] * 0x101 for byte in range(256)]
    turned = [t ^ t >> 4 ^ t >> 5 ^ t >> 6 ^ t >> 7 for t in twice]
    return [0x63 ^ (t & 0xFF) for t in turned]


SUBSTITUTION = _substitution()
"""The table of the one nonlinear step."""
_TABLES = [[(s >> i) & 1 for s in SUBSTITUTION] for i in range(8)]
_MIXING = (2, 3, 1, 1)  # a column of bytes is multiplied by a circulant matrix of these


def aes128_circuit(*, rounds: int = _ROUNDS) -> TypedCircuit:
    """Return the encryption of one block by AES with a key of 128 bits.

    A substitution of a byte is a table of its eight bits, 255 neurons in one layer; what follows up
    to the next one is linear over two elements, and each of its bits is one parity.

    Parameters
    ----------
    rounds
        1 to 10; fewer than 10 make another, weaker function, the last round being without mixing
        of columns.

    Returns
    -------
    TypedCircuit
        128 + 128 inputs, key and plaintext, and 128 outputs. Each group is the usual hexadecimal
        string as a number, least significant bit first, as in the circuit files in Bristol fashion.

    Raises
    ------
    ValueError
        If the rounds are out of range.
    """
    if not 1 <= rounds <= _ROUNDS:
        raise ValueError(f"rounds is {rounds}: AES with a key of 128 bits has 1 to {_ROUNDS}")

    def aes128(key: Sequence[Any], plaintext: Sequence[Any]) -> list[Any]:
        keys = _schedule(_bytes(key), rounds)
        state = [_sum(a, b) for a, b in zip(_bytes(plaintext), keys[:16], strict=True)]
        for number in range(1, rounds + 1):
            # Bytes are column by column; row r is turned to the left by r places.
            state = [_substitute(state[(i + 4 * (i % 4)) % 16]) for i in range(16)]
            own = keys[16 * number : 16 * (number + 1)]
            state = [
                _sum(state[i], own[i]) if number == rounds else _mixed(state, i, own[i])
                for i in range(16)
            ]
        return [bit for byte in reversed(state) for bit in byte]

    return trace(aes128, [Bool()] * 128, [Bool()] * 128)


def _schedule(key: list[Byte], rounds: int) -> list[Byte]:
    """Return the keys of all rounds, one after another; each takes two layers."""
    found, constant = list(key), 1
    for _ in range(rounds):
        old = found[-16:]
        new = [_substitute(byte) for byte in (*old[13:], old[12])]
        new[0] = tuple(~b if (constant >> i) & 1 else b for i, b in enumerate(new[0]))
        constant = _product(constant, 2)
        # Each word is the sum of the one before and an old one: of all old ones up to its place.
        found += [
            _sum(new[row], *(old[4 * word + row] for word in range(count + 1)))
            for count in range(4)
            for row in range(4)
        ]
    return found


def _substitute(byte: Byte) -> Byte:
    return tuple(lookup(_TABLES, *byte))


def _sum(*given: Byte) -> Byte:
    return tuple(parity(*bits) for bits in zip(*given, strict=True))


def _mixed(state: list[Byte], place: int, key: Byte) -> Byte:
    """Return a byte of the product of its column with the matrix, plus a byte of the key."""
    column, row = place - place % 4, place % 4
    terms: list[list[BoolWire]] = [[bit] for bit in key]
    for i in range(4):
        factor = _MIXING[(i - row) % 4]
        for j, bit in enumerate(state[column + i]):
            image = _product(factor, 1 << j)
            for out in range(8):
                if (image >> out) & 1:
                    terms[out].append(bit)
    return tuple(parity(*bits) for bits in terms)


def _bytes(bits: Sequence[Any]) -> list[Byte]:
    """Cut a number of 128 bits into bytes, most significant byte first."""
    return [tuple(bits[i : i + 8]) for i in range(len(bits) - 8, -1, -8)]


def aes128_encrypt(
    run: Callable[[Float[np.ndarray, "1 256"]], Float[np.ndarray, "1 128"]],
    key: bytes,
    plaintext: bytes,
) -> bytes:
    """Encrypt one block by ``run``, which computes `aes128_circuit`.

    Parameters
    ----------
    run
        Such as ``ReluNetwork.evaluate``.
    key, plaintext
        16 bytes each.

    Raises
    ------
    ValueError
        If one of them has another length.
    """
    if len(key) != 16 or len(plaintext) != 16:
        raise ValueError(
            f"the key has {len(key)} bytes and the block {len(plaintext)}: give 16 of each"
        )
    given = np.frombuffer(key[::-1] + plaintext[::-1], np.uint8)
    bits = np.unpackbits(given, bitorder="little")
    found = np.asarray(run(bits[None].astype(float)))[0].astype(np.uint8)
    return np.packbits(found, bitorder="little").tobytes()[::-1]
