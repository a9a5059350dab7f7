"""Every command: what it prints, its exit status, and one line for every mistake."""

import json
from pathlib import Path

import pytest

from widthwise.studies import find_study

COIN = "coin_study:CoinStudy"
QUICK = ("run", COIN, "--preset", "quick", "--workers", "1")


def test_run_prints_claims_and_writes_a_page(widthwise) -> None:
    status, out, err = widthwise("run", COIN, "--preset", "quick")
    assert status == 0
    assert err == ""
    assert "variance at 16" in out
    assert "✓ holds" in out
    assert "±" in out
    (page,) = Path("runs").glob("*/report.html")
    assert str(page) in out
    assert str(page.with_name("run.nc")) in out
    status, out, err = widthwise(*QUICK)
    assert "is finished: loaded, not measured again" in err


def test_run_json_is_one_object_and_nothing_else(widthwise) -> None:
    status, out, err = widthwise(*QUICK, "--json")
    result = json.loads(out)
    assert (status, err) == (0, "")
    assert result["study"] == "coin-study"
    assert result["parameters"]["widths"] == [16]
    assert result["seconds"] > 0
    assert Path(result["run"]).is_file()
    keys = "name statement predicted measured standard_error tolerance kind verdict"
    assert set(keys.split(" ")) <= result["claims"][0].keys()


def test_options_beat_the_file_and_the_file_beats_the_preset(widthwise) -> None:
    Path("coin.toml").write_text("members = 300\nbias = 0.4\n")
    words = ("--params", "coin.toml", "--bias", "0.5", "--out", "here", "--json")
    _, out, _ = widthwise(*QUICK, *words)
    parameters = json.loads(out)["parameters"]
    assert (parameters["widths"], parameters["members"], parameters["bias"]) == ([16], 300, 0.5)
    assert Path("here").is_dir()


def test_a_failing_claim_is_exit_status_one(widthwise, monkeypatch: pytest.MonkeyPatch) -> None:
    study = find_study(COIN)
    right = study.predict
    monkeypatch.setattr(study, "predict", lambda self: right(self).map_over_datasets(_double))
    status, out, _ = widthwise(*QUICK)
    assert status == 1
    assert "✕ fails" in out


def _double(dataset):
    return dataset * 2


def test_help_of_a_study_shows_its_fields(widthwise) -> None:
    status, out, _ = widthwise("run", COIN, "--help")
    assert status == 0
    for part in (
        "--widths",
        "each ≥ 1",
        "16 64",
        "Probability of heads",
        "round, square",
        "Example",
    ):
        assert part in out


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "list",
        "report",
        "compare",
        "activation",
        "regress",
        "cite",
        "status",
        "shard",
        "combine",
        "slurm",
    ],
)
def test_every_help_has_an_example(widthwise, command: str) -> None:
    status, out, _ = widthwise(command, "--help")
    assert status == 0
    assert f"Example: widthwise {command}" in out


def test_list(widthwise) -> None:
    status, out, _ = widthwise("list", "--json")
    assert status == 0
    studies = json.loads(out)
    assert all(study.keys() == {"name", "question", "source"} for study in studies)
    names = [study["name"] for study in studies]
    assert names == sorted(names)
    _, table, _ = widthwise("list")
    assert all(name in table for name in names)


def test_report_writes_pages_again(widthwise) -> None:
    widthwise(*QUICK)
    (page,) = Path("runs").glob("*/report.html")
    for words in (("report", str(page.parent)), ("report", str(page.parent / "run.nc"))):
        page.unlink()
        status, out, _ = widthwise(*words)
        assert (status, out.strip()) == (0, str(page))
        assert page.exists()
    page.unlink()
    status, out, _ = widthwise("report", "--json")
    assert (status, json.loads(out)) == (0, ["runs/index.html", str(page)])
    assert page.exists()
    page.with_name("run.nc").write_bytes(b"")
    status, out, err = widthwise("report")
    assert (status, out.strip()) == (2, "runs/index.html")
    assert "not shown" in err
    assert "damaged" in err


def test_cite(widthwise) -> None:
    status, out, _ = widthwise("cite", COIN)
    assert status == 0
    assert out.startswith("@misc{bernoulli1713conjectandi,")


def test_activation(widthwise) -> None:
    status, out, _ = widthwise("activation", "gelu", "--out", "gelu.svg")
    assert status == 0
    assert "0.282094791774" in out  # 1 / (2 sqrt(pi))
    assert "0.760402" in out  # where correlations end: see the reference values of the study
    assert Path("gelu.svg").read_text().lstrip().startswith("<")
    _, out, _ = widthwise("activation", "tanh", "--json")
    verdict = json.loads(out)
    assert verdict["kind"] == "independent up to sign"
    assert verdict["b"][1] == pytest.approx(0.9304699236, abs=1e-9)


def test_an_activation_of_the_users_own(widthwise) -> None:
    Path("mine.py").write_text("import jax.numpy as jnp\n\ndef f(z):\n    return jnp.sin(2 * z)\n")
    status, out, err = widthwise("activation", "mine:f", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["parity"] == "odd"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("lst",), "Did you mean"),
        (("run",), "needs the name of a study"),
        (("run", "no-coincidense"), "'no-coincidence'"),
        (("run", "nowhere:Coin"), "cannot be imported"),
        (("run", "coin_study:Coin"), "has no class 'Coin'"),
        (("run", "coin_study:dataclass"), "is not a study"),
        (("run", COIN, "--width", "3"), "--widths"),
        (("run", COIN, "--bias", "x"), "--bias"),
        (("run", COIN, "--bias", "3", "--members", "1"), "less than 1 (got 3.0); members should"),
        (("run", COIN, "--widths", "3", "3"), "distinct"),
        (("run", COIN, "--preset", "papr"), "paper"),
        (("run", COIN, "--params", "no.toml"), "no.toml"),
        (("run", COIN, "--workers", "0"), "workers must be >= 1"),
        (("run", COIN, "--out", "/dev/null"), "cannot be written"),
        (("report", "nowhere"), "does not exist"),
        (("report", "."), "holds no run"),
        (("cite", "no-coincidense"), "'no-coincidence'"),
        (("activation", "glu"), "'gelu'"),
        (("activation", "gelu", "--variance", "-1"), "variance"),
        (("activation", "gelu", "--out", "gelu.xyz"), "xyz"),
    ],
)
def test_mistakes_are_one_line_and_exit_status_two(widthwise, words, message: str) -> None:
    status, out, err = widthwise(*words)
    assert (status, out) == (2, "")
    (line,) = err.strip().splitlines()
    assert line.startswith("widthwise: ")
    assert message in line


def test_debug_shows_the_traceback(widthwise) -> None:
    _, _, err = widthwise("cite", "nothing", "--debug")
    assert "Traceback" in err


def test_a_half_written_run_folder(widthwise) -> None:
    Path("broken").mkdir()
    Path("broken/study.json").write_text('{"study": "coin')
    status, _, err = widthwise(*QUICK, "--out", "broken")
    assert status == 2
    assert "study.json is damaged" in err
    assert len(err.strip().splitlines()) == 1
