"""The command line, called as a function; programs of their own where the process matters."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from widthwise.cli import main

HERE = str(Path(__file__).parent.parent / "experiments")
sys.path.insert(0, HERE)

Outcome = tuple[int, str, str]


@pytest.fixture
def widthwise(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Outcome]:
    """Call a command in an empty folder: exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("WIDTHWISE_CACHE", "off")
    monkeypatch.setattr(sys, "path", list(sys.path))

    def call(*words: str) -> Outcome:
        status = main(words)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


@pytest.fixture
def program() -> Callable[..., Outcome]:
    """Run Python in a process of its own."""

    def call(*words: str) -> Outcome:
        path = os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, *words],
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return call
