"""``widthwise run --executor``: the numbers of one process from submitit and from Ray."""

import json
from pathlib import Path

import pytest

SWEEP = """study = "coin_study:CoinStudy"
[parameters]
widths = [16]
members = 200
[sweep]
bias = [0.3, 0.5]
"""
MISTAKES = [
    (("--executor", "rai"), "rai"),
    (("--executor-options", "gpus=1"), "--executor-options are for --executor ray"),
    (("--executor", "ray", "--executor-options", "gpus"), "'gpus' is not name=value"),
    (("--executor", "submitit", "--executor-options", "cluster=nowhere"), "nowhere"),
]


def claims(out: str) -> list:
    return [run["claims"] for run in json.loads(out)]


@pytest.fixture
def serial(widthwise) -> list:
    Path("sweep.toml").write_text(SWEEP)
    _, out, _ = widthwise("run", "sweep.toml", "--out", "here", "--workers", "1", "--json")
    return claims(out)


@pytest.mark.slow
def test_jobs_of_submitit_on_this_machine(widthwise, serial: list) -> None:
    pytest.importorskip("submitit")
    words = ("--executor", "submitit", "--executor-options", "cluster=local")
    status, out, err = widthwise("run", "sweep.toml", "--workers", "1", "--json", *words)
    assert status == 0, err
    assert claims(out) == serial
    (calls,) = Path("runs/submitit").glob("*_submitted.pkl")  # one job for six pieces
    assert calls.stat().st_size > 0
    for wrong, message in MISTAKES:
        status, out, err = widthwise("run", "sweep.toml", "--out", "other", *wrong)
        assert (status, out) == (2, ""), wrong
        assert message in err
        assert len(err.strip().splitlines()) == 1


def test_a_ray_that_is_started_for_it(
    program, serial: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="needs pip install 'widthwise[ray]'")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    monkeypatch.setenv("HOME", str(tmp_path))  # where Ray keeps the token of its nodes
    words = ("run", "sweep.toml", "--executor", "ray", "--workers", "1", "--json")
    status, out, err = program("-m", "widthwise.cli", *words)
    assert status == 0, err
    assert claims(out) == serial
