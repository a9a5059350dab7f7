"""What all spectra refuse."""

import math

import numpy as np


def check_positive(**numbers: float) -> None:
    """Raise if a named number is not positive and finite."""
    for name, value in numbers.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}: give a positive finite number")


def check_finite(**arrays: np.ndarray) -> None:
    """Raise if a named array holds a number that is not finite."""
    for name, array in arrays.items():
        if not np.all(np.isfinite(array)):
            raise ValueError(
                f"{name} has entries that are not finite: the training it describes diverged, "
                "take a smaller learning rate or fewer steps"
            )
