"""Numbers out of range are refused by name."""

import math


def check_positive(**numbers: float | int) -> None:
    """Raise ``ValueError`` if a named number is not positive and finite.

    Examples
    --------
    >>> check_positive(sigma=1.0, ratio=0.0)
    Traceback (most recent call last):
    ValueError: ratio is 0.0: give a positive, finite number
    """
    for name, value in numbers.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}: give a positive, finite number")
