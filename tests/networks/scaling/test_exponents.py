"""Limits and slopes of abc-parametrizations against the values of the literature."""

import numpy as np
import pytest

from widthwise.networks import NTK, MeanField, MuP, Parametrization, Spectral, Standard
from widthwise.networks.parametrization import Power, Rule
from widthwise.networks.scaling import change_exponents, limit


def abc(a: list[float], b: list[float], c: float) -> Parametrization:
    """Multipliers n^-a, initial weights n^-b, learning rate n^-c; first, hidden, last layer."""
    rules = [
        Rule(
            init=Power(**{side: -b[i]}),
            multiplier=Power(**{side: -a[i]}),
            sgd=Power(**{side: -c}),
        )
        for i, side in enumerate(["fan_out", "fan_in", "fan_in"])
    ]
    return Parametrization("abc", *rules, bias=Rule())


@pytest.mark.parametrize(
    ("rules", "layers", "rate", "kind", "r"),
    [
        (NTK(), 3, 0, "kernel", 0.5),
        (MuP(), 3, 0, "feature learning", 0),
        (Standard(), 3, -1, "kernel", 0.5),
        (Standard(), 3, 0, "unstable", -1),
        (Standard(), 1, -1, "kernel", 1.5),
        (MeanField(), 1, 0, "feature learning", 0),
        (Standard(), 1, 0, "unstable", 0),
        (Standard(), 3, -2, "trivial", 1.5),
        (abc([-0.5, 0, 0.5], [0.5, 0.5, 0.5], 0), 3, 0, "feature learning", 0),
        # Multipliers and weights moved against each other: the same function at every step.
        (abc([-0.25, 0.25, 0.75], [0.25, 0.25, 0.25], -0.5), 3, 0, "feature learning", 0),
        (abc([0, 0.5, 0.5], [0, 0, 0], 0), 3, 0, "kernel", 0.5),
    ],
)  # fmt: skip
def test_limits_of_gradient_descent(
    rules: Parametrization, layers: int, rate: float, kind: str, r: float
) -> None:
    found = limit(rules, hidden_layers=layers, rate=rate)
    assert (found.kind, found.features) == (kind, r)
    assert (found.reason != "") == (kind == "unstable")


@pytest.mark.parametrize(
    ("rules", "optimizer", "slopes"),
    [
        (Standard(), "sgd", [-0.5, 0.5, 0.5, 1]),
        (NTK(), "sgd", [-0.5, -0.5, -0.5, 0]),
        (MuP(), "sgd", [0, 0, 0, 0]),
        (Standard(), "adam", [0, 1, 1, 1.5]),
        (NTK(), "adam", [0, 0.5, 0.5, 1]),
        (MuP(), "adam", [0, 0, 0, 0]),
        (Spectral(), "muon", [0, 0, 0, 0]),
    ],
)
def test_slopes_of_the_first_step(
    rules: Parametrization, optimizer: str, slopes: list[float]
) -> None:
    roles = ["input", "hidden", "hidden", "output"]
    found = change_exponents(rules, roles, optimizer=optimizer)
    np.testing.assert_allclose([one.leading for one in found], slopes, atol=1e-9)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lion", "muon"])
def test_every_rule_that_learns_features_does_so_under_each_optimizer(optimizer: str) -> None:
    for rules in (MuP(), MeanField(), Spectral()):
        assert limit(rules, hidden_layers=2, optimizer=optimizer).kind == "feature learning"


def test_an_unknown_optimizer_is_named() -> None:
    with pytest.raises(
        ValueError, match=r"optimizer is 'adamm': give one of .*did you mean 'adam'"
    ):
        limit(MuP(), hidden_layers=2, optimizer="adamm")
