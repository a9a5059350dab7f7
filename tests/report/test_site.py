"""A folder of runs as a site: what is written, what is told, what cannot be shown."""

import base64
import dataclasses
import gzip
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from widthwise.experiments import Run
from widthwise.plotting import Picture, Pictures, measured, new_figure
from widthwise.report import render, write_site
from widthwise.report.entries import Entry
from widthwise.report.figures import FigureCard, cards
from widthwise.report.sweep_page import render_sweep
from widthwise.report.swept import sweeps_of
from widthwise.report.tables import Download, Room


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, str]:
    return {
        file.relative_to(site).as_posix(): file.read_text(encoding="utf-8")
        for file in site.rglob("*.html")
    }


def test_there_is_an_overview_a_page_for_each_run_and_one_for_the_sweep(pages, runs) -> None:
    expected = {f"{run.path.parent.name}/report.html" for run in runs}
    assert set(pages) == {"index.html", "average-noise-over-members.html"} | expected


def test_links_between_pages_lead_somewhere(site, pages) -> None:
    found = set()
    for name, html in pages.items():
        for target, anchor in re.findall(r'href="([^"#:]+)(?:#([^"]*))?"', html):
            there = (site / name).parent.joinpath(target).resolve()
            linked = pages[there.relative_to(site.resolve()).as_posix()]
            assert not anchor or f'id="{anchor}"' in linked
            found.add((name, target))
    assert len(found) == 3 + 3 + 2 * 2  # from the overview, from the sweep, from each run


def test_the_overview_counts_and_cites(pages, runs) -> None:
    html = pages["index.html"]
    claims = [claim for run in runs for claim in run.claims]
    holds = sum(claim.verdict == "holds" for claim in claims)
    assert f"1 study, 2 runs: {holds} of {len(claims)} claims hold." in html
    assert html.count("@misc{moivre1718doctrine") == 1
    assert "@misc{bradbury2018composable" in html
    assert "members = 50" in html
    assert "members = 200" in html


def test_the_sweep_carries_all_claims_in_order(pages, runs) -> None:
    html = pages["average-noise-over-members.html"]
    (text,) = re.findall(r'<script type="application/json" id="sweep-data">(.*?)</script>', html)
    data = json.loads(text)
    assert data["parameters"] == [
        {"name": "members", "values": ["50", "200"], "numbers": [50.0, 200.0]}
    ]
    assert [run["place"] for run in data["runs"]] == [[0], [1]]
    by_members = sorted(runs, key=lambda run: run.parameters["members"])
    for claim in data["claims"]:
        found = [next(c for c in run.claims if c.name == claim["name"]) for run in by_members]
        assert [cell[1] for cell in claim["cells"]] == [c.measured for c in found]
        assert [cell[5] for cell in claim["cells"]] == [c.verdict for c in found]


def test_what_cannot_be_shown_is_listed_and_the_rest_is_written(
    site, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "figures", lambda _: Pictures())
    folder = tmp_path / "<b>runs"
    shutil.copytree(site, folder, ignore=shutil.ignore_patterns("*.html"))
    first, *others = sorted(folder.glob("*/run.nc"))
    first.write_bytes(first.read_bytes()[:-50])
    (folder / "begun").mkdir()
    (folder / "begun/study.json").write_text("{}")
    written = write_site(folder)
    assert [path for path, _ in written.damaged] == [first]
    assert written.runs == tuple(other.with_name("report.html") for other in others)
    html = written.index.read_text()
    assert "begun</dt><dd>is unfinished" in html
    assert "is cut short or damaged" in html
    assert "<b>" not in html


def test_a_folder_without_runs_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="holds no run"):
        write_site(tmp_path)


def test_figures_that_do_not_fit_a_sweep_are_on_the_pages_of_its_runs(
    runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 200_000
    monkeypatch.setattr("widthwise.report.sweep_page.ROOM", room)
    entries = [Entry.of(run, run.path.parent.parent) for run in runs]
    (sweep,) = sweeps_of(entries)
    noise = base64.b64encode(np.random.default_rng(0).bytes(room)).decode()
    heavy = FigureCard("figure-heavy", "Heavy", "Too much.", f"<svg>{noise}</svg>", 300, None, None)
    drawn: list[Entry] = []

    def figures(entry: Entry) -> list[FigureCard]:
        drawn.append(entry)
        return [heavy]

    def with_files(entry: Entry) -> list[FigureCard]:
        return [light]

    file = Download("x.pdf", f"data:application/pdf;base64,{noise}")
    light = dataclasses.replace(heavy, svg="<svg></svg>", pdf=file)
    (packed, *_) = re.findall(r'id="packed-0">(.*?)</script>', render_sweep(sweep, with_files))
    text = gzip.decompress(base64.b64decode(packed)).decode()
    assert "PDF on its page" in text
    assert 'id="figure-heavy"' in text
    html = render_sweep(sweep, figures)
    assert drawn == list(sweep.entries)
    assert len(html) < room + 200_000
    (packed,) = re.findall(r'id="packed-0">(.*?)</script>', html)
    assert len(packed) <= room / 2
    text = gzip.decompress(base64.b64decode(packed)).decode()
    assert "1 further figures are on" in text
    assert 'class="claims"' in text


def test_files_that_do_not_fit_a_page_are_left_out_and_it_says_so(run: Run) -> None:
    figure, (ax,) = new_figure()
    measured(ax, [1, 2], [1.0, 2.0], [0.1, 0.1])
    (card,) = cards([Picture("p", "a", "b", figure)], "x", Room(10))
    assert card.csv is None
    assert card.pdf is None
    assert "Its numbers would be too long for this page" in render(run, figures=[card])
    assert "too long" not in render(run, figures=[])
