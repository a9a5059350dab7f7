"""A user's own points on the command line: one clear line for what cannot be fitted."""

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is no file of points"),
        ("0,0,1\n0,0,-1\n", "no function fits both"),
        ("0,0,1\n1,0,1\n", "of a single class"),
    ],
)
def test_bad_points(widthwise, content: str | None, message: str) -> None:
    if content is not None:
        Path("points.csv").write_text(content)
    status, out, err = widthwise("run", "ensemble-prior", "--points", "points.csv")
    assert (status, out) == (2, "")
    assert message in " ".join(err.split())
    assert "Traceback" not in err
