"""Claims and runs in a notebook, and a run drawn from its file alone."""

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from coin_study import CoinStudy  # pyright: ignore[reportMissingImports]

from widthwise.experiments import Claim, Run, judge

ATTACK = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return CoinStudy(widths=(16,)).run(tmp_path_factory.mktemp("runs"))


def test_claims_show_verdict_numbers_and_drawing_and_are_escaped() -> None:
    claim = Claim(ATTACK, ATTACK, 1.0, 1.02, 0.01, 0.1)
    html = claim._repr_html_()
    assert "1.020 ± 0.010" in html
    (judged,) = judge([claim])
    shown = judged._repr_html_()
    assert "✓ holds" in shown
    assert '<svg viewBox="0 0 168 26"' in shown
    assert "The claim holds." in shown
    for text in (html, shown):
        assert "<script" not in text
        assert "&lt;script&gt;" in text


def test_a_run_and_its_claims_show_themselves(run: Run) -> None:
    for shown in (run, Run.load(run.path)):
        html = shown._repr_html_()
        assert run.question in html
        assert run.claims[0].name in html
        assert str(run.path) in html
        assert len(html) < 20_000
        assert shown.claims._repr_html_().count("<tr>") == 2  # type: ignore[attr-defined]
    evil = dataclasses.replace(run, question=ATTACK, warnings=(ATTACK,))
    assert "<script" not in evil._repr_html_()


def test_the_file_alone_is_drawn_in_another_process(run: Run, tmp_path: Path) -> None:
    file = shutil.copy(run.path, tmp_path / "moved.nc")
    lines = (
        "import sys; from widthwise.experiments import Run; run = Run.load(sys.argv[1]); "
        "print([p.name for p in run.figures()], run.figures()['variance'].csv().count(','))"
    )
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", lines, str(file)],
        env=os.environ | {"PYTHONPATH": here, "WIDTHWISE_CACHE": "off"},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.startswith(str([p.name for p in run.figures()]))
    assert [path.name for path in tmp_path.iterdir()] == ["moved.nc"]
