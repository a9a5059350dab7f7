"""Figures of two runs beside each other: on common scales where they mean the same."""

import dataclasses
from pathlib import Path

import pytest

from widthwise.experiments import Run, compare
from widthwise.plotting import Picture, Pictures, heatmap, log_axis, new_figure, theory
from widthwise.report import write_comparison
from widthwise.report.figure_pairs import figure_pairs


@pytest.fixture(autouse=True)
def no_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("widthwise.plotting.pdf", lambda _: b"%PDF")


def picture(name: str, reach: float, label: str = "width", log: bool = False) -> Picture:
    figure, (left, right) = new_figure(2)
    theory(left, [1, reach], [2, 3 * reach], "line")
    left.set(xlabel=label, ylabel="error")
    if log:
        log_axis(left, "x")
    heatmap(right, [0, 1], [0, 1], [[0, reach], [1, 2]], "height")
    return Picture(name, "A title", "A caption.", figure)


def test_panels_that_mean_the_same_have_the_limits_of_both(
    runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = {
        runs[0].identity: [picture("a", 4), picture("b", 4), picture("c", 4), picture("d", 4)],
        runs[1].identity: [picture("b", 9, "depth"), picture("a", 9), picture("c", 9, log=True)],
    }
    monkeypatch.setattr(Run, "figures", lambda run: Pictures(drawn[run.identity]))
    bars = [one[0].figure.axes[2].get_ylim() for one in drawn.values()]
    pairs, notes = figure_pairs(compare(*runs))
    assert notes == []
    assert [[card.anchor for card in pair] for pair in pairs] == [
        ["figure-a-a", "figure-b-a"],
        ["figure-a-b", "figure-b-b"],
        ["figure-a-c", "figure-b-c"],
        ["figure-a-d"],
    ]
    assert pairs[0][1].title == "B: A title"
    first, second = ({one.name: one.figure for one in drawn[run.identity]} for run in runs)
    reach = [ax.get_xlim() for ax in (first["a"].axes[0], second["a"].axes[0])]
    assert reach[0] == reach[1]
    assert reach[0][0] < 1
    assert reach[0][1] > 9
    for name in ("b", "c"):  # other labels, other scales: the other axis is common all the same
        across = [one[name].axes[0].get_xlim() for one in (first, second)]
        assert across[0] != across[1]
        heights = [one[name].axes[0].get_ylim() for one in (first, second)]
        assert heights[0] == heights[1]
    assert [one[0].figure.axes[2].get_ylim() for one in drawn.values()] == bars


def test_a_run_that_cannot_be_drawn_is_said(runs: list[Run], tmp_path: Path) -> None:
    old = dataclasses.replace(runs[0], provenance={**runs[0].provenance, "revision": 0})
    text = write_comparison(compare(old, runs[1]), tmp_path / "both.html").read_text()
    assert "no figures of A: " in text
    assert "was made by revision 0 of average-noise" in text
    assert 'id="figure-b-variance"' in text
    assert 'id="figure-a-variance"' not in text
