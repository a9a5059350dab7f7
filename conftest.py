"""Run the Python examples of the Markdown pages as tests."""

import os
from pathlib import Path
from tempfile import mkdtemp

from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser


def _elsewhere(namespace: dict) -> None:
    """Examples that write files write them to a folder of their own."""
    namespace["_home"] = os.getcwd()
    os.chdir(mkdtemp())


def _back(namespace: dict) -> None:
    os.chdir(namespace["_home"])


pytest_collect_file = Sybil(
    parsers=[CodeBlockParser(language="python", evaluator=PythonEvaluator())],
    patterns=["README.md", "docs/*.md"],
    path=str(Path(__file__).parent),
    setup=_elsewhere,
    teardown=_back,
).pytest()
