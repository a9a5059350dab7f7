"""Text, character by character: what ships with us, and any of the user's."""

import gzip
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

_SHIPPED = "shakespeare.txt.gz"


class Text(NamedTuple):
    """A text as numbers.

    Attributes
    ----------
    codes
        Number of each character in the alphabet.
    alphabet
        The different characters, in order.
    """

    codes: Int32[np.ndarray, " n"]
    alphabet: str

    def windows(
        self, length: int
    ) -> tuple[Int32[np.ndarray, "windows length"], Int32[np.ndarray, "windows length"]]:
        """Cut the text into windows that follow each other, and the characters to predict.

        Parameters
        ----------
        length
            Characters in each window; the rest at the end of the text is left out.

        Returns
        -------
        The windows, and for each of their characters the next one.

        Raises
        ------
        ValueError
            If the text is shorter than one window and the next character.
        """
        count = (len(self.codes) - 1) // length if length >= 1 else 0
        if count < 1:
            raise ValueError(
                f"length is {length} and the text has {len(self.codes)} characters: give a length "
                f"from 1 to {len(self.codes) - 1}"
            )
        here, following = (self.codes[i : i + count * length] for i in (0, 1))
        return here.reshape(count, length), following.reshape(count, length)


def as_text(words: str) -> Text:
    """Number the characters of a text.

    Parameters
    ----------
    words
        The text, of at least 2 characters.

    Raises
    ------
    ValueError
        If it is shorter.

    Examples
    --------
    >>> text = as_text("to be or not to be")
    >>> text.alphabet, text.codes[:5].tolist()
    (' benort', [6, 4, 0, 1, 2])
    >>> x, y = text.windows(4)
    >>> "".join(text.alphabet[i] for i in y[0])
    'o be'
    """
    if len(words) < 2:
        raise ValueError(f"the text has {len(words)} characters: give at least 2")
    alphabet, codes = np.unique(np.array(list(words)), return_inverse=True)
    return Text(codes.astype(np.int32), "".join(alphabet))


def shakespeare() -> Text:
    """Return the text that ships with the package: 300,000 characters of Shakespeare's plays.

    It is the beginning of the file known as tiny Shakespeare, on which small language models are
    commonly trained. The plays are in the public domain; the file beside the data says where it
    comes from.

    Examples
    --------
    >>> text = shakespeare()
    >>> "".join(text.alphabet[i] for i in text.codes[:14])
    'First Citizen:'
    """
    packed = (files("widthwise.data") / _SHIPPED).read_bytes()
    return as_text(gzip.decompress(packed).decode("ascii"))
