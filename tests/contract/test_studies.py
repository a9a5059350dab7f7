"""What every study keeps, found by looking: a new study needs no line here."""

import json
import os
import shutil
from html import escape
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from widthwise.experiments import Claim, Run, Study, judge
from widthwise.plotting import placed
from widthwise.report import render
from widthwise.report.figures import cards
from widthwise.report.tables import Room
from widthwise.studies import find_study, study_names


@pytest.fixture(scope="module", params=[*study_names(), "coin_study:CoinStudy"])
def cls(request: pytest.FixtureRequest) -> type[Study]:
    return find_study(request.param)


@pytest.fixture(scope="module")
def serial(cls: type[Study], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The quick preset, measured once in this process; its shards are kept.

    The folder WIDTHWISE_RUNS keeps the run: the documentation shows it.
    """
    folder = os.environ.get("WIDTHWISE_RUNS") or tmp_path_factory.mktemp(cls.name)
    return cls.quick().run(folder, keep_shards=True)


def assert_same_numbers(one: Run, other: Run) -> None:
    for tree, twin in ((one.prediction, other.prediction), (one.measurement, other.measurement)):
        assert [node.path for node in tree.subtree] == [node.path for node in twin.subtree]
        for node, match in zip(tree.subtree, twin.subtree, strict=True):
            xr.testing.assert_identical(node.to_dataset(), match.to_dataset())
    assert one.claims == other.claims


def test_parameters_round_trip(cls: type[Study]) -> None:
    for study in (cls(), cls.quick(), cls.paper()):
        assert cls.from_json(study.to_json()) == study
        assert cls.from_json(study.to_json()).identity == study.identity
        assert study.shards()
    assert cls(seed=1).identity != cls().identity
    for row in cls.describe():
        assert row.help, f"{cls.name}: {row.name} has no Doc(...)"


def test_bad_parameters_give_one_line(cls: type[Study]) -> None:
    with pytest.raises(ValueError, match="sed is not a parameter") as caught:
        cls.from_parameters({"seed": "x", "sed": 1})
    assert "seed should be a valid integer" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_question_and_source(cls: type[Study]) -> None:
    assert cls.question.endswith("?")
    assert cls.reference.bibtex().startswith("@")
    assert cls.__doc__
    assert cls.revision >= 1


def test_prediction_is_finite(serial: Run) -> None:
    for node in serial.prediction.subtree:
        for name, variable in node.data_vars.items():
            if variable.dtype.kind == "f":
                assert np.isfinite(variable.values).all(), f"{node.path}/{name}"


def test_measurement_has_members(serial: Run) -> None:
    assert any("member" in node.dims for node in serial.measurement.subtree)


def test_claims(serial: Run) -> None:
    assert serial.claims
    for claim in serial.claims:
        assert claim.standard_error > 0
        assert claim.statement
        assert claim.verdict in ("holds", "fails", "undecided")
    assert not [note for note in serial.warnings if "formula" in note]
    json.dumps(serial.to_json(), allow_nan=False)


def test_a_wrong_theory_does_not_hold(cls: type[Study], serial: Run) -> None:
    """Neither when its predictions are changed, nor when each claim is moved on its own."""
    wrong = serial.prediction.copy(deep=True)
    for node in wrong.subtree:
        for name, variable in node.data_vars.items():
            if variable.dtype.kind == "f":
                size = float(np.max(np.abs(variable.values), initial=0.0))
                node[str(name)] = 1.5 * variable + size
    judged = judge(cls.quick().compare(wrong, serial.measurement))
    assert not all(claim.verdict == "holds" for claim in judged)
    moved = [_moved(claim) for claim in serial.claims]
    assert all(claim.verdict != "holds" for claim in judge(moved))


def _moved(claim: Claim) -> Claim:
    """The claim with a prediction on the wrong side of what was measured."""
    far = 3 * claim.tolerance + claim.standard_error
    side = {"equal": 1, "at_most": -1, "at_least": 1}[claim.kind]
    return Claim(
        claim.name,
        claim.statement,
        claim.measured + side * far,
        claim.measured,
        claim.standard_error,
        claim.tolerance,
        claim.kind,
    )


@pytest.mark.slow
def test_pool_gives_the_same_numbers(cls: type[Study], serial: Run, tmp_path: Path) -> None:
    assert_same_numbers(cls.quick().run(tmp_path, workers=2), serial)


def test_lost_and_damaged_shards_are_measured_again(
    cls: type[Study], serial: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / serial.path.parent.name
    (folder / "shards").mkdir(parents=True)
    (folder / "study.json").write_bytes((serial.path.parent / "study.json").read_bytes())
    files = sorted((serial.path.parent / "shards").iterdir())
    for file in files[::2]:
        (folder / "shards" / file.name).write_bytes(file.read_bytes())
    damaged = folder / "shards" / files[0].name
    damaged.write_bytes(damaged.read_bytes()[:-100])
    resumed = cls.quick().run(tmp_path)
    assert f"{damaged.name} is cut short or damaged: measured again" in caplog.text
    assert_same_numbers(resumed, serial)


def test_the_file_alone_draws_the_figures_and_the_page(serial: Run, tmp_path: Path) -> None:
    alone = Run.load(shutil.copy(serial.path, tmp_path))
    with placed() as asked:
        pictures = alone.figures()
    made = [id(figure) for figure in asked.made]
    assert all(id(picture.figure) in made for picture in pictures), "use new_figure: it takes axes"
    figures = cards(pictures, alone.study, Room(0))  # without the PDFs, which take longest
    page = render(alone, figures=figures)
    assert escape(serial.question, quote=False) in page or serial.study in page
    assert page.count("<figure") == len(pictures)


@pytest.mark.slow
def test_every_figure_is_drawn_where_the_caller_likes(serial: Run) -> None:
    """On axes in a larger figure, under another style: the same numbers."""
    with placed() as asked:
        usual = serial.figures()
    numbers = [[figure is one.figure for figure in asked.made].index(True) for one in usual]
    panels = [[ax for ax in one.figure.axes if ax.get_label() != "<colorbar>"] for one in usual]
    axes = [Figure(figsize=(20, 3)).subplots(1, len(one), squeeze=False)[0] for one in panels]
    with placed(dict(zip(numbers, map(list, axes), strict=True))):
        again = serial.figures(style=["ggplot", "paper"])
    for one, other, place in zip(usual, again, axes, strict=True):
        assert other.figure is place[0].figure
        assert other.csv() == one.csv()
