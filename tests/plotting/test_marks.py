import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.container import ErrorbarContainer

from widthwise import plotting
from widthwise.plotting import new_figure


@pytest.fixture
def ax():
    return new_figure()[1][0]


def test_theory_is_a_line_and_measurement_is_points_with_bars(ax):
    plotting.theory(ax, [1.0, 2.0], [3.0, 4.0], "n = 8", color=1)
    plotting.measured(ax, [1.0, 2.0], [3.1, 4.1], [0.1, 0.2], "n = 8", color=1)
    line, points = ax.lines[:2]
    assert line.get_linestyle() == "-"
    assert points.get_linestyle() == "None"
    assert points.get_marker() == "s"
    assert line.get_color() == points.get_color() == plotting.PALETTE[1]
    (bars,) = ax.containers
    assert isinstance(bars, ErrorbarContainer)
    assert bars.has_yerr


@pytest.mark.parametrize("convert", [list, np.asarray, jnp.asarray, xr.DataArray])
def test_any_array_is_accepted(ax, convert):
    plotting.theory(ax, convert([1.0, 2.0]), convert([3.0, 4.0]))
    plotting.measured(ax, convert([1.0, 2.0]), convert([3.0, 4.0]), convert([0.1, 0.1]))
    plotting.band(ax, convert([1.0, 2.0]), convert([0.0, 0.0]), convert([1.0, 1.0]))
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [3.0, 4.0])


def test_legend_joins_equal_labels_and_explains_the_bars(ax):
    plotting.theory(ax, [1, 2], [3, 4], "n = 8")
    plotting.measured(ax, [1, 2], [3, 4], 0.1, "n = 8")
    plotting.theory(ax, [1, 2], [5, 6], "n = 9", color=1, dash="dashed")
    plotting.legend(ax, "width")
    box = ax.get_legend()
    assert [text.get_text() for text in box.get_texts()] == ["n = 8", "n = 9"]
    assert box.get_title().get_text() == "width\nline: theory; point: measured ± 1 s.e."


def test_legend_without_measurement_explains_nothing(ax):
    plotting.theory(ax, [1, 2], [3, 4], "only theory")
    plotting.legend(ax, place="outside")
    assert ax.get_legend().get_title().get_text() == ""


def test_legend_of_points_alone_speaks_of_points_alone(ax):
    plotting.measured(ax, [1, 2], [3, 4], 0.1, "seen")
    plotting.reference_line(ax, y=3.5)
    plotting.legend(ax)
    assert ax.get_legend().get_title().get_text() == "point: measured ± 1 s.e."


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12))
def test_cobweb_alternates_between_curve_and_diagonal(path):
    ax = new_figure()[1][0]
    plotting.cobweb(ax, path)
    x, y = (np.asarray(values) for values in ax.lines[0].get_data())
    assert len(x) == 2 * len(path) - 1
    np.testing.assert_array_equal(x[::2], y[::2])  # on the diagonal
    np.testing.assert_array_equal(x[1::2], path[:-1])  # on the curve: (r, next r)
    np.testing.assert_array_equal(y[1::2], path[1:])


def test_power_law_has_the_given_slope(ax):
    plotting.power_law(ax, [1.0, 10.0, 100.0], (10.0, 3.0), exponent=-2)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [300.0, 3.0, 0.03])
    assert ax.lines[0].get_label() == "slope −2"


def test_log_axis_labels_the_widths_as_plain_numbers(ax):
    plotting.theory(ax, [16, 64, 256], [1, 2, 3])
    plotting.log_axis(ax, "x", base=2, ticks=[16, 64, 256])
    assert ax.get_xscale() == "log"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["16", "64", "256"]
    plotting.log_axis(ax, "both")
    assert ax.get_yscale() == "log"


def test_square_axes_are_square(ax):
    plotting.square(ax, 0.0, 2.0)
    assert ax.get_xlim() == ax.get_ylim() == (0.0, 2.0)
    assert ax.get_aspect() == 1.0


@pytest.mark.parametrize("scale", ["linear", "log", "diverging"])
def test_heatmap_carries_a_colour_bar(scale):
    figure, (ax,) = new_figure()
    plotting.heatmap(ax, [1, 2, 3], [1, 2], [[1, 2, 3], [4, 5, 6]], "height", scale=scale)
    assert [a.get_ylabel() for a in figure.axes] == ["", "height"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda ax: plotting.theory(ax, [1], [1], dash="wavy"), "dash 'wavy' is unknown"),
        (lambda ax: plotting.reference_line(ax), "exactly one of x and y"),
        (lambda ax: plotting.reference_line(ax, x=1.0, y=2.0), "exactly one of x and y"),
        (lambda ax: plotting.square(ax, 1.0, 1.0), "limits must rise"),
        (lambda _: new_figure(0), "at least one panel"),
        (lambda _: new_figure(2, titles=("one",)), "1 titles were given for 2 panels"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(ax, draw, message):
    with pytest.raises(ValueError, match=message):
        draw(ax)


def test_panels_come_in_reading_order():
    figure, axes = new_figure(5, columns=2, titles=tuple("abcde"))
    assert [ax.get_title(loc="left") for ax in axes] == list("abcde")
    assert len(figure.axes) == 5
    assert tuple(figure.get_size_inches()) == pytest.approx((9.2, 10.2))
