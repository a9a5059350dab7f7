"""The example studies stand beside the tests; worker processes import them by name."""

import os
import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let programs that a test starts import the example studies too."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")]))
