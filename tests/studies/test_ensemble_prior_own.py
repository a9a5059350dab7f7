"""Networks of a user's own in the study ensemble-prior, and its training beside `train`."""

from pathlib import Path

import jax
import numpy as np
import optax
import pytest

import widthwise as ww
from widthwise.dynamics import max_learning_rate
from widthwise.studies import EnsemblePrior
from widthwise.studies.ensemble_prior import networks
from widthwise.studies.ensemble_prior.datasets import points_of

_MODEL = """
import widthwise as ww

def make(width):
    branch = ww.Sequential(ww.Erf(), ww.Dense(width))
    return ww.Sequential(
        ww.Dense(width), ww.Residual(branch), ww.Relu(), ww.Dense(1, bias=False),
        parametrization=ww.Standard(1.4, 0.5),
    )

def features(width):
    return ww.Sequential(ww.Dense(width), ww.Relu())

def biased(width):
    return ww.Sequential(ww.Dense(width), ww.Dense(1), parametrization=ww.Standard(1.0, 0.5))

def feature_learning(width):
    return ww.Sequential(ww.Dense(width), ww.Dense(1), parametrization=ww.MuP())

def text(width):
    return "network"

def none():
    return None
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "model.py"
    file.write_text(_MODEL)
    return file


@pytest.mark.parametrize("readout", ["zero", "random"])
def test_trained_as_by_the_library(readout: str):
    points, key = points_of("generic"), jax.random.key(3)
    form = EnsemblePrior().form
    found = networks.fitted(
        form, points, width=16, trained_from=readout, key=key, members=(2, 5), steps=50
    )
    net = ww.Sequential(
        ww.Dense(16),
        ww.Relu(),
        ww.Dense(1, weight_std=0.0 if readout == "zero" else 2**0.5, bias=False),
        parametrization=ww.Standard(2**0.5, 1.0),
    )
    history = ww.train(
        net,
        (points.x.astype(np.float32), points.y.astype(np.float32)),
        test=points.grid(networks.FINE).astype(np.float32),
        key=key,
        members=(2, 5),
        widths=(16,),
        steps=50,
        at=(0, 50),
        optimizer=optax.sgd,
        learning_rates=0.15 * max_learning_rate(form.network(16).kernel(points.x).ntk, 1),
        loss="sum",
    ).isel(width=0)
    np.testing.assert_allclose(found.start, history.test_output[:, 0], atol=1e-5)
    np.testing.assert_allclose(found.end, history.test_output[:, 1], atol=1e-5)
    np.testing.assert_allclose(found.loss, history.loss[:, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "has no function 'nothing'"),
        ("features", "does not end with one output"),
        ("biased", "a bias in its readout"),
        ("feature_learning", "parametrization MuP: give Standard or NTK"),
        ("text", "returns a str"),
        ("none", "cannot be called with a width"),
    ],
)
def test_refused_architectures(model: Path, name: str, message: str):
    with pytest.raises(ValueError, match=message) as caught:
        EnsemblePrior(architecture=f"{model}:{name}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("target", ["model.py", ":make", "no_such_module_here:make"])
def test_refused_places(target: str):
    with pytest.raises(ValueError, match=r"\.py:"):
        EnsemblePrior(architecture=target)


def test_limit_of_an_architecture_of_ones_own(model: Path):
    study = EnsemblePrior(architecture=f"{model}:make")
    points, places = points_of("xor"), np.array([[0.5, -0.5], [2.0, 1.0]])
    expected = ww.predict(study.form.network(2**40), points.x, points.y, places).ntk
    found = networks.limit(study.form, points, places)["ntk"]
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-7)
    np.testing.assert_allclose(found.variance, np.diagonal(expected.covariance), atol=1e-7)
    assert study.one_layer is None


@pytest.mark.slow
def test_a_run_of_an_architecture_of_ones_own(model: Path, tmp_path: Path):
    study = EnsemblePrior(
        architecture=f"{model}:make",
        feature_members=8,
        norm_members=2,
        points=("0 0 1; 1 0 -1; 0.5 1 1",),
        widths=(64, 512),
        members=6,
        steps=4000,
        draws=400,
        deep_widths=(),
    )
    run = study.run(tmp_path)
    surfaces = run.measurement["surfaces"].to_dataset()
    narrow, wide = (surfaces.sel(readout="zero", width=n) for n in (64, 512))
    assert bool(wide.fits.all())
    assert wide.end.var("member").mean() < narrow.end.var("member").mean()
    assert {p.name for p in run.figures()} >= {"surfaces-points", "growth-points"}
