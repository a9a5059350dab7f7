"""Parameters from their annotations: validation, round trips, words."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from coin_study import CoinStudy
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise.experiments import Study


def test_every_error_at_once_with_its_path() -> None:
    wrong = {"bias": 2, "widths": [4, "8", 0], "membrs": 3, "coin": "sqare"}
    with pytest.raises(ValueError, match="coin-study: ") as caught:
        CoinStudy.from_parameters(wrong)
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        "coin-study: bias should be less than 1 (got 2)",
        'widths[1] should be a valid integer (got "8")',
        "widths[2] should be greater than or equal to 1 (got 0)",
        "membrs is not a parameter (did you mean 'members'?)",
        "(did you mean 'square'?)",
    ):
        assert part in message


@pytest.mark.parametrize(
    "wrong",
    [
        {"bias": "0.3"},
        {"bias": float("nan")},
        {"members": 2.5},
        {"members": True},
        {"widths": ()},
        {"widths": 16},
        {"seed": -1},
        {"coin": object()},
    ],
)
def test_construction_is_as_strict(wrong: dict) -> None:
    with pytest.raises(ValueError, match="coin-study: "):
        CoinStudy(**wrong)


def test_own_checks_of_a_study() -> None:
    with pytest.raises(ValueError, match=r"coin-study: widths must be distinct, not \(4, 4\)"):
        CoinStudy(widths=(4, 4))


def test_values_arrive_in_their_declared_types() -> None:
    study = CoinStudy.from_parameters({"widths": [4, 8], "bias": 0.25})
    numpy = CoinStudy(widths=tuple(np.array([4, 8])), bias=np.float64(0.25))
    assert study == numpy
    assert isinstance(study.widths, tuple)
    assert type(numpy.widths[0]) is int
    assert hash(study) == hash(numpy)


studies = st.builds(
    CoinStudy, widths=st.lists(st.integers(1, 99), min_size=1, unique=True).map(tuple)
)


@settings(deadline=None, max_examples=30)
@given(study=studies)
def test_round_trips_and_ranges(study: CoinStudy) -> None:
    """Hypothesis draws the other fields from their annotations: the ranges are the same ones."""
    assert 0 < study.bias < 1
    assert CoinStudy.from_json(study.to_json()) == study
    assert CoinStudy.from_parameters(study.parameters).identity == study.identity


def test_toml(tmp_path: Path) -> None:
    file = tmp_path / "coin.toml"
    file.write_text('bias = 0.4\nwidths = [2, 3]\ncoin = "square"\n')
    assert CoinStudy.from_toml(file) == CoinStudy(bias=0.4, widths=(2, 3), coin="square")
    file.write_text("bias = ")
    with pytest.raises(ValueError, match=r"coin\.toml: "):
        CoinStudy.from_toml(file)
    with pytest.raises(ValueError, match="coin-study parameters: expected a table"):
        CoinStudy.from_json("[1]")


def test_identity_changes_with_what_decides_the_numbers() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Revised(CoinStudy):
        revision = 2

    Revised.name = CoinStudy.name
    identities = {
        study.identity
        for study in (CoinStudy(), CoinStudy(seed=1), CoinStudy(bias=0.31), Revised())
    }
    assert len(identities) == 4
    assert CoinStudy(bias=0.3).identity == CoinStudy().identity


def test_description_in_words() -> None:
    rows = {row.name: row for row in CoinStudy.describe()}
    assert list(rows) == [field.name for field in dataclasses.fields(CoinStudy)]
    assert rows["widths"].type == "list of int"
    assert rows["widths"].range == "at least 1 long, each ≥ 1"
    assert rows["widths"].default == "16 64"
    assert rows["bias"].range == "> 0, < 1"
    assert rows["coin"].type == "round | square"
    assert rows["coin"].help == "Shape of the coin."
    schema = CoinStudy.json_schema()
    assert schema["properties"]["widths"]["description"] == "Tosses of one member."
    assert schema["additionalProperties"] is False


def test_presets_and_command() -> None:
    assert CoinStudy.preset("quick") == CoinStudy.quick()
    assert CoinStudy.preset("paper") == CoinStudy()
    with pytest.raises(ValueError, match="did you mean 'quick'"):
        CoinStudy.preset("quik")
    command = CoinStudy(widths=(3, 4), coin="square").command
    assert command == "widthwise run coin_study:CoinStudy --widths 3 4 --coin square"


def test_a_study_without_its_decorator_says_so() -> None:
    class Forgotten(CoinStudy):
        size: int = 3

    with pytest.raises(TypeError, match="Forgotten needs the decorator @dataclass"):
        Forgotten()


def test_names() -> None:
    assert CoinStudy.name == "coin-study"
    assert issubclass(CoinStudy, Study)


def test_a_study_needs_parts_or_methods_of_its_own():
    with pytest.raises(TypeError, match="Empty has no parts: define predict, shards, measure"):

        class Empty(Study):
            question = "Nothing?"
