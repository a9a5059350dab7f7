"""Every format gives back the arrays that were written, by writers that share nothing with us."""

import io
import json
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from checkpoint_writers import (
    framed,
    npz_bytes,
    safetensors_bytes,
    torch_bytes,
    written,
)

from widthwise.networks.checkpoints import load_weights

RNG = np.random.default_rng(0)
ARRAYS = {
    "a.weight": RNG.standard_normal((4, 3)).astype(np.float32),
    "b.weight": RNG.standard_normal((2, 3, 5)),
    "c": RNG.standard_normal(6).astype(np.float16),
    "d": np.arange(4, dtype=np.int64) - 2,
    "e": np.arange(6, dtype=np.int8).reshape(2, 3) - 3,
}


@pytest.mark.parametrize(
    ("name", "write", "kind"),
    [
        ("x.safetensors", safetensors_bytes, "safetensors"),
        ("x.npz", npz_bytes, "npz"),
        ("x.pt", torch_bytes, "torch"),
        ("pytorch_model.bin", torch_bytes, "torch"),
        ("misnamed.dat", safetensors_bytes, "safetensors"),
    ],
)
def test_round_trip(tmp_path: Path, name: str, write, kind: str) -> None:
    weights = load_weights(written(tmp_path, name, write(ARRAYS)))
    assert weights.format == kind
    assert list(weights) == list(ARRAYS)
    for key, array in ARRAYS.items():
        assert weights.stored[key].shape == array.shape
        assert weights.stored[key].dtype == array.dtype.name
        assert weights[key].dtype == (np.float32 if key == "c" else array.dtype)
        np.testing.assert_array_equal(weights[key], array)


def test_narrow_types_of_safetensors_are_exact(tmp_path: Path) -> None:
    header = {
        "bf16": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]},
        "f8": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [8, 10]},
        "f4": {"dtype": "F4", "shape": [4], "data_offsets": [10, 12]},
    }
    data = bytes.fromhex("803f0040c0bf0080") + b"\x38\xc0" + b"\0\0"
    path = written(tmp_path, "x.safetensors", framed(json.dumps(header).encode(), data))
    weights = load_weights(path)
    np.testing.assert_array_equal(weights["bf16"], np.array([[1, 2], [-1.5, -0.0]]))
    np.testing.assert_array_equal(weights["f8"], np.array([1, -2]))
    with pytest.raises(ValueError, match="'F4', which is not understood"):
        weights["f4"]


def test_npz_in_both_orders_compressed_and_big_endian(tmp_path: Path) -> None:
    matrix = np.arange(6.0).reshape(2, 3)
    path = tmp_path / "x.npz"
    np.savez_compressed(path, f=np.asfortranarray(matrix), b=matrix.astype(">f4"), t=["text"])
    weights = load_weights(path)
    assert list(weights) == ["f", "b"]
    np.testing.assert_array_equal(weights["f"], matrix)
    np.testing.assert_array_equal(weights["b"], matrix)
    assert weights["b"].dtype == np.float32


def test_equinox_with_and_without_a_model(tmp_path: Path) -> None:
    model = {"first": {"weight": jnp.ones((3, 2), jnp.bfloat16)}, "scale": 2.5, "name": "mlp"}
    content = io.BytesIO(b'{"width": 3}\n')
    content.seek(0, io.SEEK_END)
    eqx.tree_serialise_leaves(content, model)
    path = written(tmp_path, "x.eqx", content.getvalue())
    plain = load_weights(path)
    assert {name: plain[name].shape for name in plain} == {"leaf_0": (3, 2), "leaf_1": ()}
    named = load_weights(path, like=model)
    assert list(named) == ["first.weight", "scale"]
    np.testing.assert_array_equal(named["first.weight"], np.ones((3, 2)))
    assert named["scale"] == 2.5
    with pytest.raises(ValueError, match="2 arrays do not fit the 1 of the model"):
        load_weights(path, like={"scale": 1.0})


