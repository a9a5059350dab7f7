"""A file of weights as a mapping from names to arrays, each read when it is asked for."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from widthwise.networks.checkpoints.stored import Stored, one_clear_error
from widthwise.numerics.memory import refuse_beyond_memory


class Checkpoint(Mapping):
    """Arrays of a checkpoint by name, in the order of the file.

    Nothing is kept: every access reads the file again, so that a large checkpoint needs memory for
    one array at a time. float16, bfloat16 and float8 become float32, exactly; other types stay.

    Attributes
    ----------
    path
        The file or folder.
    format
        Such as ``safetensors``.
    stored
        Shape, type and layout of each array, known without reading it.
    """

    def __init__(self, path: Path, format: str, stored: Mapping[str, Stored]) -> None:  # noqa: A002
        self.path = path
        self.format = format
        self.stored = dict(stored)

    def __getitem__(self, name: str) -> np.ndarray:
        entry = self.stored[name]
        # twice: the bytes of the file, and the array made of them
        refuse_beyond_memory(2 * entry.nbytes, f"the array {name!r}", "use a larger machine")
        with one_clear_error(self.path):
            return entry.array()

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.path)!r}, {self.format}, {len(self)} arrays)"
