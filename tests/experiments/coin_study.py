"""Studies of the smallest kind, for testing the machinery: the variance of the mean of tosses."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from annotated_types import Ge, Gt, Lt, MinLen
from typing_extensions import Doc

from widthwise.experiments import Claim, Reference, Shard, Study, member_keys, shards_of
from widthwise.plotting import Picture, measured, new_figure, theory


@dataclass(frozen=True, kw_only=True)
class CoinStudy(Study):
    """The mean of ``width`` tosses has variance p (1 - p) / width."""

    question = "How fast does the mean of many tosses settle?"
    reference = Reference(title="Ars conjectandi", authors=("Jakob Bernoulli",), year=1713)
    revision = 1

    bias: Annotated[float, Gt(0), Lt(1), Doc("Probability of heads.")] = 0.3
    widths: Annotated[
        tuple[Annotated[int, Ge(1)], ...], MinLen(1), Doc("Tosses of one member.")
    ] = (16, 64)
    members: Annotated[int, Ge(2), Doc("Members at each width.")] = 400
    coin: Annotated[Literal["round", "square"], Doc("Shape of the coin.")] = "round"

    def check(self) -> None:
        if len(set(self.widths)) < len(self.widths):
            raise ValueError(f"widths must be distinct, not {self.widths}")

    @classmethod
    def quick(cls) -> Self:
        return cls(widths=(16,), members=200)

    def predict(self) -> xr.DataTree:
        variance = self.bias * (1 - self.bias) / np.asarray(self.widths)
        settled = xr.Dataset({"variance": ("width", variance)}, {"width": list(self.widths)})
        return xr.DataTree.from_dict({"tosses": settled})

    def shards(self) -> list[Shard]:
        return [
            shard
            for width in self.widths
            for shard in shards_of("tosses", {"width": width}, members=self.members, batch=100)
        ]

    def measure(self, shard: Shard, key: jax.Array) -> xr.Dataset:
        width = shard.settings["width"]
        assert isinstance(width, int)
        keys = member_keys(key, width, shard.members)
        tosses = jax.vmap(lambda k: jax.random.bernoulli(k, self.bias, (width,)))(keys)
        return xr.Dataset({"mean": ("member", jnp.mean(tosses.astype(float), axis=1))})

    def compare(self, prediction: xr.DataTree, measurement: xr.DataTree) -> list[Claim]:
        mean = measurement.children["tosses"].dataset["mean"]
        claims = []
        for width in self.widths:
            squares = (mean.sel(width=width) - self.bias) ** 2
            claims.append(
                Claim(
                    name=f"variance at {width}",
                    statement=f"The mean of {width} tosses has variance p (1 - p) / {width}.",
                    predicted=float(
                        prediction.children["tosses"].dataset["variance"].sel(width=width)
                    ),
                    measured=float(squares.mean()),
                    standard_error=float(squares.std(ddof=1)) / self.members**0.5,
                    tolerance=0.5 * self.bias * (1 - self.bias) / width,
                    members=self.members,
                )
            )
        return claims

    def figures(self, prediction: xr.DataTree, measurement: xr.DataTree) -> list[Picture]:
        figure, (axes,) = new_figure()
        expected = prediction.children["tosses"].dataset["variance"]
        squares = (measurement.children["tosses"].dataset["mean"] - self.bias) ** 2
        error = squares.std("member", ddof=1) / self.members**0.5
        theory(axes, expected["width"].values, expected.values, "p (1 - p) / n")
        measured(
            axes, expected["width"].values, squares.mean("member").values, error.values, "coins"
        )
        return [Picture("variance", "Variance of the mean", "It falls like 1/n.", figure)]


@dataclass(frozen=True, kw_only=True)
class FaultyCoin(CoinStudy):
    """The same coins; FAULT in the environment says what befalls the shard of members 100-199."""

    def measure(self, shard: Shard, key: jax.Array) -> xr.Dataset:
        measured = super().measure(shard, key)
        fault = os.environ.get("FAULT", "") if shard.members[0] == 100 else ""
        if fault == "raise":
            raise ZeroDivisionError("the coin stands on its edge")
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "wait":
            Path(os.environ["WAITING"]).touch()
            time.sleep(600)
        if fault == "nan":
            values = np.array(measured["mean"].data)
            values[3] = np.nan
            return xr.Dataset({"mean": ("member", values)})
        return measured


@dataclass(frozen=True, kw_only=True)
class LinearAlgebra(CoinStudy):
    """Numbers that depend on the number of threads unless that is held fixed."""

    def measure(self, shard: Shard, key: jax.Array) -> xr.Dataset:
        keys = member_keys(key, 7, shard.members)
        matrix = jax.random.normal(keys[0], (300, 300))
        symmetric = matrix @ matrix.T + jnp.eye(300)
        values = jnp.linalg.eigvalsh(symmetric) + jnp.linalg.cholesky(symmetric)[-1]
        return xr.Dataset({"mean": ("member", values[: shard.size])})


@dataclass(frozen=True, kw_only=True)
class TalliedCoin(CoinStudy):
    """The same coins, slowly; the file ``tally`` lists each attempt."""

    def measure(self, shard: Shard, key: jax.Array) -> xr.Dataset:
        name = f"{os.getpid()} {self.bias} {shard.label}\n"
        with open("tally", "a") as tally:
            tally.write(f"begin {name}")
        time.sleep(0.5)
        measured = super().measure(shard, key)
        with open("tally", "a") as tally:
            tally.write(f"end {name}")
        return measured
