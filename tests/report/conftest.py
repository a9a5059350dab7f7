"""One small run and its page, made once for all tests of the report."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from widthwise.experiments import Run
from widthwise.report import write_page


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with pytest.MonkeyPatch.context() as patch:
        # A run names its study by module: this one stands beside the tests.
        patch.setattr(sys, "path", [str(Path(__file__).parent), *sys.path])
        from example_study import AverageNoise  # pyright: ignore[reportMissingImports]

        study = AverageNoise(widths=(16, 64), members=200)
        yield study.run(tmp_path_factory.mktemp("runs"), progress=False)


@pytest.fixture(scope="session")
def page(run: Run) -> Path:
    return write_page(run)
