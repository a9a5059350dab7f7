"""Two runs of one study side by side."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from coin_study import CoinStudy  # pyright: ignore[reportMissingImports]

from widthwise.experiments import Claim, Reference, Run, compare, judge


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    folder = tmp_path_factory.mktemp("runs")
    return [CoinStudy(widths=(16,), bias=bias).run(folder) for bias in (0.3, 0.5)]


def given(run: Run, *claims: Claim, **changes) -> Run:
    """The run with other claims."""
    return dataclasses.replace(run, claims=judge(claims), **changes)


def claim(name: str, measured: float, error: float = 0.1, predicted: float = 1.0) -> Claim:
    return Claim(name, f"{name} is what it is.", predicted, measured, error, 0.2)


def test_parameters_claims_and_surroundings(runs) -> None:
    found = compare(runs[0].path, runs[1].path.parent)
    assert [(one.name, one.first, one.second) for one in found.parameters] == [
        ("bias", "0.3", "0.5")
    ]
    assert found.surroundings == ()
    (pair,) = found.claims
    first, second = (run.claims[0] for run in runs)
    assert pair.difference == second.measured - first.measured
    assert pair.predicted_difference == pytest.approx((0.25 - 0.21) / 16)
    assert pair.standard_error == pytest.approx(
        math.sqrt(first.standard_error**2 + second.standard_error**2)
    )
    assert "both have seed 0" in found.notes[0]


def test_measurements_differ_beyond_their_errors_for_all_claims_together(runs) -> None:
    one = given(runs[0], claim("a", 1.0), claim("b", 1.0), claim("c", 1.0))
    step = 0.1 * math.sqrt(2)
    # two claims are in both: the Sidak quantile is 2.2365, not 1.96
    other = given(
        runs[1], claim("a", 1.0 + 2.2 * step), claim("b", 1.0 - 2.3 * step), claim("d", 9)
    )
    found = compare(one, other)
    assert [(pair.name, pair.agreement) for pair in found.claims] == [
        ("a", "agree"), ("b", "differ"), ("c", "unknown"), ("d", "unknown"),
    ]  # fmt: skip
    assert found.claims[0].quantile == pytest.approx(2.236477, abs=1e-6)
    assert found.claims[1].z == pytest.approx(-2.3)
    assert math.isnan(found.claims[2].difference)


def test_equal_runs_differ_as_often_as_the_level_says(runs) -> None:
    rng = np.random.default_rng(0)
    values = 1 + 0.1 * rng.standard_normal((2, 400, 5))
    false = sum(
        any(
            pair.agreement == "differ"
            for pair in compare(
                given(runs[0], *(claim(str(k), x) for k, x in enumerate(one))),
                given(runs[1], *(claim(str(k), x) for k, x in enumerate(other))),
            ).claims
        )
        for one, other in zip(*values, strict=True)
    )
    assert abs(false / 400 - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 400)


def test_what_is_not_finite_is_unknown_and_plain_in_json(runs) -> None:
    found = compare(given(runs[0], claim("a", math.nan)), given(runs[1], claim("a", 1.0)))
    assert found.claims[0].agreement == "unknown"
    (plain,) = found.to_json()["claims"]
    assert plain["difference"] is None
    assert plain["first"]["measured"] is None


def test_environment_and_revision(runs) -> None:
    changed = runs[0].provenance | {
        "revision": 7, "versions": runs[0].provenance["versions"] | {"jax": "0.1"},
        "finished": "later",
    }  # fmt: skip
    found = compare(runs[0], dataclasses.replace(runs[0], provenance=changed))
    assert {one.name for one in found.surroundings} == {"revision", "jax"}
    assert found.surroundings[1].second == "0.1"
    assert found.parameters == ()
    assert "the same parameters" in found.notes[0]
    assert "revisions 1 and 7" in found.notes[1]


def test_other_studies_and_files_are_refused(runs, tmp_path: Path) -> None:
    other = dataclasses.replace(runs[1], study="die-study", reference=Reference(
        title="T", authors=("A. B",), year=2000))  # fmt: skip
    with pytest.raises(ValueError, match=r"coin-study.*die-study: give two runs of one study"):
        compare(runs[0], other)
    (tmp_path / "x.nc").write_text("no")
    with pytest.raises(ValueError, match="damaged"):
        compare(runs[0], tmp_path / "x.nc")
