"""Files are whole or not there, and every damage is seen."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise.experiments.store import (
    DamagedFile,
    read_dataset,
    read_tree,
    write_dataset,
    write_tree,
)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "sealed.nc"
    write_dataset(dataset(), path)
    return path


def dataset() -> xr.Dataset:
    return xr.Dataset(
        {
            "x": (("member", "kind"), np.arange(6.0).reshape(3, 2)),
            "flag": ("member", [True, False, True]),
            "count": ("member", np.array([1, 2, 3], dtype=np.int32)),
        },
        {"kind": ["a", "bc"]},
        attrs={"seconds": 1.5},
    )


def test_round_trip_and_any_reader(sealed: Path) -> None:
    back = read_dataset(sealed)
    xr.testing.assert_identical(back, dataset())
    assert back["count"].dtype == np.int32
    assert back["flag"].dtype == bool
    with xr.open_dataset(sealed) as plain:
        assert float(plain["x"].sum()) == 15.0
    assert [path.name for path in sealed.parent.iterdir()] == [sealed.name]


@settings(deadline=None, max_examples=30)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_seen(sealed: Path, where: float, bit: int) -> None:
    content = bytearray(sealed.read_bytes())
    content[int(where * len(content))] ^= 1 << bit
    damaged = sealed.with_name("flipped.nc")
    damaged.write_bytes(content)
    with pytest.raises(DamagedFile, match="cut short or damaged"):
        read_dataset(damaged)
    damaged.unlink()


@pytest.mark.parametrize("keep", [0, 1, 100, -1, -80, -200])
def test_any_truncation_is_seen(sealed: Path, tmp_path: Path, keep: int) -> None:
    damaged = tmp_path / "short.nc"
    damaged.write_bytes(sealed.read_bytes()[:keep])
    with pytest.raises(DamagedFile):
        read_dataset(damaged)


def test_trees(tmp_path: Path) -> None:
    tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs={"a": "b"}), "/p/q": dataset()})
    write_tree(tree, tmp_path / "tree.nc")
    back = read_tree(tmp_path / "tree.nc")
    assert back.attrs == {"a": "b"}
    assert np.array_equal(
        back.children["p"].children["q"].dataset["x"], np.arange(6.0).reshape(3, 2)
    )


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    write_dataset(dataset(), tmp_path / "x.nc")
    before = (tmp_path / "x.nc").read_bytes()
    with pytest.raises(ValueError, match="cannot serialize"):
        write_dataset(xr.Dataset({"x": ("a", [object()])}), tmp_path / "x.nc")
    assert [path.name for path in tmp_path.iterdir()] == ["x.nc"]
    assert (tmp_path / "x.nc").read_bytes() == before
