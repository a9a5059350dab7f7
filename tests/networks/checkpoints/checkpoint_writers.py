"""Writers of checkpoints that share nothing with the readers."""

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np

SAFETENSORS = {"float32": "F32", "float64": "F64", "float16": "F16", "int8": "I8", "int64": "I64",
               "bool": "BOOL", "uint8": "U8"}  # fmt: skip
STORAGES = {"float32": b"FloatStorage", "float64": b"DoubleStorage", "float16": b"HalfStorage",
            "int8": b"CharStorage", "int64": b"LongStorage"}  # fmt: skip


def safetensors_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    header: dict[str, dict] = {"__metadata__": {"format": "np"}}
    data = b""
    for name, array in arrays.items():
        raw = array.tobytes()
        header[name] = {
            "dtype": SAFETENSORS[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    return framed(json.dumps(header).encode(), data)


def framed(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def npz_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def whole(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)


def wholes(values) -> bytes:
    return b"(" + b"".join(map(whole, values)) + b"t"


def tensor(kind: bytes, key: str, count: int, place: tuple[int, tuple, tuple]) -> bytes:
    """Return the steps of a pickle that make one array."""
    offset, shape, strides = place
    storage = b"(" + text("storage") + b"ctorch\n" + kind + b"\n" + text(key) + text("cpu")
    given = storage + whole(count) + b"tQ" + whole(offset) + wholes(shape) + wholes(strides)
    last = b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + given + last + b"tR"


def torch_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    steps, numbers = b"", []
    for index, (name, array) in enumerate(arrays.items()):
        strides = tuple(step // array.itemsize for step in np.ascontiguousarray(array).strides)
        place = (0, array.shape, strides)
        steps += text(name) + tensor(STORAGES[array.dtype.name], str(index), array.size, place)
        numbers.append(array.tobytes())
    return torch_archive(b"ccollections\nOrderedDict\n)R(" + steps + b"u", numbers)


def torch_archive(steps: bytes, numbers: list[bytes], byteorder: bytes = b"little") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + steps + b".")
        archive.writestr("archive/byteorder", byteorder)
        for index, raw in enumerate(numbers):
            archive.writestr(f"archive/data/{index}", raw)
    return file.getvalue()


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path
