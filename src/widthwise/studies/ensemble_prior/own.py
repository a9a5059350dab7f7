"""An architecture of a user's own: a function of the width that returns a network."""

from functools import lru_cache
from typing import NamedTuple

from widthwise.networks import NTK, Dense, Sequential
from widthwise.numerics.user_code import load_object

_HOW = "give file.py:function or module:function, which makes a Sequential of its argument, a width"
_END = (
    "end it with Dense(1, bias=False): its readout is started at zero too, and biases there have "
    "no part in the kernel of the last layer"
)


class OwnArchitecture(NamedTuple):
    """Where the function is found."""

    target: str

    def network(self, width: int) -> Sequential:
        """Return the network of a width."""
        return _network(self.target, width)


@lru_cache(maxsize=64)
def _network(target: str, width: int) -> Sequential:
    """Call the function, and refuse what is no network with one readout.

    Raises
    ------
    ValueError
        If it is not found, or what it returns cannot be trained at one learning rate.
    """
    make, _ = load_object(target)
    if not callable(make):
        raise ValueError(f"architecture {target!r} is a {type(make).__name__}: {_HOW}")
    try:
        found = make(width)
    except TypeError as error:
        raise ValueError(f"{target} cannot be called with a width ({error}): {_HOW}") from None
    if not isinstance(found, Sequential):
        raise ValueError(f"{target} returns a {type(found).__name__}: {_HOW}")
    law = found.parametrization or NTK()
    if law.name not in ("NTK", "Standard"):
        raise ValueError(
            f"{target} has the parametrization {law.name}: give Standard or NTK, in "
            "which wide networks are kernel regressions"
        )
    last = found.layers[-1]
    if not isinstance(last, Dense) or last.width != 1:
        raise ValueError(f"{target} does not end with one output: {_END}")
    if last.bias and (law.bias_std if last.bias_std is None else last.bias_std) != 0:
        raise ValueError(f"{target} has a bias in its readout: {_END}")
    return found
