"""Shards are pure data; the random numbers of a member do not know how shards were cut."""

import jax
import numpy as np
import pytest

from widthwise.experiments import Shard, member_keys, shards_of


def test_keys_do_not_depend_on_the_cut(key: jax.Array) -> None:
    whole = jax.random.key_data(member_keys(key, 64, (0, 10)))
    pieces = [jax.random.key_data(member_keys(key, 64, s)) for s in ((0, 3), (3, 4), (4, 10))]
    assert np.array_equal(whole, np.concatenate(pieces))
    other = jax.random.key_data(member_keys(key, 65, (0, 10)))
    assert len(np.unique(np.concatenate([whole, other]), axis=0)) == 20


def test_file_names_are_unique_and_harmless() -> None:
    shards = [
        Shard("a", {"x": value}, members)
        for value in (1, 1.5, "1", "../../etc", "a b", True)
        for members in ((0, 1), (0, 2), (1, 2))
    ]
    stems = {shard.stem for shard in shards}
    assert len(stems) == len(shards)
    assert all("/" not in stem and " " not in stem and len(stem) < 120 for stem in stems)


def test_cutting() -> None:
    cut = shards_of("a", {"width": 3}, members=10, batch=4)
    assert [shard.members for shard in cut] == [(0, 4), (4, 8), (8, 10)]
    assert cut[2].label == "a width=3 members 8-9"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", {}, (3, 3)), "0 <= start < stop"),
        (("a", {}, (-1, 3)), "0 <= start < stop"),
        (("a/b", {}, (0, 1)), "one word"),
        (("a", {"member": 1}, (0, 1)), "not a setting"),
    ],
)
def test_impossible_shards(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Shard(*arguments)
