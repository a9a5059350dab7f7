import math
import re
import xml.etree.ElementTree as ET

import pytest

from widthwise.experiments import Claim, judge
from widthwise.experiments import claim_rows as page_claims


def judged(**changes):
    given = {
        "name": "rate", "statement": "A rate.", "predicted": 1.0, "measured": 1.02,
        "standard_error": 0.01, "tolerance": 0.1,
    }  # fmt: skip
    return judge([Claim(**(given | changes))])[0]


def numbers(text: str) -> list[float]:
    return [float(x) for x in re.findall(r"-?\d+(?:\.\d+)?", text)]


def test_the_drawing_places_band_prediction_and_measurement():
    claim = judged()
    root = ET.fromstring(page_claims.rows([claim])[0].dial)
    band, tick, thin, thick, dot = root
    left, width = float(band.get("x", "")), float(band.get("width", ""))
    centre = numbers(tick.get("d", ""))[0]
    assert left + width / 2 == pytest.approx(centre, abs=0.1)
    scale = width / 0.2
    assert float(dot.get("cx", "")) == pytest.approx(centre + 0.02 * scale, abs=0.1)
    for path, half in ((thin, claim.quantile * 0.01), (thick, 0.01)):
        start, _, end = numbers(path.get("d", ""))
        assert end - start == pytest.approx(2 * half * scale, abs=0.2)


@pytest.mark.parametrize(
    ("changes", "spans"),
    [({"kind": "at_most"}, (0, None)), ({"kind": "at_least"}, (None, 168))],
)
def test_one_sided_bands_reach_the_edge(changes, spans):
    band = ET.fromstring(page_claims.rows([judged(**changes)])[0].dial)[0]
    left = float(band.get("x", ""))
    right = left + float(band.get("width", ""))
    for have, want in zip((left, right), spans, strict=True):
        assert want is None or have == want


@pytest.mark.parametrize(
    "changes",
    [
        {"measured": math.nan},
        {"standard_error": math.inf},
        {"measured": 1e9},
        {"tolerance": 0.0, "measured": 1.0, "standard_error": 1e-300},
    ],
)
def test_extreme_claims_draw_inside_the_box(changes):
    row = page_claims.rows([judged(**changes)])[0]
    assert "nan" not in row.dial.split("aria-label")[0] + row.dial.split(">", 1)[1]
    for shape in ET.fromstring(row.dial):
        for name in ("x", "cx"):
            assert 0 <= float(shape.get(name, 0)) <= 168


def test_relations_stand_before_bounds():
    rows = page_claims.rows([judged(kind=kind) for kind in ("equal", "at_most", "at_least")])
    assert [row.predicted for row in rows] == ["1.000", "≤ 1.000", "≥ 1.000"]
    assert [row.z for row in rows] == ["+2.00"] * 3


def test_headlines():
    good, bad = judged(), judged(measured=2.0)
    assert page_claims.headline([]) == "This study makes no claims."
    assert page_claims.headline([good]) == "The claim holds."
    assert page_claims.headline([good, good]) == "All 2 claims hold."
    assert page_claims.headline([good, bad]) == "1 of 2 claims holds."
    assert [c.count for c in page_claims.tally([good, bad, bad])] == [1, 2, 0]
