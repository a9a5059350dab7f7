"""Calls that are carried to workers of another program, perhaps on another machine."""

import os
import pickle
import platform
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from widthwise.experiments.compilation import keep_compiled


class Carried(NamedTuple):
    """A call, and what it needs of the process that it comes from.

    Attributes
    ----------
    folder
        The working directory, from which relative paths are meant.
    path
        Where modules are found, such as that of a user's study.
    content
        The pickled function and arguments: read only once their modules can be found.
    """

    folder: str
    path: tuple[str, ...]
    content: bytes

    @classmethod
    def packed(
        cls,
        dumps: Callable[[Any], bytes],
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
    ) -> "Carried":
        """Pack a call of this process with a pickler that knows what is defined in scripts."""
        return cls(os.getcwd(), tuple(sys.path), dumps((function, arguments)))

    def call(self) -> Any:
        """Make the call where it was carried to.

        Raises
        ------
        FileNotFoundError
            If the working directory does not exist there.
        """
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise FileNotFoundError(
                f"{self.folder} cannot be entered on {platform.node()} ({error.strerror}): "
                "machines that measure together share it, and the folder of the runs"
            ) from None
        sys.path += [folder for folder in self.path if folder not in sys.path]
        function, arguments = pickle.loads(self.content)
        keep_compiled()
        return function(*arguments)
