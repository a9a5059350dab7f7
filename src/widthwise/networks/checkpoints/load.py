"""Opening files of weights, whatever wrote them."""

from pathlib import Path
from typing import Any

from widthwise.networks.checkpoints.archive import Archive
from widthwise.networks.checkpoints.checkpoint import Checkpoint
from widthwise.networks.checkpoints.equinox import read_equinox
from widthwise.networks.checkpoints.folder import files_of
from widthwise.networks.checkpoints.npz import read_npz
from widthwise.networks.checkpoints.onnx import read_onnx
from widthwise.networks.checkpoints.safetensors import looks_like_safetensors, read_safetensors
from widthwise.networks.checkpoints.stored import Stored, one_clear_error
from widthwise.networks.checkpoints.torch import read_torch

FORMATS = ".safetensors, .npz, .onnx, .pt or .pth (also .bin), .eqx, or a Hugging Face folder"
_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def load_weights(path: str | Path, *, like: Any = None) -> Checkpoint:
    """Open a checkpoint. No code in the file is executed, whatever the format.

    Parameters
    ----------
    path
        A .safetensors, .npz, .onnx (needs the extra ``onnx``), .pt, .pth, .bin (of PyTorch 1.6 or
        newer, TorchScript included; PyTorch itself is not needed) or .eqx file, recognized by its
        content, or a Hugging Face folder, sharded or not.
    like
        For an Equinox file, which stores no names: a model of the same structure. Without one the
        arrays are ``leaf_0``, ``leaf_1``, ... in order.

    Returns
    -------
    Checkpoint
        A mapping from names to NumPy arrays, each read when it is asked for.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If the file is damaged, asks to run code, would unpack to far more than its size, or is of
        another format.
    ModuleNotFoundError
        For ONNX without the package ``onnx``.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> file = Path(tempfile.mkdtemp()) / "weights.npz"
    >>> np.savez(file, layer=np.ones((3, 2), np.float16))
    >>> weights = load_weights(file)
    >>> weights["layer"].shape, weights["layer"].dtype.name, weights.format
    ((3, 2), 'float32', 'npz')
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    with one_clear_error(path):
        if path.is_dir():
            return _read_folder(path)
        kind, found = _read_file(path, like)
    if not found:
        raise ValueError(f"{path} holds no arrays")
    return Checkpoint(path, kind, found)


def _read_file(path: Path, like: Any = None) -> tuple[str, dict[str, Stored]]:
    if not path.is_file():
        raise ValueError("it is neither a file nor a folder")
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(b"PK"):
        return _read_zip(path)
    if start.startswith(b"\x93NUMPY") or (path.suffix == ".eqx" and start.startswith(b"{")):
        return "equinox", read_equinox(path, like)
    if path.suffix == ".onnx":
        return "onnx", read_onnx(path)
    if looks_like_safetensors(start) or path.suffix == ".safetensors":
        return "safetensors", read_safetensors(path)
    if start == _OLD_TORCH[:16] or path.suffix in (".pt", ".pth", ".bin", ".pkl", ".ckpt"):
        raise ValueError(
            "it is no file of PyTorch 1.6 or newer; if it is an older one, load it in PyTorch with "
            "weights_only=True and save it again"
        )
    raise ValueError(f"its format is unknown: give {FORMATS}")


def _read_zip(path: Path) -> tuple[str, dict[str, Stored]]:
    archive = Archive(path)
    programs = [name for name in archive.sizes if name.rpartition("/")[2] == "data.pkl"]
    if len(programs) == 1:
        return "torch", read_torch(archive, programs[0])
    if any(name.endswith(".npy") for name in archive.sizes):
        return "npz", read_npz(archive)
    raise ValueError("it is an archive of neither NumPy nor PyTorch")


def _read_folder(folder: Path) -> Checkpoint:
    files, places = files_of(folder)
    found: dict[str, Stored] = {}
    kind = ""
    for file in files:
        kind, part = _read_file(file)
        wanted = part if places is None else {
            name: entry for name, entry in part.items() if places.get(name) == file.name
        }  # fmt: skip
        found |= wanted
    missing = [] if places is None else [name for name in places if name not in found]
    if missing:
        raise ValueError(f"its shards lack {len(missing)} arrays, first {missing[0]!r}")
    return Checkpoint(folder, kind, found)
