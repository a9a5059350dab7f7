"""The table of faults in the documentation: each row names tests, and they exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def all_tests() -> dict[str, bool]:
    """List all tests, and whether they are slow."""
    found = {}
    for file in (ROOT / "tests").rglob("test_*.py"):
        text = file.read_text(encoding="utf-8")
        for one in re.finditer(r"((?:^@.*\n)*)^def (test_\w+)\(", text, re.MULTILINE):
            marked = "pytest.mark.slow" in one[1] or "pytestmark = pytest.mark.slow" in text
            found[one[2]] = marked
    return found


def test_every_row_is_tested() -> None:
    table = (
        (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8").split("## What was tried")[1]
    )
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 16
    known = all_tests()
    for row in rows:
        fault, _, where = (cell.strip() for cell in row.strip("|").split(" | "))
        named = re.findall(r"`(test_\w+)`( \(slow\))?", where)
        assert named, f"{fault}: no test"
        for name, slow in named:
            assert name in known, f"{fault}: there is no {name}"
            assert bool(slow) == known[name], name