def test_training_states_give_the_model_only(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    state = {"model": model.state_dict(), "opt": optimizer.state_dict(), "epoch": 1}
    torch.save(state, tmp_path / "state.pt")
    torch.save(model, tmp_path / "module.pt")  # a whole module: its class is never made
    expected = model.state_dict()
    for name in ("state.pt", "module.pt"):
        weights = load_weights(tmp_path / name)
        assert set(weights) == set(expected)
        assert all(np.array_equal(weights[key], expected[key].numpy()) for key in weights)


def test_views_and_bfloat16_of_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    whole = torch.arange(24.0).reshape(4, 6)
    views = {"t": whole.T, "part": whole[1:3, 2:5], "one": whole[3, 5], "none": whole[:0]}
    views |= {"half": whole.to(torch.bfloat16), "param": torch.nn.Parameter(whole)}
    torch.save(views, tmp_path / "x.pth")
    weights = load_weights(tmp_path / "x.pth")
    for name, view in views.items():
        np.testing.assert_array_equal(weights[name], view.detach().float().numpy())


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_folders_whole_and_in_shards(tmp_path: Path, suffix: str) -> None:
    base, write = {
        "safetensors": ("model", safetensors_bytes),
        "bin": ("pytorch_model", torch_bytes),
    }[suffix]
    names = list(ARRAYS)
    shards = {f"{base}-1.{suffix}": names[:2], f"{base}-2.{suffix}": names[2:]}
    for file, part in shards.items():
        written(tmp_path, file, write({name: ARRAYS[name] for name in part}))
    index = {"weight_map": {name: file for file, part in shards.items() for name in part}}
    place = tmp_path / f"{base}.{suffix}.index.json"
    place.write_text(json.dumps(index))
    weights = load_weights(tmp_path)
    assert set(weights) == set(names)
    np.testing.assert_array_equal(weights["b.weight"], ARRAYS["b.weight"])
    index["weight_map"]["lost"] = f"{base}-2.{suffix}"
    place.write_text(json.dumps(index))
    with pytest.raises(ValueError, match="lack 1 arrays, first 'lost'"):
        load_weights(tmp_path)
    place.unlink()
    listed = f"2 files of weights: {base}-1.{suffix}, {base}-2.{suffix}. Name one of them"
    with pytest.raises(ValueError, match=listed):
        load_weights(tmp_path)
    written(tmp_path, f"{base}.{suffix}", write(ARRAYS))
    assert set(load_weights(tmp_path)) == set(names)


def test_folders_of_other_contents(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no file of weights \(.safetensors, .npz"):
        load_weights(tmp_path)
    part = tmp_path / "unet"
    part.mkdir()
    written(part, "diffusion_pytorch_model.safetensors", safetensors_bytes(ARRAYS))
    with pytest.raises(ValueError, match="own only: unet/diffusion_pytorch"):
        load_weights(tmp_path)
    for state in ("training_args.bin", "optimizer.pt", "rng_state_0.pth", "other.npz"):
        written(part, state, b"")  # are not weights, or not what the folder is named for
    assert set(load_weights(part)) == set(ARRAYS)
    written(tmp_path, "seed 1.safetensors", safetensors_bytes(ARRAYS))
    written(tmp_path, "optimizer.pt", b"")
    assert set(load_weights(tmp_path)) == set(ARRAYS)
    for seed in range(2, 15):
        written(tmp_path, f"seed {seed}.npz", b"")
    with pytest.raises(ValueError, match=r"14 files of weights: .* and 2 more\. Name one"):
        load_weights(tmp_path)


def onnx_model(tensors, nodes):
    helper = pytest.importorskip("onnx").helper
    value = helper.make_tensor_value_info("x", 1, None)
    graph = helper.make_graph(nodes, "g", [value], [value], initializer=tensors)
    return helper.make_model(graph)


def test_onnx_in_both_encodings_constants_and_inner_graphs(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, matrix = onnx.helper, np.arange(6, dtype=np.float32).reshape(2, 3)
    raw = onnx.numpy_helper.from_array(matrix, "raw")
    typed = helper.make_tensor("typed", 16, [2, 3], matrix.ravel())  # bfloat16 in a field
    inner = helper.make_graph([], "i", [], [], [onnx.numpy_helper.from_array(2 * matrix, "inner")])
    nodes = [
        helper.make_node("Constant", [], ["constant"], value=raw),
        helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner),
    ]
    inner.initializer[0].name = "then"
    nodes[1].attribute[1].g.initializer[0].name = "else"
    path = tmp_path / "x.onnx"
    onnx.save(onnx_model([raw, typed], nodes), path)
    weights = load_weights(path)
    assert set(weights) == {"raw", "typed", "constant", "then", "else"} or len(weights) == 5
    np.testing.assert_array_equal(weights["raw"], matrix)
    np.testing.assert_array_equal(weights["typed"], matrix)
    np.testing.assert_array_equal(weights["constant"], matrix)


def test_onnx_with_numbers_beside_it(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    matrix = np.arange(600, dtype=np.float32).reshape(20, 30)
    model = onnx_model([onnx.numpy_helper.from_array(matrix, "w")], [])
    onnx.save(model, tmp_path / "x.onnx", save_as_external_data=True, location="w.bin",
              size_threshold=0)  # fmt: skip
    assert (tmp_path / "w.bin").stat().st_size == 2400
    np.testing.assert_array_equal(load_weights(tmp_path / "x.onnx")["w"], matrix)


def test_without_onnx_the_error_names_the_extra(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'widthwise\[onnx\]'"):
        load_weights(written(tmp_path, "x.onnx", b"\x08\x01"))
