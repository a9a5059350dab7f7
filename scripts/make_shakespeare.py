"""Make the text that ships with the package from the file known as tiny Shakespeare.

Usage: python scripts/make_shakespeare.py input.txt
"""

import gzip
import sys
from pathlib import Path

CHARACTERS = 300_000
TARGET = Path(__file__).parents[1] / "src/widthwise/data/shakespeare.txt.gz"


def main() -> None:
    """Take the first characters, up to the end of a speech."""
    text = Path(sys.argv[1]).read_text(encoding="ascii")[:CHARACTERS]
    text = text[: text.rindex("\n\n") + 1]
    TARGET.write_bytes(gzip.compress(text.encode("ascii"), 9, mtime=0))
    print(f"{TARGET}: {len(text)} characters, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
