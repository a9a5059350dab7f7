"""Settings of the whole suite, and the Python examples of the Markdown pages as tests.

Theory is tested in float64, ranks never promote silently, compiled programs are kept and shared.
"""

import gc
import os
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp

# Most programs of the suite run once on small arrays: compiling them well costs more than it saves.
# Flags that another version of XLA does not know would end the process.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0"
    + " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    * version("jaxlib").startswith("0.10."),
)

import jax
import pytest
from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from widthwise.experiments import keep_compiled

# The tests' environment need not have PyTorch: what imports it has no examples to run there.
collect_ignore_glob = [] if find_spec("torch") else ["src/*/pytorch.py", "tests/*/small_gpt.py"]

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_traceback_in_locations_limit", 0)  # a tenth of the time
keep_compiled()
# Traced programs are many small objects that stay: looking through them again and again for
# garbage was a fifth of the time.
gc.freeze()
gc.set_threshold(200_000, 20, 20)


class _ByFile(LoadScopeScheduling):
    """What shares programs stays on one worker, in order: a file, a study in the contract."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        study = test.partition("[")[2] if file.startswith("tests/contract/") else ""
        return file + study


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Tell the workers so; a hook of pytest-xdist."""
    return _ByFile(config, log)


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
