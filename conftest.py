"""Settings of the whole suite, and the Python examples of the Markdown pages as tests.

Theory is tested in float64, ranks never promote silently, compiled programs are kept and shared.
"""

import gc
import os
from pathlib import Path
from tempfile import mkdtemp

# Most programs of the suite run once on small arrays: compiling them well costs more than it saves.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import jax
import pytest
from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from widthwise.experiments import keep_compiled

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_traceback_in_locations_limit", 0)  # a tenth of the time
keep_compiled()
# Traced programs are many small objects that stay: looking through them again and again for
# garbage was a fifth of the time.
gc.freeze()
gc.set_threshold(200_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares compiled programs on one worker: a file, and a study in the contract."""
    for item in items:
        study = getattr(item, "callspec", None) and item.callspec.params.get("cls")  # pyright: ignore[reportAttributeAccessIssue]
        item.add_marker(pytest.mark.xdist_group(f"{item.path}:{study or ''}"))


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
