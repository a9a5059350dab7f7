"""A study small enough for these tests, with every kind of claim and of picture."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from annotated_types import Ge, MinLen
from typing_extensions import Doc

from widthwise.experiments import Claim, Reference, Shard, Study, member_keys
from widthwise.plotting import (
    Picture,
    cobweb,
    diagonal,
    heatmap,
    legend,
    log_axis,
    measured,
    new_figure,
    square,
    theory,
)


@dataclass(frozen=True, kw_only=True)
class AverageNoise(Study):
    """Averages of independent numbers."""

    question: ClassVar[str] = (
        "How fast does the average of independent numbers settle, and is 1 < 2 & 2 > 1?"
    )
    reference: ClassVar[Reference] = Reference(
        title="The doctrine of <chances>",
        authors=("Abraham de Moivre",),
        year=1718,
        arxiv="2510.06527",
    )
    revision: ClassVar[int] = 1

    widths: Annotated[
        tuple[Annotated[int, Ge(1)], ...], MinLen(1), Doc("Numbers in each average.")
    ] = (16, 64, 256)
    members: Annotated[int, Ge(2), Doc("Averages drawn at each width.")] = 200

    def predict(self) -> xr.DataTree:
        widths = np.asarray(self.widths)
        nodes = {
            "variance": xr.Dataset({"variance": ("width", 1 / widths)}, {"width": widths}),
            "map": xr.Dataset({"image": ("rho", _map(_GRID))}, {"rho": _GRID}),
        }
        return xr.DataTree.from_dict(nodes)

    def shards(self) -> list[Shard]:
        return [Shard("variance", {"width": n}, (0, self.members)) for n in self.widths]

    def measure(self, shard: Shard, key: jax.Array) -> xr.Dataset:
        width = int(shard.settings["width"])
        keys = member_keys(key, width, shard.members)
        averages = jax.vmap(lambda k: jax.random.normal(k, (width,)).mean())(keys)
        return xr.Dataset({"square": ("member", np.asarray(jnp.square(averages)))})

    def compare(self, prediction: xr.DataTree, measurement: xr.DataTree) -> list[Claim]:
        predicted = prediction["variance"].to_dataset().variance.values
        squares = measurement["variance"].to_dataset().square
        mean = squares.mean("member").values
        error = (squares.std("member", ddof=1) / np.sqrt(self.members)).values
        claims = [
            Claim(
                name=f"variance at width {n}",
                statement="The variance of an average of n numbers is 1/n.",
                predicted=p,
                measured=m,
                standard_error=e,
                tolerance=5 * e,
                members=self.members,
            )
            for n, p, m, e in zip(self.widths, predicted, mean, error, strict=True)
        ]
        first = {"measured": mean[0], "standard_error": error[0], "members": self.members}
        return [
            *claims,
            Claim("too small", "The variance is twice 1/n: a wrong theory.", 0.125, tolerance=0.01,
                  **first),
            Claim("tight", "A tolerance far below the error.", 0.0625, tolerance=1e-6, **first),
            Claim("bounded", "The variance is at most 1.", 1.0, tolerance=0.0, kind="at_most",
                  **first),
            Claim("exact", "The map has slope π/(π − 1) at 1.", 1.466942206924260,
                  measured=1.4669422069242598, standard_error=1e-14, tolerance=1e-12),
        ]  # fmt: skip

    def figures(self, prediction: xr.DataTree, measurement: xr.DataTree) -> list[Picture]:
        return [_maps(), _variances(prediction, measurement), _cells()]


_GRID = np.linspace(-1.0, 1.0, 101)


def _map(rho):
    return (np.sqrt(1 - rho**2) + (np.pi - np.arccos(rho)) * rho - 1) / (np.pi - 1)


def _maps() -> Picture:
    figure, axes = new_figure(3, size=(3.6, 3.6), titles=("shifted ReLU", "square", "sine"))
    maps = (_map, np.square, lambda r: np.sinh(r) / np.sinh(1.0))
    for ax, function in zip(axes, maps, strict=True):
        path = [0.9]
        for _ in range(9):
            path.append(float(function(path[-1])))
        square(ax)
        diagonal(ax, "ρ = ρ′")
        theory(ax, _GRID, function(_GRID), "$C(\\rho)$")
        cobweb(ax, path, "from 0.9", color=1)
        ax.set_xlabel("correlation in $\\rho^{(\\ell)}$")
    axes[0].set_ylabel("correlation out")
    legend(axes[0])
    return Picture(
        "maps", "Three correlation maps", "Each staircase starts at 0.9 and falls to zero.", figure
    )


def _variances(prediction: xr.DataTree, measurement: xr.DataTree) -> Picture:
    squares = measurement["variance"].to_dataset().square
    error = squares.std("member", ddof=1) / np.sqrt(squares.sizes["member"])
    exact = prediction["variance"].to_dataset().variance
    figure, (ax,) = new_figure()
    for i, factor in enumerate((1.0, 0.2, 0.04)):
        theory(ax, exact.width, factor * exact, f"factor {factor:g}", color=i)
        measured(
            ax, squares.width, factor * squares.mean("member"), factor * error,
            f"factor {factor:g}", color=i,
        )  # fmt: skip
    log_axis(ax, "both")
    log_axis(ax, "x", base=2, ticks=squares.width.values)
    ax.set(xlabel="width $n$", ylabel="variance")
    legend(ax)
    caption = "Lines 1/n; points ± 1 s.e. & all."
    return Picture("variance", "Variance <falls> as 1/n", caption, figure)


def _cells() -> Picture:
    figure, (ax,) = new_figure()
    x, y = np.arange(24), np.arange(16)
    heatmap(ax, x, y, np.sin(x[None, :] / 3) * np.cos(y[:, None] / 4), "height", scale="diverging")
    ax.set(xlabel="depth", ylabel="width")
    return Picture("cells", "A landscape", "Waves.", figure)
