import base64
import dataclasses
import hashlib
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import pytest

from widthwise.experiments import Run
from widthwise.plotting import Picture, Pictures, new_figure
from widthwise.plotting.sheets import StyleSheet
from widthwise.report import page as page_module
from widthwise.report import render, write_page

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Outline(HTMLParser):
    """Collects elements and checks that every one is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def html(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def outline(html: str) -> Outline:
    outline = Outline()
    outline.feed(html)
    outline.close()
    return outline


def test_page_is_well_formed(outline):
    assert outline.open == []


def test_ids_are_unique_and_every_reference_resolves(outline):
    ids = [attrs["id"] for _, attrs in outline.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    wanted = set()
    for _, attrs in outline.elements:
        wanted |= set(attrs.get("aria-labelledby", "").split())
        wanted |= set(attrs.get("aria-describedby", "").split())
        wanted |= {attrs["href"][1:]} if attrs.get("href", "").startswith("#") else set()
        wanted |= set(re.findall(r"url\(#([^)]+)\)", " ".join(attrs.values())))
        wanted |= {attrs["data-copy"]} if "data-copy" in attrs else set()
        wanted |= {attrs["data-svg"]} if "data-svg" in attrs else set()
    assert wanted <= set(ids)


def test_nothing_is_loaded_from_elsewhere(outline, html):
    for tag, attrs in outline.elements:
        for name in ("src", "srcset", "href", "data", "action", "poster", "xlink:href"):
            value = attrs.get(name, "")
            local = value.startswith(("data:", "#")) or not value
            assert local or (tag == "a" and value == "https://arxiv.org/abs/2510.06527")
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert "default-src 'none'" in html


def test_only_the_own_script_may_run(html):
    (script,) = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html


def test_headings_descend_without_gaps(outline):
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_tables_have_captions_and_scopes(outline):
    tags = [tag for tag, _ in outline.elements]
    assert tags.count("caption") == tags.count("table") == 2
    assert all("scope" in attrs for tag, attrs in outline.elements if tag == "th")


def test_everything_of_the_run_is_told(outline, run):
    text = " ".join(" ".join(outline.texts).split())
    for claim in run.claims:
        assert claim.name in text
        assert claim.statement in text
        assert claim.reason in text
    for words in (
        run.question, run.reference.title, "Abraham de Moivre", run.identity, "run.nc",
        run.provenance["command"], "4 of 6 claims hold.",
        "Averages drawn at each width.", "float64", run.provenance["platform"],
        *(picture.caption for picture in run.figures()),
    ):  # fmt: skip
        assert words in text
    assert run.reference.bibtex() in "".join(outline.texts)


class Given(Run):
    """A run whose pictures are given, not drawn."""

    pictures: ClassVar[Pictures] = Pictures()

    def figures(self, *, style: StyleSheet | None = None) -> Pictures:
        del style
        return self.pictures


def given(run: Run, *pictures: Picture, **changes) -> Run:
    """The run with other values, and with these pictures."""
    Given.pictures[:] = pictures
    return Given(**{f.name: getattr(run, f.name) for f in dataclasses.fields(run)} | changes)


def test_words_of_the_study_are_escaped(run):
    attack = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"
    claims = tuple(dataclasses.replace(c, statement=attack, reason=attack) for c in run.claims)
    picture = Picture("p", attack, attack, new_figure()[0])
    evil = given(run, picture, claims=claims, question=attack, warnings=(attack,))
    outline = Outline()
    outline.feed(render(evil))
    assert [tag for tag, _ in outline.elements].count("script") == 1
    assert not any("onerror" in attrs for _, attrs in outline.elements)
    assert outline.texts.count(attack) >= 2 * len(claims) + 4


def test_warnings_stand_on_the_page(run):
    assert "3 of 9 values are not finite." in render(
        given(run, warnings=("3 of 9 values are not finite",))
    )


def test_a_run_without_claims_and_figures_has_a_page(run):
    text = render(given(run, claims=()))
    assert "This study makes no claims." in text
    assert 'id="figures"' not in text
    assert '<table class="claims"' not in text


def test_two_pictures_of_one_name_are_refused(run):
    picture = Picture("p", "a", "b", new_figure()[0])
    with pytest.raises(ValueError, match="two pictures of average-noise are named 'p'"):
        render(given(run, picture, picture))


def test_page_lies_beside_the_run_unless_told(run, page, tmp_path):
    assert page == run.path.with_name("report.html")
    assert sorted(p.name for p in page.parent.iterdir() if "report" in p.name) == ["report.html"]
    other = write_page(run, tmp_path / "deep.html")
    assert run.path.resolve() == (tmp_path / _netcdf(other.read_text())).resolve()


def _netcdf(html: str) -> str:
    found = re.search(r"Run\.load\(&#39;(.*?)&#39;\)", html)
    assert found
    return found[1]


def test_the_python_lines_make_the_same_run(run):
    lines = page_module._python(run)
    making, _, running = lines.partition("run = ")
    assert "AverageNoise(widths=(16, 64))" in making
    assert running.startswith('study.run("runs")')
    names: dict[str, Any] = {}
    exec(making, names)
    assert names["study"].identity == run.identity
