"""Style sheets: whatever names matplotlib settings, as these settings."""

import difflib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.style import available
from matplotlib.style import library as sheets

PAPER = "paper"
"""The name of the library's own sheet; for matplotlib it is ``widthwise.plotting.paper``."""

StyleSheet = str | Path | Mapping[str, Any] | Sequence[Any]
"""``"paper"``, a name of matplotlib's, a file, settings, or several of these in a row."""


def settings_of(style: StyleSheet) -> dict[Any, Any]:
    """Return the settings of a style sheet.

    Parameters
    ----------
    style
        ``"paper"``; a style that matplotlib knows, such as ``"ggplot"``; a ``.mplstyle`` file; a
        mapping of settings; or a list of these, the later ones over the earlier.

    Raises
    ------
    ValueError
        If there is no such style, or a setting is wrong.
    """
    if isinstance(style, Mapping):
        try:
            return dict(mpl.RcParams(style))
        except (KeyError, ValueError) as error:
            raise ValueError(f"style: {str(error.args[0]).splitlines()[0]}") from None
    if not isinstance(style, str | Path):
        return {name: value for one in style for name, value in settings_of(one).items()}
    if style == PAPER:
        file = resources.files("widthwise.plotting") / "paper.mplstyle"
        with resources.as_file(file) as path:
            return dict(mpl.rc_params_from_file(path, use_default_template=False))
    if str(style) in sheets:
        return dict(sheets[str(style)])
    if Path(style).is_file():
        return dict(mpl.rc_params_from_file(style, use_default_template=False))
    known = [PAPER, *available]
    near = difflib.get_close_matches(str(style), known, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(
        f"style {str(style)!r} is neither a file nor known to matplotlib{hint}: give 'paper', a "
        "name of matplotlib.style.available, a .mplstyle file, or settings"
    )
