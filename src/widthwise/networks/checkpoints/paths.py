"""Files that a checkpoint names: they lie beside it."""

from pathlib import Path, PurePosixPath, PureWindowsPath


def beside(path: Path, name: object) -> Path:
    """Return the file of a name in the folder of a file.

    Raises
    ------
    ValueError
        If the name leads out of the folder, or there is no such file.
    """
    plain = isinstance(name, str) and all(
        part.name == name for part in (PurePosixPath(name), PureWindowsPath(name))
    )
    if not plain or name in ("", ".", ".."):
        raise ValueError(f"it names the file {str(name)[:100]!r}: only files beside it are read")
    file = path.parent / str(name)
    if not file.is_file():
        raise ValueError(f"it names the file {name!r}, which is not there")
    return file
