"""Layers with weights: dense, convolutions, attention.

Signatures, order and defaults are those of the archived library: here seven arguments and more.
"""

from collections.abc import Callable, Sequence
from typing import Any

from widthwise import networks as nn
from widthwise.compat.neural_tangents import settings as given
from widthwise.compat.neural_tangents.settings import (
    AttentionMechanism,
    Padding,
    PositionalEmbedding,
)
from widthwise.compat.neural_tangents.steps import Single
from widthwise.compat.neural_tangents.triple import Triple, triple

Numbers = tuple[str, str, str] | None


def Dense(
    out_dim: int,
    W_std: Any = 1.0,
    b_std: Any = None,
    batch_axis: int = 0,
    channel_axis: int = -1,
    parameterization: str = "ntk",
    s: tuple[int, int] = (1, 1),
) -> Triple:
    """Fully connected layer, :class:`widthwise.Dense`.

    Raises
    ------
    ValueError, NotImplementedError
        If a setting is out of range, unknown, or not offered.
    """
    given.axes("Dense", batch_axis, channel_axis)
    layer = nn.Dense(given.whole(out_dim), **given.gains(W_std, b_std))
    return triple(Single(layer, given.form("Dense", parameterization, s)))


def _convolution(make: Callable[..., nn.Layer]) -> Callable[..., Triple]:
    name = make.__name__

    def layer(
        out_chan: int,
        filter_shape: Sequence[int],
        strides: Sequence[int] | None = None,
        padding: str | Padding = "VALID",
        W_std: Any = 1.0,
        b_std: Any = None,
        dimension_numbers: Numbers = None,
        parameterization: str = "ntk",
        s: tuple[int, int] = (1, 1),
    ) -> Triple:
        window = tuple(int(size) for size in filter_shape)
        given.channels_last(name, dimension_numbers, len(window))
        made = make(
            given.whole(out_chan),
            window,
            strides=given.sizes(strides),
            padding=given.named(f"padding of {name}", Padding, padding),
            **given.gains(W_std, b_std),
        )
        return triple(Single(made, given.form(name, parameterization, s)))

    layer.__name__ = layer.__qualname__ = name
    layer.__doc__ = f":class:`widthwise.{name}`, of inputs (examples, positions..., channels)."
    return layer


Conv = _convolution(nn.Conv)
ConvLocal = _convolution(nn.ConvLocal)
ConvTranspose = _convolution(nn.ConvTranspose)


def GlobalSelfAttention(
    n_chan_out: int,
    n_chan_key: int,
    n_chan_val: int,
    n_heads: int,
    linear_scaling: bool = True,
    W_key_std: Any = 1.0,
    W_value_std: Any = 1.0,
    W_query_std: Any = 1.0,
    W_out_std: Any = 1.0,
    b_std: Any = None,
    attention_mechanism: str | AttentionMechanism = "SOFTMAX",
    pos_emb_type: str | PositionalEmbedding = "NONE",
    **rest: Any,
) -> Triple:
    """Self-attention with linear scaling, :class:`widthwise.SelfAttention`.

    Raises
    ------
    ValueError, NotImplementedError
        If a setting is out of range, unknown, or not offered.
    """
    name = "GlobalSelfAttention"
    embedding = "add positional embeddings to the inputs"
    given.axes(name, rest.pop("batch_axis", 0), rest.pop("channel_axis", -1))
    pos_emb = given.named("pos_emb_type", PositionalEmbedding, pos_emb_type)
    mechanism = given.named("attention_mechanism", AttentionMechanism, attention_mechanism)
    given.only(
        name,
        linear_scaling=(linear_scaling, True, "use linear scaling, where keys equal queries"),
        n_chan_val=(n_chan_val, n_chan_key, "give keys and values equally many channels"),
        pos_emb_type=(pos_emb, "NONE", embedding),
        val_pos_emb=(rest.pop("val_pos_emb", False), False, embedding),
    )
    known = {"pos_emb_p_norm", "pos_emb_decay_fn", "n_chan_pos_emb", "W_pos_emb_std"}
    if unknown := sorted(rest.keys() - known):  # the others describe embeddings there are none of
        raise TypeError(f"{name} has no argument {', '.join(unknown)}")
    if n_heads < 1 or n_chan_key % n_heads:
        raise ValueError(
            f"{name} was given {n_chan_key} channels for {n_heads} heads: give a multiple of the "
            "number of heads"
        )
    layer = nn.SelfAttention(
        n_chan_out,
        n_heads,
        head_width=n_chan_key // n_heads,
        mechanism=mechanism.lower(),  # pyright: ignore[reportArgumentType]
        key_std=given.number(W_key_std),
        query_std=given.number(W_query_std),
        value_std=given.number(W_value_std),
        out_std=given.number(W_out_std),
        bias_std=None if b_std is None else given.number(b_std),
        bias=b_std is not None,
    )
    return triple(Single(layer, "ntk"))
