"""Roles by name, and matrices with outputs as rows whatever the format."""

from pathlib import Path

import numpy as np
import pytest
from checkpoint_writers import npz_bytes, written

from widthwise.networks.checkpoints import load_weights, role_of, weight_matrices

NAMES = {
    "bert.encoder.layer.0.attention.self.query.weight": "query",
    "encoder.layer.11.attention.output.dense.weight": "attention output",
    "encoder.layer.0.attention.output.LayerNorm.weight": "norm",
    "encoder.layer.0.intermediate.dense.weight": "MLP in",
    "encoder.layer.0.output.dense.weight": "MLP out",
    "embeddings.word_embeddings.weight": "embedding",
    "embeddings.position_embeddings.weight": "position embedding",
    "embeddings.position_ids": "fixed transform",
    "transformer.h.0.attn.c_attn.weight": "query, key and value",
    "transformer.h.0.attn.c_proj.weight": "attention output",
    "transformer.h.0.mlp.c_fc.weight": "MLP in",
    "transformer.h.0.mlp.c_proj.weight": "MLP out",
    "transformer.h.0.ln_1.weight": "norm",
    "wte.weight": "embedding",
    "model.layers.0.self_attn.k_proj.weight": "key",
    "model.layers.0.self_attn.o_proj.weight": "attention output",
    "model.layers.0.mlp.gate_proj.weight": "MLP gate",
    "model.layers.0.mlp.down_proj.weight": "MLP out",
    "model.layers.0.post_attention_layernorm.weight": "norm",
    "lm_head.weight": "output",
    "encoder.block.0.layer.0.SelfAttention.v.weight": "value",
    "blocks.0.attn.qkv.weight": "query, key and value",
    "blocks.0.attn.proj.weight": "attention output",
    "encoder.layers.0.self_attn.in_proj_weight": "query, key and value",
    "encoder/layers_0/attention/query/kernel": "query",
    "lstm.weight_ih_l0": "recurrent input",
    "lstm.weight_hh_l0_reverse": "recurrent state",
    "lstm.bias_hh_l0": "bias",
    "layer1.0.conv2.weight": "convolution",
    "layer1.0.bn2.running_mean": "norm",
    "stft_conv.weight": "fixed transform",
    "body.3.weight": None,
    "get_logits_/Const_24:0": None,
}


@pytest.mark.parametrize(("name", "role"), NAMES.items())
def test_roles_of_common_architectures(name: str, role: str | None) -> None:
    assert role_of(name) == role


def test_patterns_of_the_users_own_come_first() -> None:
    assert role_of("lm_head.weight", {"head": "dense"}) == "dense"
    with pytest.raises(ValueError, match="did you mean 'MLP in'"):
        role_of("x", {"x": "MLP im"})
    with pytest.raises(ValueError, match="no regular expression"):
        role_of("x", {"(": "dense"})


def test_layouts_told_by_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "dense.weight": rng.standard_normal((8, 9)),
        "conv.weight": rng.standard_normal((8, 3, 3, 3)),
        "flax/kernel": rng.standard_normal((9, 8)),
        "flax/conv/kernel": rng.standard_normal((3, 3, 9, 8)),
        "h.0.mlp.c_fc.weight": rng.standard_normal((8, 32)).astype(np.float32),
        "thin.weight": np.ones((2, 90)),
        "one.weight": np.ones((1, 8, 8)),
        "dense.bias": np.ones(8),
        "steps": np.arange(90).reshape(9, 10),
        "vector": np.ones(80),
    }
    weights = load_weights(written(tmp_path, "x.npz", npz_bytes(arrays)))
    found, others = weight_matrices(weights)
    read = {matrix.name: matrix.read() for matrix in found}
    assert {matrix.name: matrix.shape for matrix in found} == {
        name: matrix.shape for name, matrix in read.items()
    }
    np.testing.assert_array_equal(read["dense.weight"], arrays["dense.weight"])
    np.testing.assert_array_equal(read["flax/kernel"], arrays["flax/kernel"].T)
    np.testing.assert_array_equal(read["conv.weight"][5], arrays["conv.weight"][5].ravel())
    convolution = arrays["flax/conv/kernel"][..., 5].ravel()
    np.testing.assert_array_equal(read["flax/conv/kernel"][5], convolution)
    assert read["h.0.mlp.c_fc.weight"].shape == (32, 8)
    assert read["h.0.mlp.c_fc.weight"].dtype == np.float32
    assert others == {
        "thin.weight": "only 2 x 90",
        "one.weight": "only 1 x 64",
        "dense.bias": "bias",
        "steps": "numbers of type int64",
        "vector": "shape (80,)",
    }
    (first, *_), _ = weight_matrices(weights, layout="in-out")
    np.testing.assert_array_equal(first.read(), arrays["dense.weight"].T)


def test_layouts_and_roles_told_by_a_graph(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    node, rng = onnx.helper.make_node, np.random.default_rng(0)
    shapes = {"second": (9, 8), "first": (8, 9), "gemm": (9, 8), "gemm_t": (8, 9), "turned": (8, 9),
              "kernel": (8, 3, 3, 3), "lstm_w": (1, 32, 9), "lstm_r": (1, 32, 8)}  # fmt: skip
    arrays = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    nodes = [
        node("MatMul", ["x", "second"], ["a"]),
        node("MatMul", ["first", "x"], ["b"]),
        node("Gemm", ["x", "gemm"], ["c"]),
        node("Gemm", ["x", "gemm_t"], ["d"], transB=1),
        node("Cast", ["turned"], ["cast"], to=1),
        node("Transpose", ["cast"], ["turned_t"]),
        node("MatMul", ["x", "turned_t"], ["e"]),
        node("Conv", ["x", "kernel"], ["f"]),
        node("LSTM", ["x", "lstm_w", "lstm_r"], ["g"]),
    ]
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = onnx.helper.make_graph(nodes, "g", [], [], initializer=tensors)
    onnx.save_model(onnx.helper.make_model(graph), tmp_path / "x.onnx")
    found, _ = weight_matrices(load_weights(tmp_path / "x.onnx"))
    shapes = {matrix.name: matrix.shape for matrix in found}
    roles = {matrix.name: matrix.role for matrix in found}
    assert {shapes[name] for name in ("second", "first", "gemm", "gemm_t", "turned")} == {(8, 9)}
    assert shapes["kernel"] == (8, 27)
    assert (shapes["lstm_w"], shapes["lstm_r"]) == ((32, 9), (32, 8))
    assert (roles["lstm_w"], roles["lstm_r"]) == ("recurrent input", "recurrent state")
    assert (roles["kernel"], roles["second"]) == ("convolution", "dense")
    (second,) = (matrix for matrix in found if matrix.name == "second")
    np.testing.assert_array_equal(second.read(), arrays["second"].T)
