"""From a study to a run file and back; folders that already hold something."""

import json
import logging
import shutil
import sys
from pathlib import Path

import pytest
import xarray as xr
from coin_study import CoinStudy, FaultyCoin
from matplotlib.figure import Figure

from widthwise.experiments import Run
from widthwise.experiments import run as run_module

STUDY = CoinStudy.quick()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return STUDY.run(tmp_path_factory.mktemp("runs"))


def copy_of(run: Run, folder: Path) -> Path:
    target = folder / run.path.parent.name
    target.mkdir()
    for file in run.path.parent.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def numbers(run: Run) -> xr.Dataset:
    return run.measurement.children["tosses"].to_dataset()


def test_the_file_says_it_all(finished: Run) -> None:
    assert finished.path.parent.name == f"coin-study-{STUDY.identity}"
    assert sorted(path.name for path in finished.path.parent.iterdir()) == ["run.nc", "study.json"]
    loaded = Run.load(finished.path)
    assert loaded.to_json() == finished.to_json()
    assert loaded.claims == finished.claims
    assert loaded.reference == STUDY.reference
    assert loaded.described == STUDY.describe()
    assert loaded.provenance == finished.provenance
    xr.testing.assert_identical(numbers(loaded), numbers(finished))
    xr.testing.assert_identical(
        loaded.prediction.children["tosses"].to_dataset(),
        finished.prediction.children["tosses"].to_dataset(),
    )
    assert [picture.name for picture in loaded.figures()] == ["variance"]


def test_provenance_reproduces(finished: Run) -> None:
    kept = finished.provenance
    assert kept["command"] == "widthwise run coin_study:CoinStudy --widths 16 --members 200"
    assert kept["class"] == "coin_study:CoinStudy"
    assert kept["seed"] == 0
    assert kept["shards"] == 2
    assert {"jax", "numpy", "widthwise"} <= kept["versions"].keys()
    assert kept["shard_cpu_seconds"] > 0


def test_a_finished_run_is_loaded(finished: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "widthwise"):
        again = STUDY.run(finished.path.parent.parent)
    assert again.provenance == finished.provenance
    assert "is finished: loaded, not measured again" in caplog.text
    assert STUDY.run(finished.path.parent).path == finished.path


def test_again_measures_anew(finished: Run, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path)
    again = STUDY.run(folder, again=True)
    assert again.provenance["wall_seconds"] != finished.provenance["wall_seconds"]
    xr.testing.assert_identical(numbers(again), numbers(finished))


def test_a_damaged_run_is_refused_and_measured_again(
    finished: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = copy_of(finished, tmp_path)
    file = folder / "run.nc"
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(ValueError, match="cut short or damaged: run the study again"):
        Run.load(folder)
    again = STUDY.run(tmp_path)
    assert "measured again" in caplog.text
    xr.testing.assert_identical(numbers(again), numbers(finished))


def test_half_the_shards_are_enough_to_resume(
    finished: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = STUDY.run(tmp_path, keep_shards=True)
    first.path.unlink()
    kept, lost = sorted((first.path.parent / "shards").glob("tosses*"))
    stamp = kept.stat().st_mtime_ns
    lost.write_bytes(lost.read_bytes()[:1000])
    with caplog.at_level(logging.INFO, "widthwise"):
        resumed = STUDY.run(tmp_path, keep_shards=True)
    assert kept.stat().st_mtime_ns == stamp
    assert f"{lost.name} is cut short or damaged: measured again" in caplog.text
    assert "1 of 2 shards are kept from before" in caplog.text
    xr.testing.assert_identical(numbers(resumed), numbers(finished))


def test_folders_of_others(finished: Run, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path)
    with pytest.raises(ValueError, match=r"is the run coin-study-.*, not coin-study-.* choose"):
        CoinStudy(seed=5).run(folder)
    with pytest.raises(ValueError, match=r"is the run coin-study-.*, not faulty-coin-.* choose"):
        FaultyCoin().run(folder)
    manifest = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps(manifest | {"schema": 99}))
    with pytest.raises(ValueError, match="made by another version of widthwise"):
        STUDY.run(tmp_path)
    (folder / "study.json").write_text("{")
    with pytest.raises(ValueError, match=r"study\.json is damaged: delete"):
        STUDY.run(tmp_path)
    (folder / "study.json").unlink()
    with pytest.raises(ValueError, match=r"part of a run but no study\.json"):
        STUDY.run(tmp_path)


def test_places_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match="cannot be written"):
        STUDY.run(tmp_path / "file")


def test_what_cannot_be_loaded(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"does not exist \(did you mean 'run.nc'\?\)"):
        Run.load(finished.path.with_name("rum.nc"))
    with pytest.raises(ValueError, match="holds no run"):
        Run.load(tmp_path)
    folder = copy_of(finished, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(run_module, "SCHEMA", 99)
        with pytest.raises(ValueError, match="another version of widthwise"):
            Run.load(folder)
    (folder / "run.nc").unlink()
    with pytest.raises(ValueError, match="is an unfinished run"):
        Run.load(folder)


def test_figures_need_the_study_that_made_them(
    finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(CoinStudy, "revision", 2)
        with pytest.raises(ValueError, match="made by revision 1 of coin-study"):
            finished.figures()
    monkeypatch.setitem(sys.modules, "coin_study", None)
    with pytest.raises(ValueError, match="cannot be imported here"):
        finished.figures()


def test_nan_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT", "nan")
    run = FaultyCoin.quick().run(tmp_path)
    assert run.warnings == ("1 of 200 values of tosses/mean are not finite",)
    assert Run.load(run.path).warnings == run.warnings


def test_a_figure_is_drawn_again_on_axes_and_in_a_style(finished: Run, tmp_path: Path) -> None:
    """From the file alone."""
    alone = Run.load(shutil.copy(finished.path, tmp_path))
    usual = alone.figure("variance")
    own = Figure()
    left, right = own.subplots(1, 2)
    again = alone.figure("variance", ax=right, style={"lines.linewidth": 7})
    assert again.figure is own
    assert again.csv().replace("\n2,", "\n1,") == usual.csv()
    assert not left.lines
    assert right.lines[0].get_linewidth() == pytest.approx(7)
    assert alone.figures(style="paper")[0].figure.get_figwidth() == pytest.approx(3.4)
    with pytest.raises(ValueError, match="picture 'variance': 2 axes were given for 1 panel"):
        alone.figure("variance", ax=[left, right])
    with pytest.raises(KeyError, match="no picture is named 'varience'"):
        alone.figure("varience", ax=left)
    with pytest.raises(ValueError, match="style 'papper' is neither"):
        alone.figures(style="papper")
