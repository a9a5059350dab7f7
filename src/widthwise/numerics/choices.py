"""One word out of a few: an unknown one is refused, and the nearest named."""

import difflib
from collections.abc import Sequence


def check_choice(name: str, value: object, accepted: Sequence[str]) -> None:
    """Refuse a word that is not accepted.

    Parameters
    ----------
    name
        What is chosen, for the error.
    value
        The word given.
    accepted
        All accepted ones.

    Raises
    ------
    ValueError
        Naming the accepted words, and the nearest.

    Examples
    --------
    >>> check_choice("padding of Conv", "SAMME", ["SAME", "VALID"])
    Traceback (most recent call last):
    ValueError: padding of Conv is 'SAMME': give one of SAME, VALID; did you mean 'SAME'?
    """
    if isinstance(value, str) and value in accepted:
        return
    folded = {word.casefold(): word for word in accepted}
    near = difflib.get_close_matches(str(value).casefold(), folded, n=1)
    guess = f"; did you mean {folded[near[0]]!r}?" if near else ""
    raise ValueError(f"{name} is {value!r}: give one of {', '.join(accepted)}{guess}")
