"""The same numbers wherever shards are measured, and clear words when one cannot be."""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from coin_study import CoinStudy, FaultyCoin, LinearAlgebra

from widthwise.experiments import Executor, ProcessPool, Run, Serial, ShardError

pytestmark = pytest.mark.usefixtures("importable")
STUDY = LinearAlgebra(widths=(16,), members=200)


def numbers(run: Run) -> xr.Dataset:
    return run.measurement.children["tosses"].to_dataset()


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return STUDY.run(tmp_path_factory.mktemp("serial"))


def test_pool_gives_the_same_bits(serial: Run, tmp_path: Path) -> None:
    xr.testing.assert_identical(numbers(STUDY.run(tmp_path, workers=2)), numbers(serial))


def test_any_executor_will_do(serial: Run, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        assert isinstance(threads, Executor)
        run = STUDY.run(tmp_path, executor=threads)
    xr.testing.assert_identical(numbers(run), numbers(serial))


def test_order_of_completion_is_irrelevant(serial: Run, tmp_path: Path) -> None:
    class Backwards:
        """Finishes the last piece of work first."""

        def __init__(self) -> None:
            self.work: list[tuple[Future, Callable, tuple]] = []

        def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future:
            future: Future = Future()
            done = future.done

            def finish_one() -> bool:
                if self.work and not done():
                    last, call, given = self.work.pop()
                    last.set_result(call(*given))
                return done()

            future.done = finish_one
            self.work.append((future, function, arguments))
            return future

    run = STUDY.run(tmp_path, executor=Backwards())
    xr.testing.assert_identical(numbers(run), numbers(serial))


def test_a_failing_shard_is_named_and_the_rest_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = FaultyCoin(widths=(16,), members=300)
    monkeypatch.setenv("FAULT", "raise")
    message = "tosses width=16 members 100-199 failed with ZeroDivisionError: the coin stands"
    with pytest.raises(ShardError, match=message):
        study.run(tmp_path)
    shards = tmp_path / f"faulty-coin-{study.identity}" / "shards"
    assert sorted(file.suffix for file in shards.iterdir()) == [".failed", ".nc", ".nc"]
    note = json.loads(next(shards.glob("*.failed")).read_text())
    assert note["error"] == "ZeroDivisionError: the coin stands on its edge"
    assert "in measure" in note["traceback"]
    assert note["command"].startswith(f"widthwise shard {shards.parent} --only tosses-width=16-")
    monkeypatch.delenv("FAULT")
    healed = study.run(tmp_path)
    whole = CoinStudy(widths=(16,), members=300).run(tmp_path)
    xr.testing.assert_identical(numbers(healed), numbers(whole))


def test_a_dead_worker_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT", "kill")
    study = FaultyCoin(widths=(16,), members=300)
    with pytest.raises(ShardError, match="a worker process died"):
        study.run(tmp_path, workers=2)
    monkeypatch.delenv("FAULT")
    assert len(study.run(tmp_path).claims) == 1


def test_impossible_numbers_of_workers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workers must be >= 1"):
        CoinStudy().run(tmp_path, workers=0)
    with pytest.raises(ValueError, match="workers must be >= 1"):
        ProcessPool(0)
    assert list(tmp_path.iterdir()) == []


def test_the_protocols() -> None:
    assert isinstance(Serial(), Executor)
    assert Serial().submit(divmod, 7, 2).result() == (3, 1)
