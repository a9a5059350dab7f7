"""Full disks, two drivers, wrong clocks and random kills: nothing is lost, nothing is wrong."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import xarray as xr
from coin_study import CoinStudy

from widthwise.experiments import Run, ShardError, Study
from widthwise.experiments.status import progress_of

pytestmark = pytest.mark.usefixtures("importable")
STUDY = CoinStudy(widths=(16, 64), members=300)
WORDS = ("run", "coin_study:CoinStudy", "--members", "300", "--json")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return STUDY.run(tmp_path_factory.mktemp("whole"))


def program(*words: str, before: str = "", under: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start the command line in a process of its own, after some lines of Python."""
    return subprocess.Popen(
        [
            *under,
            sys.executable,
            "-c",
            f"{before}\nfrom widthwise.cli import main\nexit(main())",
            *words,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def same_numbers(one: Run, other: Run) -> None:
    xr.testing.assert_identical(
        one.measurement["tosses"].to_dataset(), other.measurement["tosses"].to_dataset()
    )
    assert one.claims == other.claims


def folder_of(study: Study, out: Path) -> Path:
    return out / f"{study.name}-{study.identity}"


def test_a_full_disk_is_said_in_one_line(tmp_path: Path, whole: Run) -> None:
    """No file may grow beyond 4 kB: what a full disk or a quota does to a write."""
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
    )
    with program(*WORDS, "--out", str(tmp_path), "--workers", "1", before=limit) as process:
        out, err = process.communicate()
    assert process.returncode == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1, err
    assert list(folder_of(STUDY, tmp_path).glob("shards/*.part")) == []
    same_numbers(STUDY.run(tmp_path), whole)


def test_a_folder_that_became_read_only(tmp_path: Path, whole: Run) -> None:
    """After the last shard and before the run file: nothing is lost."""
    under: list[str] = []
    if os.geteuid() == 0:  # whom no mode of a folder keeps out, unless that power is given up
        if shutil.which("setpriv") is None:
            pytest.skip("root needs setpriv to be kept out of a folder")
        under = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    STUDY.run(tmp_path, keep_shards=True).path.unlink()
    folder = folder_of(STUDY, tmp_path)
    folder.chmod(0o555)
    words = (*WORDS, "--out", str(tmp_path), "--workers", "1")
    with program(*words, under=under) as process:
        out, err = process.communicate()
    folder.chmod(0o755)
    assert (process.returncode, out) == (2, ""), err
    (line,) = err.strip().splitlines()
    assert "run.nc" in line or str(folder) in line
    assert len(list(folder.glob("shards/*.nc"))) == 7
    same_numbers(STUDY.run(tmp_path), whole)


def test_two_drivers_on_one_folder_do_no_harm(tmp_path: Path, whole: Run) -> None:
    words = (*WORDS, "--out", str(tmp_path), "--workers", "1")
    with program(*words) as one, program(*words) as other:
        results = [process.communicate() for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0), results
    claims = [json.loads(out)["claims"] for out, _ in results]
    assert claims[0] == claims[1] == [claim.to_json() for claim in whole.claims]


def test_a_driver_whose_shards_another_one_cleared(tmp_path: Path, whole: Run) -> None:
    """The other one finishes between the last shard and the joining."""

    class Late:
        def submit(self, function, /, *arguments):
            function(*arguments)
            if len(list(folder_of(STUDY, tmp_path).glob("shards/*.nc"))) == 7:
                STUDY.run(tmp_path)
            return self

        def done(self) -> bool:
            return True

        def result(self) -> None:
            return None

    same_numbers(STUDY.run(tmp_path, executor=Late()), whole)


def test_flipped_bits_are_found(tmp_path: Path, whole: Run) -> None:
    STUDY.run(tmp_path, keep_shards=True).path.unlink()
    rng = random.Random(0)
    for file in folder_of(STUDY, tmp_path).glob("shards/*.nc"):
        content = bytearray(file.read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        file.write_bytes(content)
    assert progress_of(folder_of(STUDY, tmp_path), STUDY).done == 0
    same_numbers(STUDY.run(tmp_path), whole)


def test_clocks_that_go_backwards(tmp_path: Path, whole: Run) -> None:
    STUDY.run(tmp_path, keep_shards=True).path.unlink()
    folder = folder_of(STUDY, tmp_path)
    shards = sorted(folder.glob("shards/tosses*.nc"))
    for file in shards:
        os.utime(file, (time.time() + 1e6, time.time() + 1e6))
    shards[0].unlink()
    note = {"host": "elsewhere", "pid": 1, "start": time.time() + 3600}
    shards[0].with_suffix(".running").write_text(json.dumps(note))
    state = progress_of(folder, STUDY)
    assert (state.done, state.running, state.missing) == (6, 1, 1)
    assert state.seconds_left is not None
    assert state.seconds_left >= 0
    same_numbers(STUDY.run(tmp_path), whole)


def test_no_memory_for_a_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(self, shard, key):
        raise MemoryError("cannot allocate 9 TiB")

    monkeypatch.setattr(CoinStudy, "measure", measure)
    with pytest.raises(ShardError, match="members 0-99 failed with MemoryError: cannot allocate"):
        STUDY.run(tmp_path)


@pytest.mark.slow
def test_fifty_kills_at_random_moments(tmp_path: Path, whole: Run) -> None:
    rng = random.Random(1)
    words = (*WORDS, "--out", str(tmp_path), "--workers", "2")
    begin = time.monotonic()
    program(*words).communicate()
    usual = time.monotonic() - begin
    kills = 0
    while kills < 50:
        for file in folder_of(STUDY, tmp_path).glob("run.nc"):
            same_numbers(Run.load(file), whole)
            file.unlink()
        with program(*words) as process:
            timer = threading.Timer(rng.uniform(0.3, 1.0) * usual, process.kill)
            timer.start()
            process.communicate()
            timer.cancel()
        kills += process.returncode == -signal.SIGKILL
    same_numbers(STUDY.run(tmp_path), whole)
