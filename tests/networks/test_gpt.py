"""A GPT's forward map, written again in NumPy; its initial scales; the roles of its arrays."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

import widthwise as ww
from widthwise.networks import GPT

MODEL = GPT(16, 3, symbols=7, length=6, head=8, weight_std=0.3, key=jax.random.key(0))


def normed(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def gelu(x: np.ndarray) -> np.ndarray:
    return x / 2 * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)))


def test_forward_map() -> None:
    tokens = np.array([0, 3, 6, 3, 1])
    stacked = jax.tree.map(lambda a: np.asarray(a, np.float64), MODEL)
    x = stacked.wte.weight[tokens] + stacked.wpe.weight[:5]
    for i in range(3):
        block, mixed = stacked.blocks, []
        a, h = block.attention, normed(x)
        q, k, v = (h @ m.weight[i].T for m in (a.query, a.key, a.value))
        for part in (slice(0, 8), slice(8, 16)):
            logits = q[:, part] @ k[:, part].T / 8**0.5
            logits[np.triu_indices(5, 1)] = -np.inf
            mixed.append(softmax(logits, axis=1) @ v[:, part])
        x = x + np.concatenate(mixed, axis=1) @ a.c_proj.weight[i].T
        x = x + gelu(normed(x) @ block.c_fc.weight[i].T) @ block.c_proj.weight[i].T
    expected = normed(x) @ stacked.lm_head.weight.T
    np.testing.assert_allclose(MODEL(jnp.asarray(tokens)), expected, atol=2e-5)


def test_initial_scales() -> None:
    assert float(jnp.std(MODEL.blocks.c_fc.weight)) == pytest.approx(0.3, rel=0.05)
    assert float(jnp.std(MODEL.blocks.c_proj.weight)) == pytest.approx(0.3 / 6**0.5, rel=0.05)
    bare = jax.eval_shape(
        lambda k: GPT(8, 1, symbols=3, length=2, head=4, use_bias=False, key=k), jax.random.key(0)
    )
    assert {leaf.ndim for leaf in jax.tree.leaves(bare.blocks)} == {2, 3}
    assert bare.blocks.c_fc.bias is None
    assert bare.ln_f.bias is None


def test_stacked_vectors_are_vectors() -> None:
    def make(width: int, depth: int, key: jax.Array) -> GPT:
        return GPT(width, depth, symbols=7, length=6, head=8, weight_std=0.3, key=key)

    plan = ww.parametrize(
        make, 32, base_width=8, depth=8, base_depth=2, parametrization="completep"
    )
    rows = {row.path: row for row in plan.rows}
    norm, bias = rows[".blocks.ln_1.weight"], rows[".blocks.c_fc.bias"]
    assert norm.shape == (8, 32)
    assert {norm.role, bias.role, rows[".ln_f.bias"].role} == {"bias"}
    assert norm.learning_rate == bias.learning_rate == 1
    assert rows[".blocks.attention.query.weight"].role == "hidden"
    assert rows[".blocks.c_proj.weight"].learning_rate == pytest.approx(1 / 16)
    assert rows[".wpe.weight"].role == "input"
    assert rows[".lm_head.weight"].role == "output"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"head": 6}, "width is 16, head 6"),
        ({"depth": 0}, "at least one block"),
        ({"symbols": 1}, "two symbols"),
    ],
)
def test_refused(changed: dict, message: str) -> None:
    given = {"width": 16, "depth": 1, "symbols": 3, "length": 4, "head": 8, **changed}
    with pytest.raises(ValueError, match=message):
        GPT(given.pop("width"), given.pop("depth"), **given, key=jax.random.key(0))
