"""Bounds of gradient descent on all inputs, at learning rates small and far beyond stability."""

import math

import numpy as np
import pytest

from widthwise.data import gaussian_inputs, sphere_inputs
from widthwise.dynamics.directional import descent_bounds, steady_norm, weights_descent

V = np.array([0.0, 1.0])


def run(rates, *, law=None, start=(0.6, -0.8)):
    law = sphere_inputs(2) if law is None else law
    return law, weights_descent(law, [np.array([start])], V, rates)


@pytest.mark.parametrize("rate", [0.05, 0.5, 8.0, 100.0])
def test_descent_lies_below_both_bounds(rate):
    for law in (sphere_inputs(2), gaussian_inputs(2, scale=0.7)):
        rates = np.full(60, rate)
        law, found = run(rates, law=law)
        bounds = descent_bounds(law, found, rates, V)
        assert bounds.valid.all()
        assert np.all(bounds.margin[1:] <= bounds.margin[:-1])
        acute = found.product[:, 1] >= 0
        # The first bound holds up to the first acute angle, that one included.
        assert np.isfinite(bounds.opposite).sum() == np.argmax(acute) + 1


def test_bounds_are_the_published_sums():
    """Written out as the theorems are, with rates that vary."""
    rates = 0.3 + 0.2 * np.cos(np.arange(30))
    law, found = run(rates)
    bounds = descent_bounds(law, found, rates, V)
    a, opening = 1.0, 0.2  # c0 = 1 on the circle
    n = int(np.isfinite(bounds.opposite).sum()) - 1
    total = sum(rates[k] / math.sqrt(a + sum(rates[: k + 1] ** 2)) for k in range(n))
    expected = 1 - 1.8 * math.exp(-opening / math.pi * total)
    assert -math.tanh(bounds.opposite[n]) == pytest.approx(expected)
    delta = bounds.margin[-1]
    total = sum(
        rates[k] / math.sqrt(a + sum(rates[: k + 1] ** 2 + 0.6 * rates[: k + 1])) for k in range(30)
    )
    expected = 1 - 1.8 * math.exp(-delta * opening / ((1 + delta) * math.pi) * total)
    assert -math.tanh(bounds.steady[-1]) == pytest.approx(expected)


def test_a_step_turns_as_the_identity_says():
    rates = np.full(12, 3.0)
    _, found = run(rates)
    w, norm = found.product, found.norm
    cosine = w[:, 1] / norm
    along = np.sum(w[1:] * w[:-1], axis=1) / norm[:-1]
    b = 3.0 / math.pi
    q = 1 - b * cosine[:-1] / (norm[1:] + along)
    expected = (1 - cosine[:-1]) * (1 - b * (1 + cosine[:-1]) * q / norm[1:])
    np.testing.assert_allclose(1 - cosine[1:], expected, atol=1e-12)


def test_large_rates_converge_faster_than_any_power():
    """From the step on at which the norm is large enough the bound falls as exp(-sqrt(n))."""
    rates = np.full(3000, 20.0)
    law, found = run(rates)
    enough = steady_norm(law, 20.0, margin=1.0)
    since = int(np.argmax(found.norm >= enough))
    assert 0 < since < 1000
    assert np.all(found.norm[since:] >= enough)
    bounds = descent_bounds(law, found, rates, V, since=since)
    assert bounds.margin[-1] >= 1
    assert bounds.valid.all()
    fall = -bounds.steady
    steps = np.array([400, 1600])
    ratio = (fall[steps[1]] - fall[0]) / (fall[steps[0]] - fall[0])
    assert ratio == pytest.approx(2.0, rel=0.1)


def test_refused():
    rates = np.full(5, 0.5)
    law, found = run(rates)
    with pytest.raises(ValueError, match="6 records for 4 learning rates"):
        descent_bounds(law, found, rates[:4], V)
    with pytest.raises(ValueError, match="since is 5"):
        descent_bounds(law, found, rates, V, since=5)
