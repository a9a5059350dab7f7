import json
import math

import pytest

from widthwise import activations
from widthwise.activations.cobweb import cobweb, three_panels, three_traces


@pytest.mark.parametrize(
    ("name", "kind", "limit"),
    [
        ("relu", "collapses to rho*", 1.0),
        ("gelu", "collapses to rho*", 0.760401904903836),
        ("relu.centered", "independent", 0.0),
        ("sin", "independent up to sign", 0.0),
        ("abs.centered", "independent up to sign", 0.0),
        ("hermite(2)", "independent up to sign", 0.0),
        ("sign", "independent up to sign", 0.0),
        ("identity", "frozen", None),
        ("polynomial(1,1)", "collapses to rho*", 1.0),
    ],
)
def test_what_depth_does(name, kind, limit):
    verdict = activations.get(name).verdict()
    assert verdict.kind == kind
    assert verdict.rho_star == (None if limit is None else pytest.approx(limit, abs=1e-8))
    assert sum(verdict.b) <= 1 + 1e-12
    assert json.loads(json.dumps(verdict.to_dict(), allow_nan=False))["name"] == name
    assert all(isinstance(sentence, str) for sentence in verdict.sentences())


def test_shifted_relu_is_independent_but_its_norms_are_not_stable():
    verdict = activations.relu.verdict()
    assert verdict.zero_mean_shift == pytest.approx(1 / math.sqrt(2 * math.pi), abs=1e-12)
    centred = verdict.centered
    assert centred is not None
    assert centred.kind == "independent"
    assert centred.layers == {16: 29, 64: 34, 1024: 42}
    assert centred.decay == pytest.approx(0.7334711035, abs=1e-9)
    assert not centred.norms_stable
    text = " ".join(verdict.sentences())
    assert "norms are unstable: chi_par = 1 >= 1" in text
    assert "relu.centered" in text
    assert "tanh(4)" in text


def test_a_verdict_at_another_variance():
    verdict = activations.relu.centered(2.0).verdict(2.0)
    assert verdict.kind == "independent"
    assert activations.relu.centered(2.0).verdict(1.0).kind == "collapses to rho*"


def test_faster_than_exponential_and_infinite_slopes_are_said():
    assert "faster than exponentially" in " ".join(activations.hermite(2).verdict().sentences())
    assert activations.sign.verdict().to_dict()["chi_perp"] is None


def test_bad_arguments_of_the_layer_count():
    with pytest.raises(ValueError, match="inputs >= 2"):
        activations.layers_to_independence(activations.sin, inputs=1)


def test_relu_is_marginally_stable_at_one():
    (one,) = activations.relu.fixed_points()
    assert (one.value, one.stable) == (1.0, True)
    assert one.slope == pytest.approx(1, abs=1e-12)


def test_pictures_of_the_correlation_map():
    picture = cobweb(activations.gelu)
    assert "0.7604 (stable" in picture.caption
    assert picture.name == "correlation-map-gelu"
    panels = three_panels(three_traces())
    assert [ax.get_title(loc="left") for ax in panels.figure.axes] == [
        "ReLU",
        "tanh(4z)",
        "shifted ReLU",
    ]
