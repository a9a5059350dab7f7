"""What a model's arrays of parameters are, from their places in it."""

from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

Layout = Literal["out_in", "in_out", "table", "vector", "unknown"]
_TABLES = {"Embedding", "EmbeddingBag"}
_VECTORS = {"LayerNorm", "RMSNorm", "GroupNorm", "BatchNorm"}
_OUT_IN = {"Linear", "MultiheadAttention", "RNNBase", "RNNCellBase", "GRUCell", "LSTMCell", "Conv"}


class Described(NamedTuple):
    """One array of parameters.

    Parameters
    ----------
    path
        Where it is in the model.
    shape
        Its shape.
    layout
        Which of its axes are outputs and inputs: outputs first, inputs first, one row per symbol,
        one number per neuron, or not known.
    kernel
        Number of axes after these two, those of a convolution's window.
    array
        The array itself, or its shape and dtype.
    tied
        Path of the array that it is, if it is the same one.
    """

    path: str
    shape: tuple[int, ...]
    layout: Layout
    kernel: int
    array: Any
    tied: str | None = None


def describe(model: eqx.Module) -> list[Described]:
    """Describe the arrays of real numbers of an Equinox module, or of a JAX pytree."""
    found = []
    for keys, leaf in jax.tree_util.tree_leaves_with_path(model):
        if not hasattr(leaf, "shape") or not jnp.issubdtype(leaf.dtype, jnp.inexact):
            continue
        owner = model
        for key in keys[:-1]:
            owner = _child(owner, key)
        path = jax.tree_util.keystr(keys)
        layout, kernel = layout_of(owner)
        found.append(Described(path, tuple(leaf.shape), layout, kernel, leaf))
    return found


def layout_of(owner: Any) -> tuple[Layout, int]:
    """Say how the arrays of a module lie, by the names of its class and the classes above it."""
    names = {c.__name__ for c in type(owner).__mro__}
    window = getattr(owner, "kernel_size", ())
    kernel = len(window) if isinstance(window, tuple) else 0
    torch = any(c.__module__.startswith("torch.") for c in type(owner).__mro__)
    if names & _TABLES:
        return "table", 0
    if names & _VECTORS:
        return "vector", 0
    if "Conv1D" in names:  # of GPT-2 in Hugging Face's transformers: a linear map, inputs first
        return "in_out", 0
    if torch and "_ConvTransposeNd" in names:
        return "in_out", kernel
    if names & _OUT_IN or "_ConvNd" in names or "ConvTranspose" in names:
        return "out_in", kernel
    return "unknown", 0


def _child(owner: Any, key: Any) -> Any:
    if isinstance(key, jax.tree_util.GetAttrKey):
        return getattr(owner, key.name)
    if isinstance(key, jax.tree_util.SequenceKey):
        return owner[key.idx]
    if isinstance(key, jax.tree_util.DictKey):
        return owner[key.key]
    return None
