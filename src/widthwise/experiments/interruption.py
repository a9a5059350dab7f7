"""Ctrl-C that is never lost."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def interruptible(*, at_once: bool) -> Iterator[Callable[[], None]]:
    """Let Ctrl-C stop the body, which calls what it is given at safe points.

    Python drops a KeyboardInterrupt that falls into a destructor or a weak-reference callback, so
    the wish is remembered besides. With ``at_once`` the exception is raised where the body stands;
    otherwise only at its safe points. A handler of the user's, or another thread, is left alone.
    """
    wanted = threading.Event()

    def remember(number: int, frame: FrameType | None) -> None:
        wanted.set()
        if at_once:
            signal.default_int_handler(number, frame)

    def check() -> None:
        if wanted.is_set():
            raise KeyboardInterrupt

    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        yield check
        return
    signal.signal(signal.SIGINT, remember)
    try:
        yield check
        check()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
