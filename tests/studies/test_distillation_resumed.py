"""The phase diagram of ten loads and ten fractions: killed, and resumed by two processes."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr

from widthwise.studies import MemorizedDistillation

LOADS = (0.4, 0.7, 1.0, 1.3, 1.6, 1.9, 2.3, 2.6, 3.0, 3.5)


@pytest.mark.slow
def test_killed_and_resumed_by_other_processes(tmp_path: Path):
    study = dataclasses.replace(MemorizedDistillation.quick(), loads=LOADS)
    command = [sys.executable, "-m", "widthwise.cli", "run", study.name, "--preset", "quick"]
    command += ["--loads", *map(str, LOADS), "--workers", "1", "--out", str(tmp_path / "a")]
    folder = tmp_path / "a" / f"{study.name}-{study.identity}" / "shards"
    process = subprocess.Popen(command, start_new_session=True)
    while process.poll() is None and len(list(folder.glob("linear*.nc"))) < 4:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = {file: file.stat().st_mtime_ns for file in folder.glob("linear*.nc")}
    assert len(before) >= 4
    resumed = study.run(tmp_path / "a", workers=2, keep_shards=True)
    assert {file: file.stat().st_mtime_ns for file in before} == before
    fresh = study.run(tmp_path / "b")
    for name, part in fresh.measurement.children.items():
        xr.testing.assert_identical(
            part.to_dataset(), resumed.measurement.children[name].to_dataset()
        )
    sizes = fresh.measurement["linear"].sizes
    assert sizes["load"] == sizes["fraction"] == 10
