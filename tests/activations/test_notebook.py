"""An activation as a notebook shows it."""

import math

import pytest
from matplotlib.figure import Figure

from widthwise import activations
from widthwise.activations.cobweb import cobweb


@pytest.mark.parametrize(
    ("phi", "expected"),
    [
        (activations.relu, (f"{1 / math.sqrt(2 * math.pi):.6g}", "0.5", "homogeneous")),
        (
            activations.from_function(lambda z: z**2, name="<b>", kinks=()),
            ("second moment", "&lt;b&gt;"),
        ),
    ],
)
def test_graph_and_averages(phi, expected) -> None:
    html = phi._repr_html_()
    assert html.count("<svg") == 1
    assert "<b>" not in html
    for words in expected:
        assert words in html


def test_the_correlation_map_goes_where_it_is_told() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    picture = cobweb(activations.relu, ax=left)
    assert picture.figure is figure
    assert left.lines
    assert not right.lines
