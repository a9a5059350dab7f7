"""When training arrives at the edge of stability: exact sequences, and a real ensemble."""

import jax
import numpy as np
import optax
import pytest
import xarray as xr

import widthwise as ww
from widthwise.observables import edge_of_stability


def test_crossings_are_interpolated_and_lost_networks_have_none():
    values = np.array([[1.0, 3.0, 5.0, 4.0], [1, 1, 1, 1], [5, 4, 4, 4], [1, 6, np.nan, np.nan]])
    history = xr.Dataset(
        {"sharpness": (("member", "step"), values)}, coords={"step": [0, 10, 20, 30]}
    )
    found = edge_of_stability(history, 0.5, late=0.25)
    np.testing.assert_allclose(found.first_step, [15, np.nan, 0, 6])
    np.testing.assert_allclose(found.fraction, [0.25, 0, 0.25, 0.25])
    assert found.at_edge.values.tolist() == [True, False, True, False]


@pytest.mark.slow
def test_networks_beyond_the_edge_come_to_it():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 2)).astype(np.float32)
    net = ww.Sequential(ww.Dense(16), ww.Tanh(), ww.Dense(1), parametrization=ww.NTK())
    history = ww.train(
        net, (x, np.sign(x[:, 0])), key=jax.random.key(0), members=2, steps=40,
        optimizer=optax.sgd, learning_rates=(0.01, 0.3), record="sharpness", at=[0, 20, 40],
    ).isel(width=0)  # fmt: skip
    found = edge_of_stability(history)
    assert found.first_step.dims == ("learning_rate", "member")
    expected = history.sharpness * history.learning_rate / 2
    np.testing.assert_allclose(
        found.ratio, expected.transpose("learning_rate", "member", "step"), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: edge_of_stability(xr.Dataset(), 0.1), "no sharpness along step"),
        (lambda: edge_of_stability(_flat()), "give learning_rate"),
        (lambda: edge_of_stability(_flat(), 0.0), "learning_rate is 0.0"),
        (lambda: edge_of_stability(_flat(), 0.1, late=0.0), "0 < late <= 1"),
    ],
)
def test_refused(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def _flat():
    return xr.DataArray(np.ones(3), dims="step", coords={"step": [0, 1, 2]})
