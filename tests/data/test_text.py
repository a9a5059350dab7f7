"""Text as numbers, windows of it, and what ships."""

import numpy as np
import pytest

from widthwise import data


def test_what_ships() -> None:
    text = data.shakespeare()
    assert len(text.codes) == 299868
    assert len(text.alphabet) == 62
    start = "".join(text.alphabet[i] for i in text.codes[:60])
    assert start == "First Citizen:\nBefore we proceed any further, hear me speak."


def test_windows_are_followed_by_their_targets() -> None:
    x, y = data.as_text("abcabcabca").windows(4)
    np.testing.assert_array_equal(x, [[0, 1, 2, 0], [1, 2, 0, 1]])
    np.testing.assert_array_equal(y, [[1, 2, 0, 1], [2, 0, 1, 2]])


def test_refused() -> None:
    with pytest.raises(ValueError, match="has 1 characters"):
        data.as_text("a")
    for length in (0, 3):
        with pytest.raises(ValueError, match=f"length is {length}"):
            data.as_text("abc").windows(length)
