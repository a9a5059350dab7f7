"""AES against the published vectors, and one round against another implementation."""

import numpy as np
import pytest

from widthwise.circuits import compile_circuit
from widthwise.circuits.typed import aes128_circuit, aes128_encrypt
from widthwise.circuits.typed.aes import SUBSTITUTION

VECTORS = [  # key, plaintext, ciphertext: FIPS 197, appendices B and C.1
    ("2b7e151628aed2a6abf7158809cf4f3c", "3243f6a8885a308d313198a2e0370734",
     "3925841d02dc09fbdc118597196a0b32"),
    ("000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff",
     "69c4e0d86a7b0430d8cdb78070b4c55a"),
]  # fmt: skip


def test_the_substitution_is_the_published_table():
    assert [f"{s:02x}" for s in SUBSTITUTION[:4]] == ["63", "7c", "77", "7b"]
    assert (SUBSTITUTION[0x53], SUBSTITUTION[0xFF]) == (0xED, 0x16)
    assert sorted(SUBSTITUTION) == list(range(256))


def test_one_round_is_that_of_the_standard():
    """The last round, without mixing: bytes looked up, rows turned, the first round key added."""
    circuit = aes128_circuit(rounds=1)
    key, plain = (bytes.fromhex(text) for text in VECTORS[0][:2])
    state = [SUBSTITUTION[a ^ b] for a, b in zip(key, plain, strict=True)]
    turned = np.array(state).reshape(4, 4).T
    turned = np.stack([np.roll(row, -r) for r, row in enumerate(turned)]).T.ravel()
    first = bytes.fromhex("a0fafe1788542cb123a339392a6c7605")  # the round key of appendix A.1
    expected = bytes(int(a) ^ b for a, b in zip(turned, first, strict=True))
    assert aes128_encrypt(circuit.simulate, key, plain) == expected
    assert aes128_encrypt(compile_circuit(circuit).evaluate, key, plain) == expected


@pytest.mark.slow
def test_networks_give_the_published_ciphertexts():
    compiled = compile_circuit(aes128_circuit())
    for key, plain, cipher in VECTORS:
        found = aes128_encrypt(compiled.evaluate, bytes.fromhex(key), bytes.fromhex(plain))
        assert found.hex() == cipher


def test_refused():
    with pytest.raises(ValueError, match="rounds is 11"):
        aes128_circuit(rounds=11)
    with pytest.raises(ValueError, match="key has 15 bytes"):
        aes128_encrypt(lambda x: x, bytes(15), bytes(16))
