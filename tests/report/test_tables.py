import base64
import csv
import dataclasses
import io
import warnings

import numpy as np
import xarray as xr

from widthwise.report import tables


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_summary_is_mean_standard_error_and_count_over_members():
    values = np.random.default_rng(0).normal(size=(3, 10))
    dataset = xr.Dataset(
        {"loss": (("width", "member"), values), "slope": ("width", [1.0, 2.0, 3.0])},
        {"width": [4, 8, 16]},
    )
    rows = read(tables.summary_csv(dataset))
    losses = [row for row in rows if row["quantity"] == "loss"]
    assert [int(row["width"]) for row in losses] == [4, 8, 16]
    np.testing.assert_allclose([float(r["mean"]) for r in losses], values.mean(1), rtol=1e-14)
    np.testing.assert_allclose(
        [float(r["standard_error"]) for r in losses], values.std(1, ddof=1) / np.sqrt(10)
    )
    assert {row["count"] for row in losses} == {"10"}
    assert [row["mean"] for row in rows if row["quantity"] == "slope"] == ["1.0", "2.0", "3.0"]


def test_members_that_are_missing_are_left_out():
    values = np.array([[1.0, 3.0, np.nan], [5.0, np.nan, np.nan], [np.nan] * 3])
    dataset = xr.Dataset({"loss": (("width", "member"), values)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = read(tables.summary_csv(dataset))
    assert [(r["width"], r["mean"], r["standard_error"], r["count"]) for r in rows] == [
        ("0", "2.0", "1.0", "2"), ("1", "5.0", "nan", "1"), ("2", "nan", "nan", "0"),
    ]  # fmt: skip


def test_numbers_without_place_and_words_are_handled():
    dataset = xr.Dataset({"rate": 0.5, "name": ("k", ["a"]), "odd": ("k", [True])}, {"k": ["x"]})
    rows = read(tables.summary_csv(dataset))
    assert [tuple(row.values()) for row in rows] == [
        ("rate", "", "0.5", "", ""), ("odd", "x", "1.0", "", ""),
    ]  # fmt: skip


def test_every_part_of_a_run_is_offered(run):
    found, omitted = tables.summaries(run)
    assert [file.filename for file in found] == [
        "average-noise-prediction-variance.csv",
        "average-noise-prediction-map.csv",
        "average-noise-measurement-variance.csv",
    ]
    assert omitted == []
    text = base64.b64decode(found[-1].href.partition("base64,")[2]).decode()
    squares = run.measurement["variance"].to_dataset().square
    np.testing.assert_allclose([float(r["mean"]) for r in read(text)], squares.mean("member"))


def test_long_tables_stay_in_the_file(run, monkeypatch):
    monkeypatch.setattr(tables, "LIMIT", 10)
    found, omitted = tables.summaries(run)
    assert found == []
    assert omitted[1] == (
        "average-noise-prediction-map.csv would be too long for this page; the netCDF file has it."
    )


def test_claims_keep_all_their_digits(run):
    rows = read(tables.claims_csv(run.claims))
    for row, claim in zip(rows, run.claims, strict=True):
        assert row["name"] == claim.name
        assert row["verdict"] == claim.verdict
        assert float(row["measured"]) == claim.measured
        assert float(row["z"]) == claim.z
    assert {field.name for field in dataclasses.fields(run.claims[0])} < set(rows[0])
