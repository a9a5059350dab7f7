"""The commands of a cluster: a sweep cut into jobs gives what one process gives."""

import json
from pathlib import Path

import pytest

SWEEP = """study = "coin_study:FaultyCoin"
preset = "quick"
[sweep]
bias = [0.3, 0.5]
"""


@pytest.fixture
def sweep(widthwise) -> str:
    Path("sweep.toml").write_text(SWEEP)
    return "sweep.toml"


def claims(out: str) -> list:
    return [run["claims"] for run in json.loads(out)]


def test_jobs_of_an_array_and_one_process_agree(widthwise, sweep: str) -> None:
    status, out, _ = widthwise("run", sweep, "--out", "here", "--workers", "1", "--json")
    assert status == 0
    whole = claims(out)
    for index in range(4):
        status, out, _ = widthwise("shard", sweep, "--index", str(index), "--of", "4")
        assert status == 0, out
    status, out, _ = widthwise("status", sweep, "--json")
    states = json.loads(out)
    assert [state["done"] for state in states] == [3, 3]
    assert [state["missing"] for state in states] == [0, 0]
    status, out, _ = widthwise("combine", sweep, "--json")
    assert status == 0
    assert claims(out) == whole
    assert len(list(Path("runs").glob("*/report.html"))) == 2
    assert "2 of 2 runs are finished" in widthwise("status")[1]
    status, _, err = widthwise("slurm", sweep)
    assert status == 2
    assert "is finished: nothing is left to submit" in err


def test_a_failing_piece_is_told_and_done_alone(
    widthwise, sweep: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULT", "raise")
    status, out, _ = widthwise("shard", sweep, "--index", "0", "--of", "1")
    assert status == 2
    assert "4 of 6 pieces are there" in out
    status, out, _ = widthwise("combine", "runs")
    assert status == 2
    assert "2 of 2 runs are incomplete: `widthwise status runs`" in out
    status, out, _ = widthwise("status", "runs")
    assert status == 2
    commands = [line.split("alone: widthwise ")[1] for line in out.splitlines() if "alone" in line]
    assert len(commands) == 2
    monkeypatch.delenv("FAULT")
    for command in commands:
        assert widthwise(*command.split(" "))[0] == 0
    assert widthwise("combine")[0] == 0


def test_the_script_says_what_it_asks_for(widthwise, sweep: str) -> None:
    words = ("--tasks", "4", "--at-once", "2", "--sbatch=--partition=short")
    status, out, _ = widthwise("slurm", sweep, *words)
    assert status == 0
    assert "4 jobs for 6 pieces, 60 minutes each" in out
    script = Path("sweep.sbatch").read_text()
    assert "#SBATCH --array=0-3%2" in script
    assert "#SBATCH --partition=short" in script
    assert "widthwise shard sweep.toml --out runs --index $SLURM_ARRAY_TASK_ID --of 4" in script
    status, out, _ = widthwise("slurm", sweep, "--pilot", "--to", "other.sbatch")
    assert "3 minutes each" in out
    assert "of processor time are left" in out
    assert "no piece was tried" not in Path("other.sbatch").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("shard", "sweep.toml"), "--index I"),
        (("shard", "sweep.toml", "--index", "6"), "give a number from 0 to 5"),
        (("shard", "sweep.toml", "--index", "0", "--of", "0"), "--index is 0"),
        (("shard", "sweep.toml", "--only", "predicion"), "did you mean 'prediction'"),
        (("shard", "other.toml", "--index", "0"), "other.toml does not exist"),
        (("slurm", "sweep.toml", "--tasks", "0"), "are at least 1"),
        (("status", "nowhere"), "nowhere holds no run"),
        (("run", "empty.toml"), "does not say which study"),
        (("run", "wrong.toml"), "Did you mean 'no-coincidence'"),
    ],
)
def test_mistakes_are_one_line(widthwise, sweep: str, words: tuple[str, ...], message: str) -> None:
    Path("empty.toml").write_text("")
    Path("wrong.toml").write_text('study = "no-coincidance"')
    status, out, err = widthwise(*words)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1
