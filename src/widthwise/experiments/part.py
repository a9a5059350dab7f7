"""A part of a study: a name and five functions, usually a module."""

from typing import Any, Protocol

import jax
import xarray as xr
from jaxtyping import Key

from widthwise.experiments.claim import Claim
from widthwise.experiments.shard import Shard
from widthwise.plotting import Picture


class Part(Protocol):
    """What a study needs of each of its parts; ``study`` is the study they belong to."""

    @property
    def PART(self) -> str:
        """Its name, that of its node in prediction and measurement."""
        ...

    def predict(self, study: Any) -> xr.Dataset:
        """Return what theory says."""
        ...

    def shards(self, study: Any) -> list[Shard]:
        """Return the pieces of the measurement, all with this part's name."""
        ...

    def measure(self, study: Any, shard: Shard, key: Key[jax.Array, ""]) -> xr.Dataset:
        """Measure one of them."""
        ...

    def claims(self, study: Any, prediction: xr.Dataset, measurement: xr.Dataset) -> list[Claim]:
        """Compare."""
        ...

    def pictures(
        self, study: Any, prediction: xr.Dataset, measurement: xr.Dataset
    ) -> list[Picture]:
        """Draw both."""
        ...
