"""Divergence, killed calls, bad input."""

import logging
import re

import jax
import numpy as np
import optax
import pytest

import widthwise as ww
from widthwise.ensembles.training import disk, sizes
from widthwise.experiments import store

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 3)).astype(np.float32)
Y = RNG.standard_normal(6).astype(np.float32)
NET = ww.Sequential(ww.Dense(4), ww.Dense(1), parametrization=ww.MeanField())


def train(**settings):
    defaults = {"key": jax.random.key(0), "members": 6, "steps": 5, "optimizer": optax.sgd}
    if not {"optimizer", "learning_rates"} & set(settings):
        defaults["learning_rates"] = 0.1
    net, data = settings.pop("net", NET), settings.pop("data", (X, Y))
    return ww.train(net, data, **defaults | settings)


def test_divergence_is_recorded_and_left_out():
    history = train(learning_rates=(0.1, 30.0), steps=12)
    fine, wild = (history.sel(learning_rate=rate) for rate in (0.1, 30.0))
    assert (fine.diverged_at == -1).all()
    assert (wild.diverged_at > 0).all()
    for member in range(6):
        one = wild.isel(width=0, member=member)
        at = int(one.diverged_at)
        assert np.isfinite(one.loss[:at]).all()
        assert np.isnan(one.loss[at:]).all()
        assert np.isnan(one.output[at:]).all()
    with pytest.warns(UserWarning, match="1 of 2 ensembles"):
        summary = ww.ensembles.summarize(history).isel(width=0)
    assert summary.diverged.values.tolist() == [0, 6]
    assert np.isnan(summary.loss.sel(learning_rate=30.0)).all()
    losses = fine.loss.values[0].astype(np.float64)
    found = summary.loss.sel(learning_rate=0.1)
    np.testing.assert_allclose(found.sel(statistic="mean"), losses.mean(0))
    np.testing.assert_allclose(found.sel(statistic="variance"), losses.var(0, ddof=1))
    error = losses.std(0, ddof=1) / np.sqrt(6)
    np.testing.assert_allclose(found.sel(statistic="standard_error"), error)
    spread = (found.sel(statistic="upper") - found.sel(statistic="lower")) / (2 * 1.96 * error)
    assert np.all((spread > 0.75) & (spread < 1.1))  # sqrt(5 / 6) of a normal interval


def test_a_killed_call_goes_on_with_identical_numbers(tmp_path, monkeypatch, caplog):
    whole = train(members=20, side_by_side=2)
    monkeypatch.setattr("widthwise.ensembles.training.ensemble._BATCHES", 1)
    out, write, written = tmp_path / "run", store.write_dataset, []

    def killed(dataset, path):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        write(dataset, path)

    monkeypatch.setattr(store, "write_dataset", killed)
    with pytest.raises(KeyboardInterrupt):
        train(members=20, side_by_side=2, out=out)
    written[1].write_bytes(written[1].read_bytes()[:-10])
    before = written[0].stat().st_mtime_ns
    again = []
    monkeypatch.setattr(store, "write_dataset", lambda d, p: (again.append(p), write(d, p)))
    with caplog.at_level(logging.WARNING), train(members=20, side_by_side=2, out=out) as history:
        assert "damaged" in caplog.text
        assert written[1] in again
        assert written[0] not in again
        assert before
        np.testing.assert_array_equal(history.output, whole.output)
        np.testing.assert_array_equal(history.member, np.arange(20))
    again.clear()
    with train(members=20, side_by_side=2, out=out) as history:
        assert not again
        np.testing.assert_array_equal(history.loss, whole.loss)
    with pytest.raises(ValueError, match="another training"):
        train(members=20, side_by_side=2, out=out, richness=2.0)
    (out / disk.MANIFEST).write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        train(members=20, side_by_side=2, out=out)
    with pytest.raises(ValueError, match="other things"):
        train(members=20, out=tmp_path)


def test_memory_is_estimated_first(monkeypatch):
    monkeypatch.setattr(sizes.memory, "available", lambda: 10_000)
    with pytest.raises(ValueError, match=r"would take about .* are available: record less"):
        train(steps=100)


def test_an_optimizer_that_is_neither_kind_must_say_its_rates():
    with pytest.raises(ValueError, match="give rates='sgd' or rates='adam'"):
        train(optimizer=optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1)))


def half(outputs, targets):
    return (outputs - targets) / 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"steps": None}, "give steps and optimizer"),
        ({"at": [0, 6]}, "ascending whole numbers from 0 to steps=5"),
        ({"at": [3, 2]}, "ascending"),
        ({"members": 0}, "members is 0"),
        ({"members": (3, 3)}, "members is (3, 3)"),
        ({"batch_size": 7}, "batch_size is 7 for 6 samples"),
        ({"schedule": "sharde"}, "did you mean 'shared'"),
        ({"side_by_side": 0}, "side_by_side is 0"),
        ({"loss": "men"}, "did you mean 'mean'"),
        ({"loss": half}, "return one real number"),
        ({"loss": "cross_entropy"}, "needs integer labels"),
        ({"loss": "cross_entropy", "data": (X, np.arange(6))}, "labels in y reach from 0 to 5"),
        ({"data": (X, Y[:5])}, "y has shape (5,) for 6 inputs"),
        ({"data": (X, np.stack([Y, Y], 1))}, "the network has 1 outputs"),
        ({"data": (X, np.where(Y > 0, np.nan, Y))}, "not finite"),
        ({"data": (X * np.inf, Y)}, "not finite"),
        ({"data": X}, "data is not a pair"),
        ({"test": (X[:, :2], Y)}, "give inputs of one shape"),
        ({"test": (X, Y[:, None])}, "give both alike"),
        ({"richness": -1.0}, "richness is -1.0"),
        ({"richness": (1.0, 1.0)}, "each value once"),
        ({"widths": [4, 0]}, "widths is [4, 0]"),
        ({"optimizer": optax.sgd}, "give learning_rates for it"),
        ({"optimizer": optax.sgd(0.1), "learning_rates": 0.1}, "leave learning_rates out"),
        ({"rates": "sdg"}, "did you mean 'sgd'"),
        ({"times": [1.0]}, "times means gradient flow"),
        ({"times": [1.0, 1.0], "steps": None, "optimizer": None}, "ascending, finite times"),
    ],
)  # fmt: skip
def test_refused(settings, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        train(**settings)
