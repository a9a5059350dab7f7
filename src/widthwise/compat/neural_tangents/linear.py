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
from widthwise.compat.neural_tangents.widened import widened, widths

Numbers = tuple[str, str, str] | None


def Dense(
    out_dim: int,
    W_std: Any = 1.0,
    b_std: Any = None,
    batch_axis: int = 0,
    channel_axis: int = -1,
    parameterization: str = "ntk",
    s: tuple[float | int, float | int] = (1, 1),
) -> Triple:
    """Fully connected layer, :class:`widthwise.Dense`.

    Raises
    ------
    ValueError, NotImplementedError
        If a setting is out of range, unknown, or not offered.
    """
    given.axes("Dense", batch_axis, channel_axis)
    form = given.form("Dense", parameterization)
    width, factor = widths("Dense", form, out_dim, s)
    layer = nn.Dense(width, **given.gains(W_std, b_std))
    return triple(Single(widened(layer, factor), form))


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
        s: tuple[float | int, float | int] = (1, 1),
    ) -> Triple:
        window = tuple(int(size) for size in filter_shape)
        given.channels_last(name, dimension_numbers, len(window))
        form = given.form(name, parameterization)
        width, factor = widths(name, form, out_chan, s)
        made = make(
            width,
            window,
            strides=given.sizes(strides),
            padding=given.named(f"padding of {name}", Padding, padding),
            **given.gains(W_std, b_std),
        )
        return triple(Single(widened(made, factor), form))

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
    pos_emb_p_norm: float | int = 2,
    pos_emb_decay_fn: Callable[[Any], Any] | None = None,
    n_chan_pos_emb: int | None = None,
    W_pos_emb_std: Any = 1.0,
    val_pos_emb: bool = False,
    batch_axis: int = 0,
    channel_axis: int = -1,
) -> Triple:
    """Self-attention, :class:`widthwise.SelfAttention` with :class:`widthwise.PositionEmbedding`.

    Raises
    ------
    ValueError, NotImplementedError
        If a setting is out of range, unknown, or not offered; without linear scaling, kernels
        need the mechanism ``"IDENTITY"``.
    """
    name = "GlobalSelfAttention"
    given.axes(name, batch_axis, channel_axis)
    join = given.named("pos_emb_type", PositionalEmbedding, pos_emb_type)
    mechanism = given.named("attention_mechanism", AttentionMechanism, attention_mechanism)
    positions = None
    if join != "NONE":
        positions = nn.PositionEmbedding(
            "sum" if join == "SUM" else "concatenation",
            std=given.number(W_pos_emb_std),
            decay=pos_emb_decay_fn,
            power=pos_emb_p_norm,
            width=given.whole(n_chan_pos_emb),
            values=val_pos_emb,
        )
    layer = nn.SelfAttention(
        given.whole(n_chan_out),
        given.whole(n_heads),
        head_width=given.whole(n_chan_key),
        value_width=given.whole(n_chan_val),
        mechanism=mechanism.lower(),
        scaling="linear" if linear_scaling else "sqrt",
        positions=positions,
        key_std=given.number(W_key_std),
        query_std=given.number(W_query_std),
        value_std=given.number(W_value_std),
        out_std=given.number(W_out_std),
        bias_std=None if b_std is None else given.number(b_std),
        bias=b_std is not None,
    )
    return triple(Single(layer, "ntk"))
