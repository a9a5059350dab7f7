"""A study whose shards only take time: what remains is the cost of the machinery."""

import time
from dataclasses import dataclass
from typing import Annotated

import jax
import numpy as np
import xarray as xr
from annotated_types import Ge
from typing_extensions import Doc

from widthwise.experiments import Claim, Reference, Shard, Study
from widthwise.plotting import Picture


@dataclass(frozen=True, kw_only=True)
class Spin(Study):
    """Each shard takes so many seconds of a processor, and returns as many numbers."""

    question = "What does a shard cost beside its work?"
    reference = Reference(title="None", authors=("Nobody",), year=2026)
    revision = 1

    shards_count: Annotated[int, Ge(1), Doc("Shards.")] = 20
    settings: Annotated[int, Ge(1), Doc("Settings, among which they are divided.")] = 1
    seconds: Annotated[float, Ge(0), Doc("Processor seconds of each.")] = 0.0
    numbers: Annotated[int, Ge(1), Doc("Numbers that each returns.")] = 8

    def predict(self) -> xr.DataTree:
        return xr.DataTree.from_dict({"spin": xr.Dataset({"mean": 0.5})})

    def shards(self) -> list[Shard]:
        each = -(-self.shards_count // self.settings)
        return [
            Shard("spin", {"width": number // each}, (number % each, number % each + 1))
            for number in range(self.shards_count)
        ]

    def measure(self, shard: Shard, key: jax.Array) -> xr.Dataset:
        del key
        end = time.thread_time() + self.seconds
        while time.thread_time() < end:
            sum(range(10_000))
        rng = np.random.default_rng([shard.members[0], int(shard.settings["width"])])
        return xr.Dataset({"value": (("member", "i"), rng.random((1, self.numbers)))})

    def compare(self, prediction: xr.DataTree, measurement: xr.DataTree) -> list[Claim]:
        del prediction
        mean = float(measurement["spin"]["value"].mean())
        error = (12 * self.shards_count * self.numbers) ** -0.5
        return [Claim("mean", "The mean is one half.", 0.5, mean, error, 0.1)]

    def figures(self, prediction: xr.DataTree, measurement: xr.DataTree) -> list[Picture]:
        del prediction, measurement
        return []
