"""The page in headless Chromium: what a reader sees, on a desk and on a phone."""

import csv
import io
import xml.etree.ElementTree as ET
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

from widthwise.observables import survey
from widthwise.report import write_weights_page

# The driver of the browser leaves its pipes to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_page_fits_and_is_accessible(browser, page, size, theme):
    with opened(browser, page, size, theme) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert (background(tab) < 128) == (theme == "dark")
        figures = tab.locator("figure svg[role=img]")
        assert figures.count() == 3
        assert all(figures.nth(i).is_visible() for i in range(3))
        assert grave_violations(tab) == []


@pytest.fixture(scope="module")
def weights_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of two checkpoints with the longest names and the widest tables."""
    folder, rng = tmp_path_factory.mktemp("weights"), np.random.default_rng(0)
    names = [f"encoder.layer.{i}.attention.output.dense.weight" for i in range(4)]
    surveys = []
    for epoch in range(2):
        arrays = {name: rng.standard_normal((16, 16)) + epoch for name in names}
        np.savez(folder / f"epoch_{epoch}.npz", **arrays)  # type: ignore[arg-type]
        surveys.append(survey(folder / f"epoch_{epoch}.npz", draws=39))
    return write_weights_page(surveys, folder / "page.html")


@pytest.mark.parametrize(("size", "theme"), [(DESK, "light"), (PHONE, "dark")])
def test_weights_page_fits_and_is_accessible(browser, weights_page, size, theme):
    with opened(browser, weights_page, size, theme) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert tab.locator("figure svg[role=img]").count() == 3
        first = tab.locator("details.matrix").first
        assert not first.locator("table").first.is_visible()
        first.locator("summary").click()
        assert first.locator("table").first.is_visible()
        assert first.locator(".spectrum svg[role=img]").is_visible()
        assert grave_violations(tab) == []


def test_figures_take_the_colour_of_the_text(browser, page):
    ink = {}
    for theme in ("light", "dark"):
        with opened(browser, page, theme=theme) as tab:
            text = tab.locator("figure svg text").first
            ink[theme] = text.evaluate("e => getComputedStyle(e).fill")
            assert ink[theme] == tab.evaluate("getComputedStyle(document.body).color")
    assert ink["light"] != ink["dark"]


def test_theme_button_works_by_keyboard_and_is_remembered(browser, page):
    with opened(browser, page) as tab:
        button = tab.get_by_role("button", name="Dark theme")
        assert button.get_attribute("aria-pressed") == "false"
        button.focus()
        tab.keyboard.press("Enter")
        assert button.get_attribute("aria-pressed") == "true"
        assert background(tab) < 128
        tab.reload()
        assert background(tab) < 128
        tab.get_by_role("button", name="Dark theme").click()
        assert background(tab) > 128


def test_the_first_tab_stop_skips_to_the_results(browser, page):
    with opened(browser, page) as tab:
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.textContent") == "Skip to the results"
        tab.keyboard.press("Enter")
        assert tab.evaluate("document.activeElement.id") == "content"


def test_wide_tables_scroll_by_keyboard_on_a_phone(browser, page):
    with opened(browser, page, PHONE) as tab:
        region = tab.get_by_role("region", name="Table of claims")
        region.focus()
        before = region.evaluate("e => e.scrollLeft")
        tab.keyboard.press("ArrowRight")
        tab.wait_for_function(
            "before => document.activeElement.scrollLeft > before", arg=before, timeout=5000
        )


def test_downloads_carry_the_numbers(browser, page, run):
    with opened(browser, page) as tab:
        name, text = saved(tab, "#figure-variance a[download$=csv]")
        assert name == "average-noise-variance.csv"
        assert text == run.figures()[1].csv()
        name, text = saved(tab, "#claims a[download]")
        assert name == "average-noise-claims.csv"
        assert [r["verdict"] for r in csv.DictReader(io.StringIO(text))] == [
            claim.verdict for claim in run.claims
        ]
        name, text = saved(tab, "#data a[download$='measurement-variance.csv']")
        assert text.startswith("quantity,width,mean,standard_error,count\nsquare,16,")


def test_a_figure_is_saved_as_a_drawing_that_stands_alone(browser, page):
    with opened(browser, page) as tab:
        name, text = saved(tab, "#figure-maps [data-svg]")
    assert name == "average-noise-maps.svg"
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("width", "").endswith("pt")
    assert root.get("color") == "#16191d"
    assert "Three correlation maps" in text


def test_copy_buttons_copy_or_select(browser, page, run):
    with opened(browser, page) as tab:
        tab.get_by_role("button", name="Copy “In a terminal”").click()
        status = tab.get_by_role("status")
        tab.wait_for_function("document.getElementById('status').textContent !== ''")
        if status.text_content() != "Copied":
            assert tab.evaluate("getSelection().toString()") == run.provenance["command"]


def test_print_shows_tables_whole_on_white(browser, page):
    with opened(browser, page) as tab:
        tab.get_by_role("button", name="Dark theme").click()
        tab.emulate_media(media="print")
        assert not tab.locator("#theme").is_visible()
        assert background(tab) == 255
