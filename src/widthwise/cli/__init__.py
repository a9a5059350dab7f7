"""The command line. Importing it costs nothing: JAX is loaded by the commands that compute."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Parameters
    ----------
    arguments
        The words after ``widthwise``; those of the process by default.

    Returns
    -------
    int
        0, 1 (a claim fails), 2 (bad usage or input) or 130 (interrupted).
    """
    from widthwise.cli.app import dispatch

    return dispatch(list(sys.argv[1:] if arguments is None else arguments))
