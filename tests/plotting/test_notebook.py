"""What notebooks show: well-formed, escaped, small, on the theme of the notebook."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from widthwise.networks import Kernel
from widthwise.plotting import (
    Picture,
    Pictures,
    measured,
    new_figure,
    paper_style,
    pdf,
    placed,
    styled,
    theory,
)
from widthwise.plotting.matrices import matrices_html
from widthwise.plotting.notebook import Html, block, element, table
from widthwise.plotting.sheets import PAPER

ATTACK = "<script>alert(1)</script>\"'&"


def parsed(html: str) -> ET.Element:
    """The block as a tree; images are closed for it, as HTML does by itself."""
    return ET.fromstring(
        html.replace("<br>", "<br/>").replace('">', '">').replace("<img ", "<img ")
    )


def words(root: ET.Element) -> str:
    return " ".join("".join(root.itertext()).split())


def test_blocks_escape_what_is_text_and_keep_what_is_html() -> None:
    html = block(ATTACK, table(("a", ">b"), [(ATTACK, element("b", "x"))]), ATTACK)
    root = parsed(html)
    assert [e.tag for e in root.iter()].count("script") == 0
    assert words(root).count("<script>alert(1)</script>") == 3
    assert root.find("table/tbody/tr/td/b") is not None
    assert root.findall("table/tbody/tr/td")[1].get("class") == "number"
    assert element("p", "x", title=ATTACK).count("<") == 2
    assert isinstance(element("p", Html("<i>x</i>")), Html)


def test_the_style_has_both_themes_and_touches_only_the_block() -> None:
    style = block("x").split("<style>")[1].split("</style>")[0]
    for theme in ("prefers-color-scheme:dark", "data-jp-theme-light=false", ".vscode-dark"):
        assert theme in style
    selectors = [part.split("{")[0] for part in style.replace("}}", "}").split("}") if part]
    assert all(".widthwise" in s or s.startswith("@media") for s in selectors)


def picture(name: str = "one") -> Picture:
    figure, (ax,) = new_figure()
    theory(ax, [1.0, 2.0], [1.0, 2.0])
    measured(ax, [1.0, 2.0], [1.0, 2.0], [0.1, 0.1])
    return Picture(name, ATTACK, ATTACK, figure)


def test_pictures_are_a_list_with_names_that_shows_itself() -> None:
    pictures = Pictures([picture("one"), picture("two")])
    assert pictures["two"] is pictures[1]
    assert [p.name for p in pictures[:1]] == ["one"]
    with pytest.raises(KeyError, match="no picture is named 'three': there are one, two"):
        pictures["three"]
    html = pictures._repr_html_()
    assert html.count("<svg") == 2
    assert "<script" not in html
    assert html.count("currentColor") > 4
    assert len(html) < 60_000
    assert pictures[0]._repr_html_().count("<svg") == 1


def test_kernels_are_images_with_their_range() -> None:
    nngp = np.outer(np.arange(300.0), np.arange(300.0)).astype(np.float32)
    html = Kernel(nngp, -nngp[:, :7])._repr_html_()  # type: ignore[arg-type]
    assert html.count('src="data:image/png;base64,') == 2
    assert "300 × 300, float32" in html
    assert "0 to 8.94e+04" in html
    assert "300 × 7" in html
    assert len(html) < 60_000


def test_kernels_that_are_no_images_say_their_shape_and_what_is_missing() -> None:
    html = matrices_html(
        "Kernel", {"a": np.full((2, 2, 3, 3), np.nan), "b": np.array([1.0, np.inf])}
    )
    assert "data:image" not in html
    assert "2 × 2 × 3 × 3, float64" in html
    assert "nothing finite" in html
    assert "1 to 1; 1 not finite" in html


def test_a_figure_for_a_paper_is_as_wide_as_a_column_or_a_page() -> None:
    usual, _ = new_figure()
    with paper_style():
        column, (ax,) = new_figure()
        page, _ = new_figure(3)
        ax.set_xlabel("width")
        document = pdf(column)
    after, _ = new_figure()
    assert column.get_figwidth() == pytest.approx(3.4)
    assert page.get_figwidth() == pytest.approx(7.0)
    assert ax.xaxis.label.get_fontsize() == 8
    assert after.get_figwidth() == usual.get_figwidth() == pytest.approx(4.6)
    assert document.startswith(b"%PDF")


def test_the_style_sheet_is_found_by_matplotlib() -> None:
    with plt.style.context("widthwise.plotting.paper"):
        assert plt.rcParams["figure.figsize"] == [3.4, 2.5]
        assert plt.rcParams["axes.prop_cycle"].by_key()["color"][0] == "#0072b2"


def test_one_panel_is_drawn_on_the_callers_axes() -> None:
    own = Figure()
    left, _ = own.subplots(1, 2)
    figure, (ax,) = new_figure(ax=left, titles=("here",))
    assert (figure, ax) == (own, left)
    assert left.get_title(loc="left") or left.get_title() == "here"
    with pytest.raises(ValueError, match="one ax was given for 2 panels"):
        new_figure(2, ax=left)


def test_figures_are_made_where_the_caller_says() -> None:
    """By their number; a figure or subfigure is divided, axes are taken as they are."""
    own = Figure(layout="constrained")
    half, rest = own.subfigures(1, 2, squeeze=False)[0]
    pair = rest.subplots(1, 2)
    with placed({1: half, 2: list(pair)}) as asked:
        first, _ = new_figure()
        second, three = new_figure(3, titles=("a", "b", "c"), sharey=True)
        third, two = new_figure(2)
        assert asked.made == [first, own, own]
    assert first is not own
    assert second is third is own
    assert len(half.axes) == 3
    assert [ax.get_title(loc="left") for ax in three] == ["a", "b", "c"]
    assert two == tuple(pair)
    with placed({0: list(pair)}), pytest.raises(ValueError, match="2 axes were given for 1 panel:"):
        new_figure()
    assert new_figure()[0] is not own


def test_style_sheets_by_name_file_and_settings(tmp_path) -> None:
    sheet = tmp_path / "mine.mplstyle"
    sheet.write_text("font.size: 13\naxes.prop_cycle: cycler('color', ['ff0000', '00ff00'])\n")
    with styled([PAPER, sheet, {"figure.figsize": (5, 4)}]):
        figure, (ax,) = new_figure()
        wide, _ = new_figure(2)
        theory(ax, [1, 2], [1, 2], "line", color=3)
        assert ax.lines[0].get_color() == "#00ff00"
        assert ax.yaxis.label.get_fontsize() == 8
    assert figure.get_figwidth() == 5
    assert wide.get_figwidth() == pytest.approx(5 * 7 / 3.4)
    with styled("ggplot"):
        coloured, (ax,) = new_figure()
        assert ax.get_facecolor()[:3] == pytest.approx((0.898, 0.898, 0.898), abs=1e-2)
        assert coloured.get_figwidth() == pytest.approx(4.6)
    for wrong, message in (
        ("papr", "did you mean 'paper'"),
        ({"font.sise": 3}, "font.sise"),
        ({"font.size": "big"}, "style: "),
    ):
        with pytest.raises(ValueError, match=message), styled(wrong):
            pass
