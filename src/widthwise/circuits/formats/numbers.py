"""Whole numbers in files: read strictly, and bounded, so that no header can ask for all memory."""

from widthwise.circuits.draft import Draft

MAX_WIRES = 10_000_000
MAX_INPUTS = 1_000_000  # a header of a few bytes can declare them


def whole(draft: Draft, word: str, what: str, line: int, *, most: int = MAX_WIRES) -> int:
    """Read a number from 0 to `most`.

    Raises
    ------
    CircuitError
        If the word is anything else.
    """
    # Python itself would also take "1_0", "+1" and other scripts' digits.
    if not (word.isascii() and word.isdigit()) or len(word) > 18:
        raise draft.error(f"{what} is {word[:40]!r}: a whole number is expected", line)
    number = int(word)
    if number > most:
        raise draft.error(f"{what} is {number}: at most {most} is possible here", line)
    return number
