"""The site in headless Chromium: filter, sliders, weight and speed."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("playwright")
from browsing import (  # pyright: ignore[reportMissingImports]
    DESK,
    PHONE,
    background,
    grave_violations,
    opened,
    saved,
)

from widthwise.experiments import Run, compare
from widthwise.plotting import Picture, measured, new_figure, pdf, svg, theory
from widthwise.report import render, write_comparison
from widthwise.report.figures import cards

# The driver of the browser leaves its pipes to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SWEEP = "average-noise-over-members.html"
MANY = 50


@pytest.mark.parametrize("name", ["index.html", SWEEP])
@pytest.mark.parametrize(("size", "theme"), [(DESK, "light"), (PHONE, "dark")])
def test_pages_fit_and_are_accessible(browser, site, name, size, theme) -> None:
    with opened(browser, site / name, size, theme) as tab:
        if name == SWEEP:
            tab.wait_for_selector("#run-content .claims")
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert (background(tab) < 128) == (theme == "dark")
        assert grave_violations(tab) == []


def test_the_filter_finds_runs_by_words_and_verdicts(browser, site) -> None:
    with opened(browser, site / "index.html") as tab:
        shown = tab.locator(".run:visible")
        told = tab.locator("#filtered")
        assert shown.count() == 2
        tab.get_by_label("Search").fill("members = 50")
        assert shown.count() == 1
        assert told.text_content() == "1 of 2 runs"
        assert "members = 50" in (shown.text_content() or "")
        tab.get_by_label("Search").fill("BOUNDED noise")
        assert shown.count() == 2
        tab.get_by_label("some claim fails").check()
        assert shown.count() == 2  # one claim of each is wrong on purpose
        tab.get_by_label("all hold").check()
        assert shown.count() == 0
        assert not tab.locator(".study").is_visible()
        assert told.text_content() == "0 of 2 runs"


def test_the_overview_leads_to_a_claim_by_keyboard(browser, site) -> None:
    with opened(browser, site / "index.html") as tab:
        summary = tab.locator(".run summary").first
        summary.focus()
        tab.keyboard.press("Enter")
        tab.get_by_role("link", name="too small").first.click()
        assert tab.url.endswith("report.html#claim-3")
        assert "too small" in (tab.locator("#claim-3").text_content() or "")
        tab.get_by_role("link", name="Overview").click()
        assert tab.url.endswith("index.html")


def test_the_slider_changes_the_run_and_the_drawings(browser, site, runs: list[Run]) -> None:
    large, small = runs
    with opened(browser, site / SWEEP) as tab:
        tab.wait_for_selector("#run-content .claims")
        cells = "document.querySelectorAll('#run-content .claims tr td:nth-of-type(3) data')"
        measured_values = f"[...{cells}].map((e) => Number(e.value))"
        assert tab.evaluate(measured_values) == [claim.measured for claim in small.claims]
        before = tab.locator("#charts svg").first.inner_html()
        slider = tab.get_by_role("slider", name="members")
        slider.focus()
        tab.keyboard.press("ArrowRight")
        assert slider.get_attribute("aria-valuetext") == "200"
        tab.wait_for_function("document.getElementById('run-words').textContent.includes('= 200')")
        tab.wait_for_function(f"{measured_values}[0] === {large.claims[0].measured!r}")
        assert tab.evaluate(measured_values) == [claim.measured for claim in large.claims]
        assert tab.locator("#charts svg").first.inner_html() != before
        assert (tab.locator("#shown").get_attribute("href") or "").startswith("average-noise-")
        words = tab.locator("#charts svg").first.get_attribute("aria-label") or ""
        assert words.startswith(f"{large.claims[0].name} against members: at 50 predicted 0.0625")
        name, text = saved(tab, "#run-content [data-svg='figure-maps']")
        assert name == "average-noise-maps.svg"
        assert "Three correlation maps" in text


def test_a_chart_puts_points_where_the_numbers_are(browser, site, runs: list[Run]) -> None:
    """The ticks give the scale; the points must lie on it."""
    claim = [run.claims[0] for run in runs]  # at 200 and at 50 members
    with opened(browser, site / SWEEP) as tab:
        drawing = "[...document.querySelector('#charts svg')"
        pairs = "[Number(e.textContent.replace('−', '-')), Number(e.getAttribute('y')) - 4]"
        ticks = tab.evaluate(
            f"{drawing}.querySelectorAll('text[text-anchor=end]')].map(e => {pairs})"
        )
        centres = ".map(e => Number(e.getAttribute('cy')))"
        heights = tab.evaluate(f"{drawing}.querySelectorAll('circle[fill^=var]')]{centres}")
    ticks = [pair for pair in ticks if np.isfinite(pair[0])]  # the rest names the axis
    values, places = np.array(ticks).T
    slope, offset = np.polyfit(values, places, 1)
    expected = slope * np.array([claim[1].measured, claim[0].measured]) + offset
    np.testing.assert_allclose(heights, expected, atol=0.5)


@pytest.fixture(scope="module")
def both(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of two runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("widthwise.plotting.pdf", lambda _: b"%PDF")
        return write_comparison(compare(*runs), tmp_path_factory.mktemp("both") / "both.html")


@pytest.mark.parametrize(("size", "theme"), [(DESK, "dark"), (PHONE, "light")])
def test_a_comparison_fits_and_is_accessible(browser, both, size, theme, runs) -> None:
    with opened(browser, both, size, theme) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
        cells = [tab.locator(f"#figure-{letter}-cells") for letter in "ab"]
        first, second = (cell.bounding_box() for cell in cells)
        assert first
        assert second
        if size == DESK:  # side by side
            assert second["x"] > first["x"] + 300
            assert abs(second["y"] - first["y"]) < 2
        else:
            assert second["y"] > first["y"] + 300
        assert tab.locator("#figures figure svg").count() == 6
        assert tab.locator("#claims tbody tr").count() == len(runs[0].claims)
        assert "members" in (tab.locator("#parameters").text_content() or "")
        assert grave_violations(tab) == []


def test_numbers_of_a_figure_as_json_are_those_of_its_csv(browser, page) -> None:
    with opened(browser, page) as tab:
        name, text = saved(tab, "#figure-variance [data-json]")
        _, table = saved(tab, "#figure-variance a[download$=csv]")
        link = tab.locator("#figure-variance a[download$=pdf]")
        assert link.get_attribute("download") == "average-noise-variance.pdf"
        assert (link.get_attribute("href") or "").startswith("data:application/pdf;base64,JVBERi0")
    assert name == "average-noise-variance.json"
    found = json.loads(text)
    assert found["title"] == "Variance <falls> as 1/n"
    rows = list(csv.DictReader(io.StringIO(table)))
    assert found["columns"]["series"] == [row["series"] for row in rows]
    assert found["columns"]["y"] == [float(row["y"]) for row in rows]


@pytest.fixture(scope="module")
def heavy(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run with many figures; one is drawn, the others are like it."""
    rng, x = np.random.default_rng(0), np.geomspace(1, 100, 8)
    figure, axes = new_figure(3)
    for ax in axes:
        for series in range(4):
            theory(ax, x, x**series, f"series {series}", color=series)
            measured(ax, x, x * rng.random(8), rng.random(8), f"series {series}", color=series)
    drawing, document = svg(figure, prefix="one"), pdf(figure)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "widthwise.plotting.svg",
            lambda _, prefix: drawing.replace("one-", f"{prefix}-"),
        )
        patch.setattr("widthwise.plotting.pdf", lambda _: document)
        pictures = [Picture(f"many-{i}", f"Number {i}", "The same.", figure) for i in range(MANY)]
        figures = cards(pictures, "heavy")
    path = tmp_path_factory.mktemp("heavy") / "report.html"
    path.write_text(render(run, figures=figures), encoding="utf-8")
    return path


def test_a_run_with_many_figures_is_light_and_opens_at_once(browser, heavy: Path) -> None:
    assert heavy.stat().st_size < 8e6
    assert heavy.read_text(encoding="utf-8").count("<noscript data-later>") == MANY - 4
    with opened(browser, heavy) as tab:
        # from the browser's own clock; it says when scripts had run and the page was complete
        timing = "performance.getEntriesByType('navigation')[0].loadEventEnd"
        tab.wait_for_function(f"{timing} > 0")
        milliseconds = tab.evaluate(timing)
        last = tab.locator("figure").last
        last.scroll_into_view_if_needed()
        last.locator("svg").wait_for()
        # all are drawn in the end, so that a search in the page finds them
        tab.locator("[data-later]").first.wait_for(state="detached")
        assert tab.locator("figure .canvas svg").count() == MANY
        _, text = saved(tab, f"#figure-many-{MANY - 1} [data-svg]")
        assert text.startswith("<svg")
        assert last.locator("svg").bounding_box()["height"] > 100  # pyright: ignore[reportOptionalSubscript]
    print(f"{heavy.stat().st_size / 1e6:.1f} MB, complete after {milliseconds:.0f} ms")
    assert milliseconds < 30_000  # a hang: on a machine with other work no time is a promise
