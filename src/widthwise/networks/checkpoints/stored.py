"""One array in a file: its shape and type are known, its numbers are read when asked for."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jax.numpy as jnp
import numpy as np

Layout = Literal["out-in", "in-out"]

_PLAIN = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
          "float16", "float32", "float64", "complex64", "complex128")  # fmt: skip
DTYPES = {name: np.dtype(name) for name in _PLAIN} | {
    name: np.dtype(getattr(jnp, name)) for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2")
}
"""Types of numbers that are understood, by name."""

_NARROW = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
_MOST_AXES = 32


@dataclass(frozen=True)
class Stored:
    """An array that still lies in its file.

    Attributes
    ----------
    shape, dtype
        Of the array in the file; the type by its name in `DTYPES`.
    read
        Reads the numbers.
    layout
        How a matrix lies, where the format says so: outputs first or inputs first.
    role
        What the array is for, where the format says so.
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]
    layout: Layout | None = None
    role: str | None = None

    @property
    def nbytes(self) -> int:
        """Size in the file; zero where the type of number is not understood."""
        known = DTYPES.get(self.dtype)
        return math.prod(self.shape) * known.itemsize if known else 0

    def array(self) -> np.ndarray:
        """Read the numbers; floating-point ones narrower than float32 become that, exactly."""
        found = self.read()
        return found.astype(np.float32) if self.dtype in _NARROW else found


def not_understood(name: str, shape: tuple[int, ...], dtype: str) -> Stored:
    """Return an array of a type of number that is not understood: reading it raises."""

    def read() -> np.ndarray:
        raise ValueError(f"the array {name!r} is of type {dtype!r}, which is not understood")

    return Stored(shape, dtype, read)


def checked_shape(shape: object) -> tuple[int, ...]:
    """Return a shape that a file states, or refuse it.

    Raises
    ------
    ValueError
        If it is no list of whole numbers that are not negative.
    """
    whole = isinstance(shape, list | tuple) and all(
        type(size) is int and 0 <= size < 2**62 for size in shape
    )
    if not (whole and isinstance(shape, Sequence) and len(shape) <= _MOST_AXES):
        raise ValueError("it states a shape that no array has")
    return tuple(shape)


def check_size(name: str, shape: tuple[int, ...], dtype: str, present: int) -> None:
    """Refuse an array whose shape asks for another number of bytes than there are.

    Raises
    ------
    ValueError
        If the two differ.
    """
    needed = math.prod(shape) * DTYPES[dtype].itemsize
    if needed != present:
        raise ValueError(
            f"the array {name!r} of shape {shape} in {dtype} needs {needed} bytes, and the file "
            f"has {present} for it"
        )


def decode(raw: bytes | memoryview, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return little-endian bytes as an array."""
    return np.frombuffer(raw, DTYPES[dtype].newbyteorder("<")).reshape(shape)


def read_bytes(path: Path, start: int, count: int) -> bytes:
    """Read so many bytes of a file.

    Raises
    ------
    ValueError
        If the file ends before.
    """
    with path.open("rb") as file:
        file.seek(start)
        raw = file.read(count)
    if len(raw) != count:
        raise ValueError("the file ends inside an array")
    return raw


@contextmanager
def one_clear_error(path: Path) -> Iterator[None]:
    """Turn whatever a damaged or hostile file provokes in a reader into one ``ValueError``.

    What the machine could not do (``OSError``) passes.
    """
    try:
        yield
    except (OSError, ModuleNotFoundError):
        raise
    except (ValueError, NotImplementedError) as error:
        raise ValueError(f"{path} cannot be read: {_first_line(error)}") from None
    except (RecursionError, MemoryError) as error:
        raise ValueError(f"{path} cannot be read: it is nested too deeply, or too large") from error
    except Exception as error:
        raise ValueError(
            f"{path} is damaged ({type(error).__name__}: {_first_line(error)}): copy it again"
        ) from error


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
