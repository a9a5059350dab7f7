"""The studies: one module per published result, found by looking, listed nowhere.

The module ``no_coincidence`` holds the class ``NoCoincidence``, which the command line calls
``no-coincidence``. Nothing is imported before it is asked for: ``widthwise.studies.NoCoincidence``
costs what that one study costs. Other packages add studies through the entry-point group
``widthwise.studies``, whose names are hyphenated and whose values are ``package.module:Class``.
"""

import difflib
import importlib
import pkgutil
from importlib.metadata import entry_points
from typing import Any

_GROUP = "widthwise.studies"


def study_names() -> list[str]:
    """Return the names of all studies that are installed, in order."""
    return sorted(_locations())


def find_study(name: str) -> type:
    """Return the class of a study, without running anything.

    Parameters
    ----------
    name
        ``"no-coincidence"`` (or with underscores), or ``"package.module:Class"`` for any other.

    Raises
    ------
    ValueError
        If there is no such study; the nearest name is suggested.
    """
    known = _locations()
    if ":" in name:
        location = name
    else:
        spelled = name.replace("_", "-")
        if spelled not in known:
            near = difflib.get_close_matches(spelled, known, n=1, cutoff=0.4)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"there is no study {name!r}.{hint} `widthwise list` shows all; "
                "'package.module:Class' names one of your own"
            )
        location = known[spelled]
    return _load(location)


def _locations() -> dict[str, str]:
    """Return the ``module:Class`` of every study by its name."""
    own = {
        module.name.replace("_", "-"): f"{__name__}.{module.name}:{_class_name(module.name)}"
        for module in pkgutil.iter_modules(__path__)
    }
    return {entry.name: entry.value for entry in entry_points(group=_GROUP)} | own


def _class_name(module: str) -> str:
    return "".join(word.capitalize() for word in module.split("_"))


def _load(location: str) -> type:
    from widthwise.experiments import Study

    module, _, name = location.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise ValueError(f"{location!r} cannot be imported: {error}") from None
    except AttributeError:
        raise ValueError(f"the module {module!r} has no class {name!r}") from None
    if not (isinstance(found, type) and issubclass(found, Study)):
        raise ValueError(f"{location!r} is not a study: a study is a subclass of ww.Study")
    return found


def __getattr__(name: str) -> Any:
    for module in pkgutil.iter_modules(__path__):
        if name == _class_name(module.name):
            return getattr(importlib.import_module(f"{__name__}.{module.name}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    classes = [_class_name(module.name) for module in pkgutil.iter_modules(__path__)]
    return sorted([*classes, "find_study", "study_names"])
