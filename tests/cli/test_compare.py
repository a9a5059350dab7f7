"""``widthwise compare``: what it prints, its page, and one line for every mistake."""

import json
from pathlib import Path

import pytest

COIN = "coin_study:CoinStudy"


@pytest.fixture
def folders(widthwise) -> list[str]:
    for bias in ("0.3", "0.5"):
        widthwise("run", COIN, "--preset", "quick", "--bias", bias, "--workers", "1")
    found = {
        json.loads((path / "study.json").read_text())["parameters"]["bias"]: str(path)
        for path in Path("runs").iterdir()
    }
    return [found[0.3], found[0.5]]


def test_two_runs_as_a_table_a_page_and_json_and_mistakes(widthwise, folders) -> None:
    status, out, err = widthwise("compare", *folders)
    assert (status, err) == (0, "")
    for words in ("Parameters that differ", "bias", "variance at 16", "Note: both have seed 0"):
        assert words in out
    (page,) = Path(folders[1]).glob("compared-with-*.html")
    assert str(page) in out
    html = page.read_text(encoding="utf-8")
    assert "Versions, machine and precision are the same." in html
    assert f"../{Path(folders[0]).name}/report.html" in html
    status, out, _ = widthwise("compare", *folders, "--json", "--out", "both.html")
    found = json.loads(out)
    assert found["page"] == "both.html"
    assert found["parameters"] == [{"name": "bias", "first": "0.3", "second": "0.5"}]
    assert found["claims"][0]["predicted_difference"] == pytest.approx(0.0025)
    # in one test, since making the runs takes longest: every mistake is one line
    Path("cut.nc").write_bytes(Path(folders[0], "run.nc").read_bytes()[:-9])
    for words, message in (
        ((folders[0], "nowhere"), "does not exist"),
        ((folders[0], "cut.nc"), "cut.nc is cut short or damaged"),
        ((*folders, "--out", "page.pdf"), "give a name ending in .html"),
        ((folders[0],), "SECOND"),
    ):
        status, out, err = widthwise("compare", *words)
        assert (status, out) == (2, "")
        (line,) = err.strip().splitlines()
        assert line.startswith("widthwise: ")
        assert message in line
