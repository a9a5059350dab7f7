"""Shards joined into one dataset per part, whatever order they come in."""

import numpy as np
import pytest
import xarray as xr

from widthwise.experiments import Shard
from widthwise.experiments.combine import combine, count_not_finite


def piece(shard: Shard) -> tuple[Shard, xr.Dataset]:
    width, kind = shard.settings["width"], shard.settings["kind"]
    members = np.arange(*shard.members)
    values = members[:, None] + 100.0 * float(width) + (0.5 if kind == "b" else 0) + np.arange(3)
    return shard, xr.Dataset(
        {"value": (("member", "layer"), values), "depth": ("layer", [1, 2, 3])},
        attrs={"wall_seconds": 1.0},
    )


GRID = [
    Shard("p", {"width": width, "kind": kind}, members)
    for width in (64, 16)
    for kind in ("a", "b")
    for members in ((0, 2), (2, 5))
]


def test_a_full_grid_is_full() -> None:
    tree = combine([piece(shard) for shard in GRID])
    value = tree.children["p"].dataset["value"]
    assert value.dims == ("width", "kind", "member", "layer")
    assert value.dtype == float
    assert not value.isnull().any()
    assert float(value.sel(width=64, kind="b", member=3)[2]) == 6400 + 0.5 + 3 + 2
    assert list(value["width"]) == [64, 16]


def test_order_of_shards_is_irrelevant_for_members() -> None:
    forward = combine([piece(shard) for shard in GRID])
    halves = sorted(GRID, key=lambda shard: -shard.members[0])
    backward = combine([piece(shard) for shard in halves])
    xr.testing.assert_identical(forward.children["p"].dataset, backward.children["p"].dataset)


def test_ragged_members_are_filled() -> None:
    value = combine([piece(shard) for shard in GRID[:-1]]).children["p"].dataset["value"]
    assert int(value.isnull().sum()) == 3 * 3
    hole = combine([piece(s) for s in GRID[:-2]]).children["p"].dataset["value"]
    assert hole.sel(width=16, kind="b").isnull().all()


def test_parts_stand_side_by_side() -> None:
    other = Shard("q", {}, (0, 4))
    tree = combine([piece(GRID[0]), (other, xr.Dataset({"x": ("member", [1, 2, 3, 4])}))])
    assert set(tree.children) == {"p", "q"}
    assert tree.children["q"].dataset["x"].dtype.kind == "i"


def test_pieces_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="differ in the names"):
        combine([piece(GRID[0]), (Shard("p", {}, (0, 1)), xr.Dataset())])
    short = (Shard("q", {}, (0, 4)), xr.Dataset({"x": ("member", [1, 2])}))
    with pytest.raises(ValueError, match="expected 4 along 'member', got 2"):
        combine([short])
    constants = [(Shard("q", {}, (i, i + 1)), xr.Dataset({"x": i})) for i in range(2)]
    with pytest.raises(ValueError, match="part 'q' do not fit together"):
        combine(constants)


def test_values_that_are_not_finite_are_counted() -> None:
    shard = Shard("q", {}, (0, 4))
    bad = xr.Dataset({"x": ("member", [1, np.nan, np.inf, 0.0]), "n": ("member", [1, 2, 3, 4])})
    assert count_not_finite([(shard, bad)]) == ["2 of 4 values of q/x are not finite"]
