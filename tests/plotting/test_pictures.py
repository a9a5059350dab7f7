import csv
import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import xarray as xr

from widthwise import plotting
from widthwise.plotting import Picture, new_figure, png, save, svg
from widthwise.plotting.style import INK

SVG = "{http://www.w3.org/2000/svg}"


def picture(name: str = "demo", height: float = 3.0) -> Picture:
    figure, (left, right) = new_figure(2, titles=("lines", "cells"))
    plotting.theory(left, [1, 2], [3, height], "n = 8")
    plotting.measured(left, [1, 2], [3.1, 4.1], [0.1, 0.2], "n = 8")
    plotting.diagonal(left)
    plotting.reference_line(left, y=3.0)
    left.set_xlabel("width $n$")
    left.fill_between([1, 2], [0, 1], color="black")
    plotting.legend(left)
    plotting.heatmap(right, [1, 2, 3], [10, 20], [[1, 2, 3], [4, 5, 6]], "height")
    return Picture(name, "A <title>", 'A caption & "more"', figure)


def test_svg_is_one_themable_labelled_element():
    text = svg(picture())
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert root.get("width") == "100%"
    assert root.get("height") is None
    assert root.get("viewBox")
    words = {e.get("id"): e.text for e in root if e.tag in {f"{SVG}title", f"{SVG}desc"}}
    assert words[root.get("aria-labelledby")] == "A <title>"
    assert words[root.get("aria-describedby")] == 'A caption & "more"'
    assert "currentColor" in text
    assert INK not in text
    assert "#000000" not in text
    assert "#ffffff" not in text.lower()


def test_svg_text_stays_text_in_generic_fonts():
    root = ET.fromstring(svg(picture()))
    texts = ["".join(e.itertext()).strip() for e in root.iter(f"{SVG}text")]
    assert {"lines", "cells", "height", "n = 8"} <= set(texts)
    families = {
        found[1]
        for e in root.iter()
        if (found := re.search(r"font-family: ([^;]*)", e.get("style", "")))
    }
    assert families
    assert all(family.endswith((", serif", ", sans-serif")) for family in families)


def test_svg_refers_to_nothing_outside():
    text = svg(picture())
    assert text.count("http") == 1  # its own namespace
    assert "<style" not in text
    assert "<script" not in text


def test_svg_ids_are_unique_and_all_references_resolve():
    both = [ET.fromstring(svg(p)) for p in (picture(), picture("other", 3.5))]
    ids = [e.get("id") for root in both for e in root.iter() if e.get("id")]
    assert len(set(ids)) == len(ids)
    targets = {
        value.removeprefix("url(").removesuffix(")")[1:]
        for root in both
        for e in root.iter()
        for value in (e.get("href", ""), e.get("clip-path", ""))
        if value.startswith(("#", "url("))
    }
    assert targets
    assert targets <= set(ids)


def test_svg_prefix_separates_two_copies():
    p = picture()
    first, second = (svg(p, prefix=x) for x in ("a", "b"))
    assert 'id="a-title"' in first
    assert 'id="b-title"' in second


def test_svg_of_one_figure_is_always_the_same_text():
    p = picture()
    plotting.square(p.figure.axes[0], 0.0, 5.0)
    first = svg(p)
    png(p)
    assert svg(p) == first
    assert svg(p) == first


def test_equal_figures_give_the_same_text():
    assert svg(picture()) == svg(picture())


def test_svg_is_the_same_in_another_process():
    code = (
        "from widthwise.plotting import *\n"
        "f, (ax,) = new_figure()\n"
        "theory(ax, [1, 2], [3, 4], 'a'); legend(ax)\n"
        "import sys; sys.stdout.buffer.write(svg(f).encode())"
    )
    texts = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        for _ in range(2)
    }
    assert len(texts) == 1


def test_save_follows_the_suffix(tmp_path):
    p = picture()
    assert save(p, tmp_path / "a.svg").read_text().startswith("<svg")
    assert save(p, tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert save(p, str(tmp_path / "a.PNG")).read_bytes() == png(p)
    with pytest.raises(ValueError, match=r"cannot write 'a.jpg'.*\.svg, \.pdf, \.png"):
        save(p, tmp_path / "a.jpg")


def test_csv_reads_back_what_was_drawn():
    rows = list(csv.DictReader(io.StringIO(picture(height=4.0).csv())))
    points = [r for r in rows if r["kind"] == "points"]
    assert [(r["panel"], r["series"]) for r in points] == [("lines", "n = 8")] * 2
    np.testing.assert_allclose([float(r["value"]) for r in points], [0.1, 0.2])
    np.testing.assert_allclose([float(r["y"]) for r in points], [3.1, 4.1])
    line = [r for r in rows if r["kind"] == "line"]
    assert [(float(r["x"]), float(r["y"])) for r in line] == [(1, 3), (2, 4)]
    cells = [r for r in rows if r["kind"] == "cells"]
    assert [float(r["value"]) for r in cells] == [1, 2, 3, 4, 5, 6]
    assert [float(r["x"]) for r in cells] == [1, 2, 3] * 2
    assert [float(r["y"]) for r in cells] == [10] * 3 + [20] * 3


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_csv_has_points_that_were_not_drawn():
    figure, (ax,) = new_figure(1)
    plotting.measured(ax, [1, 2, 3, 4], [3.1, np.nan, 5.1, np.inf], [0.1, 0.2, np.nan, 0.3], "n")
    rows = list(csv.DictReader(io.StringIO(Picture("gap", "a", "b", figure).csv())))
    assert [(row["y"], row["value"]) for row in rows] == [
        ("3.1", rows[0]["value"]),
        ("nan", "nan"),
        ("5.1", "nan"),
        ("inf", "nan"),
    ]
    assert float(rows[0]["value"]) == pytest.approx(0.1)


def test_csv_prefers_the_data_of_the_picture():
    data = xr.Dataset({"rate": ("width", [0.5, 0.25])}, {"width": [2, 4]})
    p = Picture("demo", "title", "caption", new_figure()[0], data)
    assert p.csv() == "width,rate\n2,0.5\n4,0.25\n"


@pytest.mark.parametrize("name", ["", "two words", "a/b", "ü"])
def test_names_that_serve_no_file_are_refused(name):
    with pytest.raises(ValueError, match="must consist of ASCII letters"):
        Picture(name, "title", "caption", new_figure()[0])
