"""Crossed parameters, and what befalls single shards while all others go on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from coin_study import CoinStudy, FaultyCoin

from widthwise.experiments import ShardError, Sweep
from widthwise.experiments.piece import read_note
from widthwise.experiments.status import progress_of

pytestmark = pytest.mark.usefixtures("importable")
FAULTY = Sweep(FaultyCoin(widths=(16,), members=300), {"bias": [0.3, 0.5]})


def test_every_combination_in_order() -> None:
    sweep = Sweep(CoinStudy.quick(), {"bias": [0.2, 0.4], "seed": range(3)})
    made = [(study.parameters["bias"], study.seed) for study in sweep.studies]
    assert made == [(b, s) for b in (0.2, 0.4) for s in range(3)]
    assert all(study.parameters["members"] == 200 for study in sweep.studies)


@pytest.mark.parametrize(
    ("crossed", "message"),
    [
        ({"bais": [0.3]}, "bais is not a parameter .did you mean 'bias'"),
        ({"bias": "0.3"}, "bias is '0.3': give a list"),
        ({"bias": []}, "bias has no values"),
        ({"bias": [0.3, 2.0]}, "bias should be less than 1"),
        ({"widths": [[4], [4, 4]]}, "widths must be distinct"),
        ({"seed": [1, 1]}, "the same run is asked for twice"),
    ],
)
def test_wrong_sweeps(crossed: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sweep(CoinStudy.quick(), crossed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("studdy = 1", "unknown studdy .did you mean 'study'"),
        ("sweep = 3", "sweep is no table"),
        ("[sweep", "sweep.toml: "),
        ('preset = "quik"', "did you mean 'quick'"),
    ],
)
def test_wrong_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        Sweep.from_toml(CoinStudy, path)


def test_a_file_and_its_runs(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text('study = "coin"\npreset = "quick"\n[parameters]\nmembers = 100\n'
                    "[sweep]\nbias = [0.2, 0.4]\n")  # fmt: skip
    sweep = Sweep.from_toml(CoinStudy, path)
    runs = sweep.run(tmp_path)
    assert [run.parameters["bias"] for run in runs] == [0.2, 0.4]
    alone = CoinStudy(widths=(16,), members=100, bias=0.4).run(tmp_path / "alone")
    xr.testing.assert_identical(
        runs[1].measurement["tosses"].to_dataset(), alone.measurement["tosses"].to_dataset()
    )


@pytest.mark.parametrize(
    ("fault", "workers", "limit", "reason"),
    [
        ("raise", 1, None, "ZeroDivisionError: the coin stands on its edge"),
        ("kill", 2, None, "a worker process died"),
        ("wait", 1, 12.0, "TimeoutError: it took more than 12 s"),
    ],
)
def test_a_fault_costs_its_own_shard_only(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    workers: int,
    limit: float | None,
    reason: str,
) -> None:
    monkeypatch.setenv("FAULT", fault)
    monkeypatch.setenv("WAITING", str(tmp_path / "waiting"))
    sweep = FAULTY if fault == "raise" else Sweep(FAULTY.study, {"bias": [0.3]})
    with pytest.raises(ShardError, match=f"{len(sweep.studies)} of the pieces failed"):
        sweep.run(tmp_path, workers=workers, time_limit=limit)
    for study in sweep.studies:
        state = progress_of(tmp_path / f"faulty-coin-{study.identity}", study)
        assert (state.done, state.missing, state.running, state.finished) == (3, 1, 0, False)
        (failed,) = state.failed
        assert failed.label == "shard tosses width=16 members 100-199"
        assert failed.error.startswith(reason)
        assert state.seconds_left is not None
        assert 0 < state.seconds_left < 3600 * state.cpu_hours
    monkeypatch.delenv("FAULT")
    healed = sweep.run(tmp_path)
    whole = CoinStudy(widths=(16,), members=300).run(tmp_path / "whole")
    xr.testing.assert_identical(
        healed[0].measurement["tosses"].to_dataset(), whole.measurement["tosses"].to_dataset()
    )


def test_notes_that_were_never_finished_are_no_notes(tmp_path: Path) -> None:
    (tmp_path / "a.running").write_text('{"host": "h", "pi')
    assert read_note(tmp_path / "a.running") is None
    assert read_note(tmp_path / "b.running") is None
