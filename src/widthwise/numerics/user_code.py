"""Objects in a user's own code, named as ``module:name`` or ``file.py:name``."""

import difflib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def load_object(target: str) -> tuple[Any, ModuleType]:
    """Import what a target names.

    Parameters
    ----------
    target
        ``package.module:name`` or ``file.py:name``; a module may also be a file of the current
        folder.

    Returns
    -------
    The object, and the module that holds it.

    Raises
    ------
    ValueError
        If there is no such file, module or name.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise ValueError(f"{target!r} names no object: give file.py:name or package.module:name")
    module = load_module(place)
    if name not in vars(module):
        known = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")][:20]
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        near = f"; did you mean {close[0]!r}?" if close else "."
        raise ValueError(f"{place} has no function {name!r}{near} Known: {', '.join(known)}")
    return vars(module)[name], module


def load_module(place: str) -> ModuleType:
    """Import a module by its name or file; a module may also be a file of the current folder.

    Raises
    ------
    ValueError
        If there is none.
    """
    path = Path(place if place.endswith(".py") else f"{place.replace('.', '/')}.py")
    if path.is_file():
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ValueError(f"cannot load {path}; give a Python source file")
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)  # where dataclasses look for their annotations
        spec.loader.exec_module(module)
        return module
    if place.endswith(".py"):
        raise ValueError(f"no file {place}; give the path of a Python file, as in my_file.py:f")
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"no module or file {place!r} ({error}); give module:function or file.py:function"
        ) from None
