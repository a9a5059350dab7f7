"""Zip archives of arrays: opened only if what they unpack to is in proportion to their size."""

import zipfile
import zlib
from pathlib import Path

_PLENTY = 256 * 2**20  # bytes that any archive may unpack to
_RATIO = 100  # larger ones may unpack to so many times their size: weights hardly compress
_LOCAL_HEADER = 30
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Archive:
    """Members of a zip archive, each read by itself.

    Parameters
    ----------
    path
        The archive.

    Attributes
    ----------
    sizes
        Bytes of each member once unpacked, by name.

    Raises
    ------
    ValueError
        If it is damaged, would unpack to far more than its size, two members share a name or bytes,
        or one is encrypted or compressed in an unusual way.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except zipfile.BadZipFile as error:
            raise ValueError(f"the archive is cut short or damaged ({error})") from None
        self._members = {member.filename: member for member in members}
        self.sizes = {member.filename: member.file_size for member in members}
        _check(members, path.stat().st_size)

    def read(self, name: str) -> bytes:
        """Unpack one member.

        Raises
        ------
        ValueError
            If it does not fit its size and its checksum.
        """
        member = self._members[name]
        found = self.start(name, member.file_size + 1)
        if len(found) != member.file_size or zlib.crc32(found) != member.CRC:
            raise ValueError(f"its member {name!r} is damaged: copy the file again")
        return found

    def start(self, name: str, count: int) -> bytes:
        """Unpack so many bytes at most from the beginning of one member."""
        member = self._members[name]
        with self._path.open("rb") as file:
            file.seek(member.header_offset)
            local = file.read(_LOCAL_HEADER)
            names = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
            file.seek(names, 1)
            if local[:4] != b"PK\3\4":
                raise ValueError(f"its member {name!r} does not lie where the archive says")
            if member.compress_type == zipfile.ZIP_STORED:
                return file.read(min(count, member.compress_size))
            packed = file.read(member.compress_size)
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, count)


def _check(members: list[zipfile.ZipInfo], size: int) -> None:
    if len({member.filename for member in members}) < len(members):
        raise ValueError("two members of the archive have the same name")
    total = sum(member.file_size for member in members)
    if total > max(_PLENTY, _RATIO * size):
        raise ValueError(
            f"its {size} bytes would unpack to {total}, which weights never do; unpack it yourself "
            "if you trust it"
        )
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.flag_bits & 1:
            raise ValueError(f"its member {member.filename!r} is encrypted")
        if member.compress_type not in _METHODS:
            raise ValueError(f"its member {member.filename!r} is compressed in an unusual way")
        if member.header_offset < end:
            raise ValueError("members of the archive overlap")
        end = member.header_offset + _LOCAL_HEADER + member.compress_size
