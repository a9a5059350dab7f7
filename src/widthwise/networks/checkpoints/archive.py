"""Zip archives of arrays: opened only if what they unpack to is in proportion to their size."""

import threading
import zipfile
from pathlib import Path
from typing import IO

_PLENTY = 256 * 2**20  # bytes that any archive may unpack to
_RATIO = 100  # larger ones may unpack to so many times their size: weights hardly compress
_LOCAL_HEADER = 30


class Archive:
    """Members of a zip archive, each read by itself.

    Parameters
    ----------
    path
        The archive.

    Raises
    ------
    ValueError
        If it would unpack to far more than its size, two members share a name or bytes, or one is
        encrypted.
    """

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        self._lock = threading.Lock()
        members = self._zip.infolist()
        self.sizes = {member.filename: member.file_size for member in members}
        """Bytes of each member once unpacked."""
        try:
            _check(members, self.sizes, path.stat().st_size)
        except ValueError:
            self._zip.close()
            raise

    def read(self, name: str) -> bytes:
        """Unpack one member, and hold it against its checksum."""
        with self._lock:
            return self._zip.read(name)

    def open(self, name: str) -> IO[bytes]:
        """Open one member for reading its beginning."""
        return self._zip.open(name)


def _check(members: list[zipfile.ZipInfo], sizes: dict[str, int], size: int) -> None:
    if len(sizes) < len(members):
        raise ValueError("two members of the archive have the same name")
    total = sum(sizes.values())
    if total > max(_PLENTY, _RATIO * size):
        raise ValueError(
            f"its {size} bytes would unpack to {total}, which weights never do; unpack it yourself "
            "if you trust it"
        )
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.flag_bits & 1:
            raise ValueError(f"its member {member.filename!r} is encrypted")
        if member.header_offset < end:
            raise ValueError("members of the archive overlap")
        end = member.header_offset + _LOCAL_HEADER + member.compress_size
