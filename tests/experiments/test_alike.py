"""Files that are alike are read as one by one; one that differs is noticed."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from widthwise.experiments import store
from widthwise.experiments.alike import read_alike

RNG = np.random.default_rng(0)


def plain(members: int = 3, **more) -> xr.Dataset:
    values = RNG.standard_normal((members, 2))
    values[0, 0] = np.nan
    data = {"value": (("member", "i"), values), "count": ("member", np.arange(members))}
    return xr.Dataset(data | more, {"i": [5, 7]}, {"wall_seconds": 0.5})


DATASETS = {
    "alike": [plain(), plain(), plain(2)],
    "more variables": [plain(), plain(other=1.5), plain()],
    "another type": [plain(), plain().assign(count=("member", [0.5, 1.5, 2.5])), plain()],
    "transposed": [plain(2), plain(2).transpose("i", "member"), plain(2)],
    "text, units, truth": [plain(a="b", c=((), True)), plain(a="c", c=((), False))],
    "attributes": [plain(x=((), 1.0, {"unit": "s"})), plain(x=((), 2.0, {"unit": "m"}))],
    "scalars": [xr.Dataset({"x": 1.0}), xr.Dataset({"x": 2.0})],
}


@pytest.mark.parametrize("name", DATASETS)
def test_what_is_read_is_what_reading_one_by_one_gives(tmp_path: Path, name: str) -> None:
    paths = [tmp_path / f"{number}.nc" for number in range(len(DATASETS[name]))]
    for path, dataset in zip(paths, DATASETS[name], strict=True):
        store.write_dataset(dataset, path)
    for path, found in zip(paths, read_alike(paths), strict=True):
        xr.testing.assert_identical(found, store.read_dataset(path))


def test_damage_is_found(tmp_path: Path) -> None:
    paths = [tmp_path / "0.nc", tmp_path / "1.nc"]
    for path in paths:
        store.write_dataset(plain(), path)
    content = bytearray(paths[1].read_bytes())
    content[len(content) // 2] ^= 1
    paths[1].write_bytes(content)
    with pytest.raises(store.DamagedFile, match=r"1\.nc"):
        list(read_alike(paths))
