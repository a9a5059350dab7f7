"""From the datasets of shards to one dataset per part."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from widthwise.experiments.shard import Shard

Measured = tuple[Shard, xr.Dataset]


def combine(measured: Sequence[Measured]) -> xr.DataTree:
    """Join shards: members along ``member``, each setting a dimension, each part a node.

    A full grid of settings with equal members gives full arrays. Where a setting has fewer members,
    or is missing from the grid, floating-point arrays are filled with NaN.

    Raises
    ------
    ValueError
        If the shards of a part do not fit together.
    """
    parts: dict[str, list[Measured]] = {}
    for shard, dataset in measured:
        parts.setdefault(shard.part, []).append((shard, dataset))
    nodes = {}
    for part, pieces in parts.items():
        names = list(pieces[0][0].settings)
        if any(list(shard.settings) != names for shard, _ in pieces):
            raise ValueError(f"the shards of part {part!r} differ in the names of their settings")
        try:
            nodes[part] = _grid(pieces, names)
        except (ValueError, xr.AlignmentError) as error:
            raise ValueError(f"the shards of part {part!r} do not fit together: {error}") from None
    return xr.DataTree.from_dict(nodes)


def count_not_finite(measured: Sequence[Measured]) -> list[str]:
    """Return one sentence for every measured variable with values that are not finite."""
    bad: dict[tuple[str, str], tuple[int, int]] = {}
    for shard, dataset in measured:
        for name, variable in dataset.data_vars.items():
            if variable.dtype.kind == "f":
                found, total = bad.get((shard.part, str(name)), (0, 0))
                here = int(np.sum(~np.isfinite(variable.values)))
                bad[shard.part, str(name)] = (found + here, total + variable.size)
    return [
        f"{found} of {total} values of {part}/{name} are not finite"
        for (part, name), (found, total) in bad.items()
        if found
    ]


def _grid(pieces: Sequence[Measured], names: Sequence[str]) -> xr.Dataset:
    """Return one dataset whose leading dimensions are the settings, in order of appearance."""
    if not names:
        return _members(pieces)
    first, *rest = names
    values = list(dict.fromkeys(shard.settings[first] for shard, _ in pieces))
    slices = [
        _grid([piece for piece in pieces if piece[0].settings[first] == value], rest)
        for value in values
    ]
    index = xr.Variable(first, np.asarray(values))
    return _join([piece.expand_dims({first: [0]}) for piece in slices], first).assign_coords(
        {first: index}
    )


def _members(pieces: Sequence[Measured]) -> xr.Dataset:
    """Put the pieces of one setting side by side in order of their members."""
    numbered = []
    for shard, dataset in sorted(pieces, key=lambda piece: piece[0].members):
        if "member" in dataset.dims:
            if dataset.sizes["member"] != shard.size:
                raise ValueError(
                    f"{shard.label}: expected {shard.size} along 'member', "
                    f"got {dataset.sizes['member']}"
                )
            dataset = dataset.assign_coords(member=np.arange(*shard.members))
        numbered.append(dataset)
    return _join(numbered, "member")


def _join(datasets: Sequence[xr.Dataset], dimension: str) -> xr.Dataset:
    if len(datasets) == 1:
        return datasets[0].drop_attrs(deep=False)
    return xr.concat(
        datasets,
        dim=dimension,
        data_vars="minimal",
        coords="minimal",
        compat="equals",
        join="outer",
        combine_attrs="drop",
    )
