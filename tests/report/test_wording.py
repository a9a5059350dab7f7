import pytest

from widthwise.report.wording import duration


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"),
        (59.96, "1 min 0 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (90000, "25 h 0 min"),
    ],
)
def test_duration(seconds, shown):
    assert duration(seconds) == shown
