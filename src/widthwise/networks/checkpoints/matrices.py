"""The weight matrices of a checkpoint, each with its role, outputs as rows."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from widthwise.networks.checkpoints.checkpoint import Checkpoint
from widthwise.networks.checkpoints.roles import role_of
from widthwise.networks.checkpoints.stored import Layout, Stored

SMALLEST = 8
"""Matrices with fewer rows or columns are left out: they have no statistics."""

_NO_MATRICES = ("norm", "bias", "fixed transform")
_NUMBERS = ("float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2", "int8",
            "uint8")  # fmt: skip
_INPUTS_FIRST = re.compile(r"(^|[./_])kernel$|(^|\.)(c_attn|c_fc|c_proj)\.weight$")


@dataclass(frozen=True, eq=False)
class WeightMatrix:
    """One matrix of a checkpoint.

    Attributes
    ----------
    name
        In the checkpoint.
    role
        What it is for, one of `ROLES`; ``dense`` where nothing tells.
    shape
        Outputs and inputs. A convolution has the inputs of its whole window: every channel at
        every position.
    layout
        How it lies in the file: outputs first, or inputs first.
    dtype
        Type of its numbers in the file.
    """

    name: str
    role: str
    shape: tuple[int, int]
    layout: Layout
    dtype: str
    checkpoint: Checkpoint

    def read(self) -> Float[np.ndarray, "n_out n_in"]:
        """Read the matrix, outputs as rows; in float64 if the file is, else in float32.

        Raises
        ------
        ValueError
            If the file is damaged.
        """
        array = self.checkpoint[self.name]
        array = array.astype(np.float64 if array.dtype == np.float64 else np.float32, copy=False)
        array = array.reshape(_matrix_shape(self.checkpoint.stored[self.name]))
        if self.layout == "in-out":
            array = np.moveaxis(array, -1, 0)
        return np.ascontiguousarray(array.reshape(self.shape))


def weight_matrices(
    weights: Checkpoint,
    *,
    roles: Mapping[str, str] | None = None,
    layout: Layout | None = None,
) -> tuple[list[WeightMatrix], dict[str, str]]:
    """Find the weight matrices of a checkpoint without reading them.

    Where the format does not tell how a matrix lies, arrays named ``kernel`` (Flax, Keras) and the
    ``Conv1D`` of GPT-2 have their inputs first, all others their outputs; a graph in ONNX tells.

    Parameters
    ----------
    weights
        What `load_weights` returned.
    roles
        Regular expressions and the role of the arrays they fit, before the built-in ones.
    layout
        Whether all matrices lie with outputs or inputs first, if you know better.

    Returns
    -------
    The matrices, and the names of all other arrays with the reason why they are none.

    Raises
    ------
    ValueError
        If a role or a pattern is unknown.
    """
    found, others = [], {}
    for name, stored in weights.stored.items():
        role = role_of(name, roles) or stored.role or "dense"
        reason = _no_matrix(role, stored)
        if reason:
            others[name] = reason
            continue
        guess: Layout = "in-out" if _INPUTS_FIRST.search(name) else "out-in"
        known: Layout = layout or stored.layout or guess
        shape = _matrix_shape(stored)
        outputs = shape[-1] if known == "in-out" else shape[0]
        inputs = math.prod(shape) // outputs
        if min(outputs, inputs) < SMALLEST:
            others[name] = f"only {outputs} x {inputs}"
            continue
        found.append(WeightMatrix(name, role, (outputs, inputs), known, stored.dtype, weights))
    return found, others


def _no_matrix(role: str, stored: Stored) -> str:
    if role in _NO_MATRICES:
        return role
    if stored.dtype not in _NUMBERS:
        return f"numbers of type {stored.dtype}"
    if len(_matrix_shape(stored)) < 2 or 0 in stored.shape:
        return f"shape {stored.shape}"
    return ""


def _matrix_shape(stored: Stored) -> tuple[int, ...]:
    """Drop a first axis of length one where it counts directions or batches."""
    shape = stored.shape
    several = stored.role not in (None, "convolution") and len(shape) > 2 and shape[0] == 1
    return shape[1:] if several else shape
