"""A run that is killed or interrupted goes on where it stopped, with the same numbers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr
from coin_study import CoinStudy, FaultyCoin

from widthwise.experiments import Run

pytestmark = pytest.mark.usefixtures("importable")
STUDY = FaultyCoin(widths=(16,), members=300)
WORDS = ["run", "coin_study:FaultyCoin", "--widths", "16", "--members", "300"]


# Where the suite runs in the background Ctrl-C is ignored, also by its children.
PROGRAM = """import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("widthwise.cli", run_name="__main__")"""


def start(out: Path, fault: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *WORDS, "--out", str(out), *words],
        env=os.environ | {"FAULT": fault, "WAITING": str(out / "waiting")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(process: subprocess.Popen[str], out: Path, kept: int) -> None:
    """Wait until one shard waits and so many others are finished."""
    while process.poll() is None and not ((out / "waiting").exists() and len(shards(out)) == kept):
        time.sleep(0.1)
    time.sleep(0.2)


def shards(out: Path) -> list[Path]:
    return sorted((out / f"faulty-coin-{STUDY.identity}" / "shards").glob("tosses*.nc"))


def equals_a_fresh_run(resumed: Run, folder: Path) -> None:
    fresh = CoinStudy(widths=(16,), members=300).run(folder)
    xr.testing.assert_identical(
        resumed.measurement.children["tosses"].to_dataset(),
        fresh.measurement.children["tosses"].to_dataset(),
    )


def test_kill_minus_nine(tmp_path: Path) -> None:
    with start(tmp_path, "kill", "--workers", "1") as process:
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    (kept,) = shards(tmp_path)
    stamp = kept.stat().st_mtime_ns
    resumed = STUDY.run(tmp_path, keep_shards=True)
    assert kept.stat().st_mtime_ns == stamp
    equals_a_fresh_run(resumed, tmp_path)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c(tmp_path: Path, workers: int) -> None:
    with start(tmp_path, "wait", "--workers", str(workers)) as process:
        wanted = 1 if workers == 1 else 2
        wait_for(process, tmp_path, wanted)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130, err
    assert out == ""
    (line,) = err.strip().splitlines()
    assert f"interrupted with {wanted} of 3 shards in" in line
    assert "the same command resumes" in line
    equals_a_fresh_run(STUDY.run(tmp_path), tmp_path)


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    with start(tmp_path, "wait", "--workers", "2") as process:
        wait_for(process, tmp_path, 2)
        process.kill()
        process.communicate()  # returns only when every worker has closed its ends of the pipes
    assert process.returncode == -signal.SIGKILL
