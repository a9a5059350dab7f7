"""Theory computed in the page: what is taken for a closed form, and that its numbers are right."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from widthwise import activations
from widthwise.experiments import Claim, Formula, Reference, judge
from widthwise.kernels import norm_variance
from widthwise.report.closed_forms import closed_forms, free_parameters, theory_data
from widthwise.report.entries import Entry
from widthwise.report.sweep_page import render_sweep
from widthwise.report.swept import SweptRuns, sweeps_of
from widthwise.studies.no_coincidence.norms import closed_form

WORK = Reference(title="A work", authors=("A. Author",), year=2020)
DEPTHS = (2, 8, 32)
SERIES = norm_variance(activations.get("tanh"), 60)


def entry(claims: list[Claim], **parameters: Any) -> Entry:
    name = str(sorted(parameters.items()))
    judged = judge(claims)
    return Entry("coin", "Why?", WORK, 1, parameters, name, judged, 1.0, "", Path(name), "p.html")


def variance(depth: int) -> Claim:
    """The claim of the study `no-coincidence`, with a measurement of no matter."""
    predicted = float(SERIES[depth])
    formula = closed_form(SERIES[: depth + 1])
    return Claim("V1111", "It grows.", predicted, predicted, 0.01, 0.1, formula=formula)


@pytest.fixture(scope="module")
def sweep() -> SweptRuns:
    curve = [
        Claim("curve", "A wave.", np.sin(x) ** 2 - rho**x, 0.0, 0.1, 1.0,
              formula="sin(runaway_depth)**2 - rho**runaway_depth / sqrt(4 * four / 16)")
        for rho in (0.5, 0.75) for x in DEPTHS
    ]  # fmt: skip
    entries = [
        entry([variance(x), curve[3 * i + j], Claim("plain", "None.", 1, 1, 1, 1)],
              runaway_depth=x, rho=rho, four=4, coin="round")
        for i, rho in enumerate((0.5, 0.75)) for j, x in enumerate(DEPTHS)
    ]  # fmt: skip
    (found,) = sweeps_of(entries)
    return found


def test_the_geometric_sum_is_the_series() -> None:
    for phi in (activations.get("tanh"), activations.relu):
        series = norm_variance(phi, 20)
        found = Formula(closed_form(series[:3])).value({"runaway_depth": 20})
        assert found == pytest.approx(series[20], rel=1e-9)


def test_what_is_a_closed_form_of_a_sweep(sweep: SweptRuns) -> None:
    forms = closed_forms(sweep)
    assert [one.claim for one in forms] == ["V1111", "curve"]
    free = free_parameters(sweep, forms)
    assert [(one.name, one.low, one.high, one.step) for one in free] == [
        ("runaway_depth", 2, 32, 1),
        ("rho", 0.5, 0.75, 0.00025),
    ]
    assert theory_data(sweep, forms)["constants"] == {"four": 4}


def test_formulas_that_differ_between_runs_are_none() -> None:
    claims = [Claim("a", "b", 1.0, 1.0, 1.0, 1.0, formula=text) for text in ("2 / x", "4 / x")]
    (found,) = sweeps_of([entry([one], x=x) for one, x in zip(claims, (2, 4), strict=True)])
    assert closed_forms(found) == ()
    page = render_sweep(found, lambda _: [])
    assert "Theory at any value" not in page


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_page_computes_what_python_computes(browser, sweep: SweptRuns, tmp_path: Path) -> None:
    """At values with and without a run, by mouse and by keyboard, and along the drawn line."""
    from browsing import (  # pyright: ignore[reportMissingImports]
        DESK,
        PHONE,
        grave_violations,
        opened,
    )

    path = tmp_path / "sweep.html"
    path.write_text(render_sweep(sweep, lambda _: []), encoding="utf-8")
    with opened(browser, path, DESK, "dark") as tab:
        tab.wait_for_selector("#run-content .claims")
        told = "[...document.querySelectorAll('[data-formula]')].map((e) => Number(e.value))"
        for depth, rho in ((2, 0.5), (13, 0.6125), (57, 0.001)):
            tab.get_by_role("spinbutton", name="runaway_depth").fill(str(depth))
            tab.get_by_role("spinbutton", name="rho").fill(str(rho))
            expected = [SERIES[depth], np.sin(depth) ** 2 - rho**depth]
            np.testing.assert_allclose(tab.evaluate(told), expected, rtol=1e-12)
        slider = tab.get_by_role("slider", name="runaway_depth, theory alone")
        assert slider.input_value() == "32"  # beyond the last run it stays there
        slider.focus()
        tab.keyboard.press("ArrowLeft")
        assert tab.evaluate(told)[0] == pytest.approx(SERIES[31], rel=1e-12)
        tab.get_by_role("spinbutton", name="rho").fill("")
        assert tab.locator("[data-formula='curve']").text_content() == "–"
        assert grave_violations(tab) == []
        line = tab.locator("#charts .chart-theory").first.get_attribute("d") or ""
    points = np.array(re.findall(r"[ML]([\d.]+) ([\d.]+)", line), float)
    assert len(points) == 31  # one for each whole depth, though there are three runs
    x, y = points.T
    # the axes are linear or logarithmic; the ends are on them, and all between must be, too
    place = np.log(np.arange(2, 33))
    np.testing.assert_allclose(x, np.interp(place, place[[0, -1]], x[[0, -1]]), atol=0.06)
    height = SERIES[2:33]
    np.testing.assert_allclose(y, y[0] + (height - height[0]) * (y[-1] - y[0]) / np.ptp(height),
                               atol=0.11)  # fmt: skip
    with opened(browser, path, PHONE) as tab:
        tab.wait_for_selector("#run-content .claims")
        assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
