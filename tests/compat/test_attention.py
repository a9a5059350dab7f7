"""Attention with positions, masks and both scalings, against values of the archived library."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import widthwise as ww
from widthwise.compat.neural_tangents import stax

FILE = json.loads((Path(__file__).parent / "values" / "attention.json").read_text())
X1, X2 = (np.random.default_rng(seed).standard_normal((2, 4, 3)) for seed in (7, 8))
X1[1, 3] = X2[0, 2:] = 100.0  # padding


def decay(distance):
    return jnp.exp(-0.3 * distance)


@pytest.mark.parametrize(
    "entry",
    [FILE["entries"][0], *(pytest.param(e, marks=pytest.mark.slow) for e in FILE["entries"][1:])],
)
def test_values(entry):
    function = decay if entry["decay"] else None
    layer = stax.GlobalSelfAttention(4, 5, 7, 2, pos_emb_decay_fn=function, **entry["settings"])
    net = stax.serial(stax.Dense(6, 1.3, 0.1), layer, stax.GlobalAvgPool())
    kernel = net.kernel_fn(X1, X2, ("nngp", "ntk"), mask_constant=100.0)
    np.testing.assert_allclose(kernel.nngp, entry["nngp"], rtol=1e-9)
    np.testing.assert_allclose(kernel.ntk, entry["ntk"], rtol=1e-9)


def test_settings():
    layer = stax.GlobalSelfAttention(
        4, 5, 7, 2, False, attention_mechanism="IDENTITY", pos_emb_type="CONCAT",
        pos_emb_decay_fn=decay, n_chan_pos_emb=3, W_pos_emb_std=2, val_pos_emb=True,
    )  # fmt: skip
    (found,) = layer.kernel_fn.layer.layers
    stds = dict.fromkeys(("key_std", "query_std", "value_std", "out_std"), 1.0)
    positions = ww.PositionEmbedding("concatenation", std=2.0, decay=decay, width=3, values=True)
    assert found == ww.SelfAttention(
        4, 2, head_width=5, value_width=7, mechanism="identity", scaling="sqrt",
        positions=positions, bias=False, **stds,
    )  # fmt: skip
    rows = layer.kernel_fn.layer.parameter_table((6, 3))
    assert [row.shape for row in rows] == [(10, 6), (14, 6), (4, 14), (10, 6), (6, 3)]
