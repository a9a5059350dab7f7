import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise.numerics.wording import number, with_error

RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def parse(text: str) -> float:
    return float(text.replace("−", "-").replace(" × 10", "e").translate(RAISED))


@settings(deadline=None, max_examples=30)
@given(st.floats(-1e12, 1e12).filter(lambda x: x == 0 or abs(x) > 1e-300))
def test_number_keeps_four_digits(value):
    assert parse(number(value)) == pytest.approx(value, rel=6e-4)


@settings(deadline=None, max_examples=30)
@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e3))
def test_a_value_is_cut_below_its_error(value, error):
    shown, shown_error = map(parse, with_error(value, error))
    assert abs(shown - value) <= 0.06 * error + 1e-9 * abs(value)
    assert shown_error == pytest.approx(error, rel=0.06)


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (0.12345, 0.0067, ("0.1235", "0.0067")),
        (-3.0, 1.0, ("−3.0", "1.0")),
        (1234.5, 120.0, ("1234", "120")),
        (1.0475250588e-4, 2e-7, ("1.0475 × 10⁻⁴", "0.0020 × 10⁻⁴")),
        (0.4264223420127388, 1e-14, ("0.426422342", "1 × 10⁻¹⁴")),
        (math.nan, 1.0, ("not a number", "1")),
        (0.5, math.inf, ("0.5", "∞")),
    ],
)
def test_with_error_as_printed(value, error, shown):
    assert with_error(value, error) == shown
