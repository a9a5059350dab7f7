"""Small runs and their pages, made once for all tests of the report."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from widthwise.experiments import Run
from widthwise.report import write_page, write_site

# A run names its study by module: this one stands beside the tests.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, started once."""
    from browsing import launched  # pyright: ignore[reportMissingImports]

    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two runs that differ in the number of members, the larger one first."""
    from example_study import AverageNoise  # pyright: ignore[reportMissingImports]

    folder = tmp_path_factory.mktemp("runs")
    return [
        AverageNoise(widths=(16, 64), members=members).run(folder, progress=False)
        for members in (200, 50)
    ]


@pytest.fixture(scope="session")
def run(runs: list[Run]) -> Run:
    return runs[0]


@pytest.fixture(scope="session")
def page(run: Run) -> Path:
    return write_page(run)


@pytest.fixture(scope="session")
def site(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site of both runs."""
    folder = tmp_path_factory.mktemp("site")
    for run in runs:
        place = folder / run.path.parent.name
        place.mkdir()
        shutil.copy(run.path, place)
    with pytest.MonkeyPatch.context() as patch:
        # drawing PDFs takes longest and is tested elsewhere
        patch.setattr("widthwise.plotting.pdf", lambda _: b"%PDF")
        write_site(folder)
    return folder
