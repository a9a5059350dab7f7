"""A piece of a study's measurement: pure data, one file, and the random keys of its members."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import jax
from jaxtyping import Key

from widthwise.numerics.draws import numbered_keys

Setting = str | int | float | bool


@dataclass(frozen=True)
class Shard:
    """The smallest piece of measurement that is computed, stored and resumed as a whole.

    Parameters
    ----------
    part
        Which part of the study it belongs to: the node of the measurement tree.
    settings
        Where it stands in the part's grid; each key becomes a dimension of the combined result.
    members
        First member and one past the last: ``(0, 64)``. Members of shards with equal settings
        are joined along the dimension ``member``.

    Examples
    --------
    >>> shard = Shard("covariance", {"width": 64}, (0, 128))
    >>> shard.label, shard.size
    ('covariance width=64 members 0-127', 128)
    """

    part: str
    settings: Mapping[str, Setting]
    members: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        start, stop = self.members
        if not 0 <= start < stop:
            raise ValueError(
                f"a shard has members (start, stop) with 0 <= start < stop, not {self.members}"
            )
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", self.part):
            raise ValueError(f"the part of a shard is one word of letters, not {self.part!r}")
        if "member" in self.settings:
            raise ValueError("'member' is not a setting: give the range as members=(start, stop)")

    @property
    def size(self) -> int:
        """How many members it has."""
        return self.members[1] - self.members[0]

    @property
    def label(self) -> str:
        """The shard in words, for messages."""
        settings = " ".join(f"{name}={value}" for name, value in self.settings.items())
        middle = f" {settings}" if settings else ""
        return f"{self.part}{middle} members {self.members[0]}-{self.members[1] - 1}"

    @property
    def stem(self) -> str:
        """The name of its file without extension: readable, and unique through a short hash."""
        exact = json.dumps([self.part, dict(self.settings), self.members], sort_keys=True)
        digest = hashlib.sha256(exact.encode()).hexdigest()[:8]
        readable = re.sub(r"[^A-Za-z0-9=.]+", "-", self.label)[:80]
        return f"{readable}-{digest}"


def shards_of(
    part: str, settings: Mapping[str, Setting], *, members: int, batch: int
) -> list[Shard]:
    """Cut ``members`` members into shards of at most ``batch``.

    Examples
    --------
    >>> [shard.members for shard in shards_of("a", {}, members=5, batch=2)]
    [(0, 2), (2, 4), (4, 5)]
    """
    return [
        Shard(part, settings, (start, min(start + batch, members)))
        for start in range(0, members, batch)
    ]


def member_keys(
    key: Key[jax.Array, ""], width: int, members: tuple[int, int]
) -> Key[jax.Array, " member"]:
    """Return the random keys of a range of members.

    A member's key depends on the study's key, the width and its own index alone, so it is the same
    however the members are cut into shards.

    Parameters
    ----------
    key
        The key that ``Study.measure`` receives.
    width
        The width of the network, or any non-negative integer that separates the ensembles.
    members
        First index and one past the last.
    """
    (ensemble,) = numbered_keys(key, width, width + 1)
    return numbered_keys(ensemble, *members)
