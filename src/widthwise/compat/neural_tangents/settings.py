"""Settings of the archived layers: what they mean here, and what is not offered."""

import enum
from collections.abc import Sequence
from typing import Any, cast

import jax
import numpy as np

from widthwise.compat.neural_tangents.steps import FORMS, Form


class Padding(enum.Enum):
    """How a convolution or pooling treats the edges."""

    CIRCULAR = "CIRCULAR"
    SAME = "SAME"
    VALID = "VALID"


class AttentionMechanism(enum.Enum):
    """What makes attention weights of logits."""

    SOFTMAX = "SOFTMAX"
    IDENTITY = "IDENTITY"
    ABS = "ABS"
    RELU = "RELU"


class PositionalEmbedding(enum.Enum):
    """How attention joins embeddings of positions to its inputs."""

    NONE = "NONE"
    SUM = "SUM"
    CONCAT = "CONCAT"


def form(owner: str, parameterization: str) -> Form:
    """Check a parametrization.

    Raises
    ------
    ValueError
        If it is unknown.
    """
    name = str(parameterization).lower()
    if name not in FORMS:
        raise ValueError(
            f"parameterization of {owner} is {parameterization!r}: give 'ntk' or 'standard'; for "
            "muP or mean field build a widthwise.Sequential"
        )
    return cast(Form, name)


def gains(W_std: Any, b_std: Any) -> dict[str, Any]:
    """Write gains as our layers take them; ``b_std=None`` means no bias."""
    bias = None if b_std is None else number(b_std)
    return {"weight_std": number(W_std), "bias_std": bias, "bias": b_std is not None}


def number(value: Any) -> Any:
    """Turn Python's and NumPy's numbers into float; arrays of JAX may be traced, and stay."""
    return value if isinstance(value, jax.Array) else float(value)


def whole(value: Any) -> Any:
    """Turn NumPy's whole numbers into Python's."""
    return int(value) if isinstance(value, np.integer) else value


def sizes(value: Sequence[int] | None, default: int = 1) -> int | tuple[int, ...]:
    """Write numbers, one for each axis of positions, as our layers take them."""
    return default if value is None else tuple(int(size) for size in value)


def named(owner: str, kind: type[enum.Enum], value: str | enum.Enum) -> str:
    """Name of a member of an enumeration, given as such or by its name.

    Raises
    ------
    ValueError
        If there is no such member.
    """
    name = str(value.value if isinstance(value, enum.Enum) else value).upper()
    members = [member.value for member in kind]
    if name not in members:
        raise ValueError(f"{owner} was given {value!r}: give one of {', '.join(members)}")
    return name


def only(owner: str, **settings: tuple[Any, Any, str]) -> None:
    """Refuse settings with other values than the one that is offered.

    Parameters
    ----------
    owner
        Name of the layer.
    settings
        For each setting its value, the one offered, and what to do instead.

    Raises
    ------
    NotImplementedError
        If a value is another.
    """
    for name, (value, offered, instead) in settings.items():
        if value != offered:
            raise NotImplementedError(f"{name}={value!r} of {owner} is not offered: {instead}")


def axes(owner: str, batch_axis: int, channel_axis: int = -1) -> None:
    """Refuse inputs that do not have examples first and channels last."""
    instead = "move the axes of the inputs to (examples, positions..., channels)"
    only(owner, batch_axis=(batch_axis, 0, instead), channel_axis=(channel_axis, -1, instead))


def channels_last(owner: str, numbers: tuple[str, str, str] | None, positions: int) -> None:
    """Refuse orders of axes of a convolution other than channels last."""
    if numbers is None:
        return
    lhs, rhs, out = (str(spec) for spec in numbers)
    space = lhs[1:-1]
    if (lhs, rhs, out) != (f"N{space}C", f"{space}IO", lhs) or len(space) != positions:
        raise NotImplementedError(
            f"dimension_numbers={numbers!r} of {owner} is not offered: give inputs of shape "
            "(examples, positions..., channels), such as ('NHWC', 'HWIO', 'NHWC')"
        )
