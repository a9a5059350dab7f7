"""Verdicts by intervals: the rule, its level, and its honesty over many seeds."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from widthwise.experiments import Claim, JudgedClaim, judge


def claim(measured: float, error: float = 1.0, **options) -> Claim:
    return Claim("x", "x is what it is.", 10.0, measured, error, 3.0, **options)


def verdict(measured: float, error: float = 1.0, **options) -> str:
    return judge([claim(measured, error, **options)])[0].verdict


# One claim at level 5 %: the quantile is 1.96.
@pytest.mark.parametrize(
    ("measured", "kind", "expected"),
    [
        (10.0, "equal", "holds"),
        (11.03, "equal", "holds"),
        (11.05, "equal", "undecided"),
        (14.95, "equal", "undecided"),
        (14.97, "equal", "fails"),
        (5.03, "equal", "fails"),
        (5.05, "equal", "undecided"),
        (-90.0, "at_most", "holds"),
        (14.9, "at_most", "undecided"),
        (15.0, "at_most", "fails"),
        (90.0, "at_least", "holds"),
        (8.0, "at_least", "undecided"),
        (5.0, "at_least", "fails"),
    ],
)
def test_verdicts(measured: float, kind, expected: str) -> None:
    assert verdict(measured, kind=kind) == expected


def test_family_level_is_sidak() -> None:
    for count in (1, 8, 40):
        judged = judge([Claim(str(i), "", 0, 0, 1, 1) for i in range(count)], level=0.05)
        single = 1 - 0.95 ** (1 / count)
        assert judged[0].quantile == pytest.approx(stats.norm.isf(single / 2), rel=1e-12)


def test_z_is_signed() -> None:
    assert claim(8.0, 0.5).z == -4.0


@settings(deadline=None, max_examples=30)
@given(
    measured=st.floats(0, 20),
    error=st.floats(0.01, 5),
    kind=st.sampled_from(["equal", "at_most", "at_least"]),
)
def test_more_members_do_decide(measured: float, error: float, kind) -> None:
    (judged,) = judge([claim(measured, error, kind=kind, members=100)])
    if judged.more_members is None:
        return
    assert judged.verdict == "undecided"
    assert f"{judged.more_members} more members" in judged.reason
    shrunk = error / math.sqrt(1 + judged.more_members / 100)
    assert verdict(measured, shrunk, kind=kind) != "undecided"


@pytest.mark.parametrize(("measured", "error"), [(math.nan, 1.0), (math.inf, 1.0), (10, math.nan)])
def test_not_finite_is_undecided_with_a_reason(measured: float, error: float) -> None:
    (judged,) = judge([claim(measured, error)])
    assert judged.verdict == "undecided"
    assert "not finite" in judged.reason
    assert JudgedClaim.from_json(json.loads(json.dumps(judged.to_json(), allow_nan=False))).reason


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((math.nan, 0, 1, 1), "predicted must be finite"),
        ((0, 0, 0, 1), "standard_error must be > 0"),
        ((0, 0, -1, 1), "standard_error must be > 0"),
        ((0, 0, 1, -1), "tolerance must be finite and >= 0"),
        ((0, 0, 1, math.inf), "tolerance must be finite and >= 0"),
    ],
)
def test_impossible_claims(values: tuple[float, float, float, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Claim("x", "", *values)


def test_bad_kind_names_and_level() -> None:
    with pytest.raises(Exception, match="kind"):
        claim(1, kind="about")
    with pytest.raises(ValueError, match="found twice: x"):
        judge([claim(1), claim(2)])
    with pytest.raises(ValueError, match="between 0 and 1"):
        judge([claim(1)], level=5.0)
    assert judge([]) == ()


def test_json_round_trip() -> None:
    (judged,) = judge([claim(12.5, members=30)])
    assert JudgedClaim.from_json(judged.to_json()) == judged
    wanted = {"name", "statement", "predicted", "measured", "standard_error", "tolerance"}
    assert wanted | {"kind", "verdict", "z"} <= judged.to_json().keys()


@pytest.mark.parametrize("claims", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_a_right_theory_fails_no_more_often_than_said(claims: int) -> None:
    """The theory is off by its whole tolerance: the worst case that it allows itself."""
    rng = np.random.default_rng(7)
    runs, members, tolerance = 400, 50, 0.2
    failed = held = 0
    for _ in range(runs):
        draws = rng.normal(loc=tolerance, size=(claims, members))
        verdicts = {
            j.verdict for j in judge([_mean(i, row, tolerance) for i, row in enumerate(draws)])
        }
        failed += "fails" in verdicts
        centred = rng.normal(size=(claims, 4000))
        held += {"holds"} == {
            j.verdict for j in judge([_mean(i, row, tolerance) for i, row in enumerate(centred)])
        }
    # Only the upper end can fail, so half the level is expected: 10 of 400 runs.
    assert failed <= stats.binom.ppf(0.999, runs, 0.05)
    assert held >= 0.95 * runs


def test_a_wrong_theory_never_holds() -> None:
    rng = np.random.default_rng(8)
    verdicts = [
        judge([_mean(0, rng.normal(loc=1.0, size=size), 0.2)])[0].verdict
        for size in (5, 50, 500)
        for _ in range(200)
    ]
    assert verdicts.count("holds") <= 0.025 * len(verdicts)
    assert set(verdicts[-200:]) == {"fails"}


def _mean(index: int, row: np.ndarray, tolerance: float) -> Claim:
    error = float(row.std(ddof=1)) / math.sqrt(len(row))
    return Claim(f"mean {index}", "", 0.0, float(row.mean()), error, tolerance)
