"""A sweep that lists every attempt at a shard, and what is held against one process."""

import json
import sys
from collections import Counter
from pathlib import Path

import xarray as xr

sys.path.append(str(Path(__file__).parent.parent / "experiments"))

from coin_study import CoinStudy, TalliedCoin

from widthwise.experiments import Run

SWEEP = """study = "coin_study:TalliedCoin"
[parameters]
widths = [16]
members = 1500
[sweep]
bias = [0.3, 0.5]
"""


def prepare() -> None:
    """Write the file of the sweep and an empty tally into the working directory."""
    Path("sweep.toml").write_text(SWEEP)
    Path("tally").touch()


def attempts(word: str) -> list[tuple[str, str]]:
    """List the shards that were begun, or ended, and the processes that did it."""
    lines = (line.split(" ", 2) for line in Path("tally").read_text().splitlines())
    return [(shard, process) for told, process, shard in lines if told == word]


def nothing_is_computed_twice() -> None:
    """Hold that each shard ended once."""
    ended = Counter(shard for shard, _ in attempts("end"))
    assert len(ended) == 30
    assert set(ended.values()) == {1}, "what had finished was computed twice"


def equals_one_process(printed: str, folder: Path) -> None:
    """Hold the runs, and what ``widthwise run --json`` printed, against a serial run."""
    told = [run["claims"] for run in json.loads(printed)]
    for bias, claims in zip((0.3, 0.5), told, strict=True):
        serial = CoinStudy(widths=(16,), members=1500, bias=bias).run(folder)
        identity = TalliedCoin(widths=(16,), members=1500, bias=bias).identity
        (path,) = Path("runs").glob(f"tallied-coin-{identity}/run.nc")
        joined = Run.load(path)
        xr.testing.assert_identical(
            joined.measurement["tosses"].to_dataset(), serial.measurement["tosses"].to_dataset()
        )
        assert claims == [claim.to_json() for claim in serial.claims]
