"""Node by node: a labelled table of what was measured."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from widthwise.observables.feature_speed.nodes import Node


def table(
    numbers: dict[str, np.ndarray], nodes: Sequence[Node], sizes: Sequence[int], steps: Sequence
) -> xr.Dataset:
    """Label what was measured, and derive the rest of the numbers.

    Raises
    ------
    ValueError
        If the loss is not finite.
    """
    found = {name: np.asarray(value, np.float64) for name, value in numbers.items()}
    if not np.isfinite(found["loss"]):
        raise ValueError(
            f"the loss is {found['loss']}: give a network, inputs and a loss that are finite"
        )
    size = np.asarray(sizes, np.float64)
    still = (found["speed"] == 0) | (found["backward_norm"] == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {
            "size": np.asarray(sizes),
            "feature_rms": found["feature_rms"],
            "backward_norm": found["backward_norm"],
            "cosine": np.where(still, np.nan, np.clip(found["cosine"], -1, 1)),
            "decay": found["decay"],
            "speed": found["speed"],
            "relative_speed": found["speed"] / found["feature_rms"],
            "sensitivity": np.where(still, np.nan, found["speed"] / found["decay"]),
            "residual": found["decay"] / found["upstream_decay"] - 1,
        }
    columns["backward_rms"] = columns["backward_norm"] / np.sqrt(size)
    data: dict[str, Any] = {name: ("node", value) for name, value in columns.items()}
    data["cut"] = ("node", np.asarray([node.cut for node in nodes]))
    data["note"] = ("node", np.asarray([_note(i, found) for i in range(len(nodes))]))
    if len(steps):
        data["moved"] = (("step", "node"), found["moved"])
        data["step_error"] = (("step", "node"), found["step_error"])
    coords = {"node": [node.name for node in nodes]}
    attrs = {"loss": float(found["loss"]), "loss_decay": float(found["loss_decay"])}
    return xr.Dataset(
        data, coords | ({"step": list(steps)} if len(steps) else {}), attrs
    ).assign_coords(number=("node", np.arange(len(nodes))))


def _note(index: int, found: dict[str, np.ndarray]) -> str:
    """Say why a node has no angle."""
    if found["backward_norm"][index] == 0:
        return "no gradient comes back: the loss does not depend on it here"
    if found["speed"][index] == 0:
        return "does not move: no array before it has a gradient or a learning rate"
    return ""
