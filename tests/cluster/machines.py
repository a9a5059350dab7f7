"""Processes of this machine that stand for machines of their own, and are lost like these."""

import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest


def lose(process: subprocess.Popen) -> None:
    """Kill a process with all that it has started, as a lost machine would."""
    for each in [process.pid, *descendants(process.pid)]:
        try:
            os.kill(each, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def descendants(process: int) -> list[int]:
    """List the processes that a process has started, and these in turn."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    parent = {int(pid): int(of) for pid, of in map(str.split, listed.stdout.splitlines())}
    found = [process]
    for each in found:
        found += [pid for pid, of in parent.items() if of == each]
    return found[1:]


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            pytest.fail(f"{what}: not within {seconds} s")
        time.sleep(0.1)
