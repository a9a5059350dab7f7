"""The command regress: two methods, one answer; a checkpoint; one line for a mistake."""

import json

SMALL = (
    "regress",
    "fashion-mnist-subset",
    "--train",
    "200",
    "--test",
    "50",
    "--ridge",
    "0.1",
    "--rank",
    "80",
)


def test_both_methods_and_a_checkpoint(widthwise) -> None:
    iterative = ("--method", "iterative", "--checkpoint", "state", "--json")
    results = []
    for words in (("--json",), iterative, iterative):
        status, out, _ = widthwise(*SMALL, *words)
        assert status == 0
        results.append(json.loads(out))
    direct, one, again = results
    assert (direct["method"], one["method"]) == ("direct", "iterative")
    assert direct["accuracy"] == one["accuracy"] > 0.5
    assert direct["iterations"] == 0 < one["iterations"] == again["iterations"]
    assert one["residual"] == again["residual"] <= 1e-6
    assert again["train"] == 200
    status, out, err = widthwise(*SMALL, *iterative[:-1], "--depth", "2")
    assert (status, out) == (2, "")
    assert "another problem" in err


def test_a_table(widthwise) -> None:
    status, out, _ = widthwise(*SMALL)
    assert status == 0
    assert "accuracy on test images" in out
    status, _, err = widthwise(*SMALL, "--depth", "0")
    assert status == 2
    assert "depth is 0" in err
