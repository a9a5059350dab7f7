"""A model's folder as the Hugging Face hub lays it out: one file, or shards and their index."""

from pathlib import Path

from widthwise.networks.checkpoints.json_text import read_json
from widthwise.networks.checkpoints.paths import beside

_WHOLE = tuple(
    name + suffix
    for names in (("model", "pytorch_model"), ("diffusion_pytorch_model",), ("adapter_model",))
    for suffix in (".safetensors", ".bin")
    for name in names
)
_STATE = ("training_args", "optimizer", "scheduler", "scaler", "rng_state", "random_states")
_SUFFIXES = (".safetensors", ".npz", ".onnx", ".pt", ".pth", ".bin", ".eqx")
_LONGEST_INDEX = 2**28
_LISTED = 12


def files_of(folder: Path) -> tuple[list[Path], dict[str, str] | None]:
    """Find the files of a model, and which array its index puts into which.

    Parameters
    ----------
    folder
        Holds ``model.safetensors`` or ``pytorch_model.bin``, or the same of a diffusion model or
        an adapter, whole or in shards with their index; or one single file of weights by any
        name, beside which states of the training do not count.

    Returns
    -------
    The files in order, and the index from arrays to names of files, if there is one.

    Raises
    ------
    ValueError
        If there is nothing of this, if there are several models, which the message lists, or if
        the index names files elsewhere.
    """
    for whole in _WHOLE:
        index = f"{whole}.index.json"
        if (folder / index).is_file():
            places = _index(folder / index)
            return [beside(folder / index, name) for name in sorted(set(places.values()))], places
        if (folder / whole).is_file():
            return [folder / whole], None
    found = _weights_in(folder)
    if len(found) == 1:
        return found, None
    inner = found or [file for part in sorted(folder.iterdir()) if part.is_dir()
                      for file in _weights_in(part)]  # fmt: skip
    if not inner:
        raise ValueError(f"the folder holds no file of weights ({', '.join(_SUFFIXES)})")
    names = [file.relative_to(folder).as_posix() for file in inner[:_LISTED]]
    more = f" and {len(inner) - _LISTED} more" if len(inner) > _LISTED else ""
    where = f"{len(inner)} files of weights" if found else "weights in folders of its own only"
    raise ValueError(
        f"the folder holds {where}: {', '.join(names)}{more}. Name one of them, or one after the "
        "other those that are to be compared"
    )


def _weights_in(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in _SUFFIXES and file.is_file() and not file.name.startswith(_STATE)
    )


def _index(file: Path) -> dict[str, str]:
    if file.stat().st_size > _LONGEST_INDEX:
        raise ValueError(f"{file.name} is far too long for an index")
    places = read_json(file.read_bytes()).get("weight_map")
    if not (isinstance(places, dict) and all(isinstance(name, str) for name in places.values())):
        raise ValueError(f"{file.name} has no weight_map from arrays to files")
    return places
