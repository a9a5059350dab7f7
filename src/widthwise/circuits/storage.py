"""Networks of circuits as files: safetensors and npz, which can be read back, and ONNX."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import numpy as np

from widthwise.circuits.network import ReluNetwork
from widthwise.circuits.onnx import save_onnx
from widthwise.circuits.program import Names
from widthwise.circuits.timetable import Mode

SUFFIXES = (".onnx", ".safetensors", ".npz")
_ARRAYS = ("starts", "indptr", "indices", "weights", "bias", "node", "relay", "lower", "upper")
_SETTINGS = "widthwise"


def save_network(network: ReluNetwork, path: str | Path, *, dtype: str = "float32") -> Path:
    """Write a network as the file's suffix says: ``.onnx``, ``.safetensors`` or ``.npz``.

    The last two hold the arrays of `ReluNetwork` under their names, and settings and names of the
    parts as JSON, and `load_network` reads them.

    Parameters
    ----------
    network
        The network.
    path
        The file.
    dtype
        Number format of an ONNX model; the other files hold float64.

    Raises
    ------
    ValueError
        If the suffix is another one.
    ImportError
        If the package for the format is not installed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"cannot write {path.name!r}: the suffix must be {', '.join(SUFFIXES)}")
    if suffix == ".onnx":
        return save_onnx(network, path, dtype=dtype)
    arrays = {name: np.ascontiguousarray(getattr(network, name)) for name in _ARRAYS}
    arrays["gate_starts"] = network.names.starts
    settings = {
        "mode": network.mode,
        "inputs": network.names.inputs,
        "outputs": network.names.outputs,
        "gates": network.names.gates,
        "unit": network.unit,
    }
    text = json.dumps(settings)
    if suffix == ".npz":
        with path.open("wb") as file:  # a path would be given the suffix once more
            np.savez_compressed(file, allow_pickle=False, **arrays, **{_SETTINGS: np.array(text)})
    else:
        _safetensors().numpy.save_file(arrays, path, metadata={_SETTINGS: text})
    return path


def load_network(path: str | Path) -> ReluNetwork:
    """Read a network that `save_network` wrote as ``.safetensors`` or ``.npz``.

    Raises
    ------
    ValueError
        If the file is no such network.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    try:
        if suffix == ".npz":
            with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
                arrays = {name: found[name] for name in found.files}
            text = str(arrays.pop(_SETTINGS))
        elif suffix == ".safetensors":
            with _safetensors().safe_open(path, framework="numpy") as found:
                arrays = {name: found.get_tensor(name) for name in found.keys()}  # noqa: SIM118
                text = (found.metadata() or {})[_SETTINGS]
        else:
            raise ValueError(f"cannot read {path.name!r}: the suffix must be .safetensors or .npz")
        return _network(arrays, json.loads(text))
    except (OSError, ImportError):
        raise
    except Exception as error:
        raise ValueError(f"{path.name!r} holds no network of a circuit: {error}") from error


def _network(arrays: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> ReluNetwork:
    if settings["mode"] not in get_args(Mode):
        raise ValueError(f"mode is {settings['mode']!r}")
    names = Names(
        tuple(settings["inputs"]),
        tuple(settings["outputs"]),
        tuple(settings["gates"]),
        arrays["gate_starts"],
    )
    parts: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
    return ReluNetwork(
        mode=settings["mode"],
        inputs=len(names.inputs),
        unit=float(settings["unit"]),
        names=names,
        **parts,
    )


def _safetensors() -> ModuleType:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            "this file needs the package safetensors: pip install 'widthwise[safetensors]'"
        ) from None
    return safetensors
