"""A model's folder as the Hugging Face hub lays it out: one file, or shards and their index."""

from pathlib import Path

from widthwise.networks.checkpoints.json_text import read_json
from widthwise.networks.checkpoints.paths import beside

_WHOLE = ("model.safetensors", "pytorch_model.bin")
_INDEXES = tuple(f"{name}.index.json" for name in _WHOLE)
_SUFFIXES = (".safetensors", ".npz", ".onnx", ".pt", ".pth", ".bin", ".eqx")
_LONGEST_INDEX = 2**28


def files_of(folder: Path) -> tuple[list[Path], dict[str, str] | None]:
    """Find the files of a model, and which array its index puts into which.

    Parameters
    ----------
    folder
        Holds ``model.safetensors`` or ``pytorch_model.bin``, whole or in shards with their index,
        or one single file of weights by any name.

    Returns
    -------
    The files in order, and the index from arrays to names of files, if there is one.

    Raises
    ------
    ValueError
        If there is nothing of this, or the index names files elsewhere.
    """
    for whole, index in zip(_WHOLE, _INDEXES, strict=True):
        if (folder / index).is_file():
            places = _index(folder / index)
            return [beside(folder / index, name) for name in sorted(set(places.values()))], places
        if (folder / whole).is_file():
            return [folder / whole], None
    single = sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES)
    if len(single) != 1:
        names = ", ".join(file.name for file in single[:5]) or "none"
        raise ValueError(
            f"a folder needs one file of weights, or {_WHOLE[0]}, or shards with {_INDEXES[0]}; "
            f"there are: {names}. Name one file"
        )
    return single, None


def _index(file: Path) -> dict[str, str]:
    if file.stat().st_size > _LONGEST_INDEX:
        raise ValueError(f"{file.name} is far too long for an index")
    places = read_json(file.read_bytes()).get("weight_map")
    if not (isinstance(places, dict) and all(isinstance(name, str) for name in places.values())):
        raise ValueError(f"{file.name} has no weight_map from arrays to files")
    return places
