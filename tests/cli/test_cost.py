"""Asking for help must not load JAX."""

import pytest

SCRIPT = """
import sys
from widthwise.cli import main
try:
    main({words!r})
except SystemExit:
    pass
print(sorted({{"jax", "xarray", "matplotlib", "scipy"}} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words",
    [
        *(["--help"], ["--version"], ["list", "--help"], ["run", "--help"]),
        *(["weights", "--help"], ["compile", "--help"], ["status", "--help"]),
    ],
)
def test_help_is_cheap(program, words: list[str]) -> None:
    status, out, err = program("-c", SCRIPT.format(words=words))
    assert status == 0
    assert out.strip()
    assert err.strip() == "[]"


def test_nothing_but_json_on_standard_output(program, tmp_path) -> None:
    words = ["run", "coin_study:CoinStudy", "--preset", "quick", "--json", "--workers", "1"]
    status, out, err = program("-m", "widthwise.cli", *words, "--out", str(tmp_path))
    assert (status, err) == (0, "")
    assert out.startswith("{")
    assert out.endswith("}\n")
