"""Rejection rates, standard errors and floors by simulation of ensembles whose law is known."""

import jax
import numpy as np
import pytest

from widthwise import weights
from widthwise.weights.fit import fits

ENSEMBLES = 1500
MEMBERS, SIZE = 30, 10


def ensembles(model, members: int, symmetry: str, seed: int = 0) -> list[weights.Fit]:
    """Fits to independent ensembles of a model, drawn at once."""
    of = fits(model.sample(jax.random.key(seed), ENSEMBLES * members), symmetry)
    return [of(slice(i * members, (i + 1) * members)) for i in range(ENSEMBLES)]


def rate(found: list[weights.Fit], null: str, alternative: str) -> float:
    tests = [weights.likelihood_ratio(fit, null, alternative) for fit in found]
    return float(np.mean([test.p_value < 0.05 for test in tests]))


@pytest.mark.slow
@pytest.mark.parametrize(("members", "size"), [(3, 5), (30, 10), (4, 4), (1, 20)])
def test_tests_reject_at_their_nominal_rate(members: int, size: int) -> None:
    uneven = weights.BipartiteGaussian((size, size), 1.0, 0.5, 3.0, 0.2, 1.0)
    even = weights.IsotropicGaussian((size, size), 0.3, 2.0)
    wide = weights.IsotropicGaussian((size, 2 * size), 0.3, 2.0)
    tied = ensembles(uneven, members, "tied")
    assert 0.035 < rate(tied, "bipartite", "tied") < 0.065
    assert 0.035 < rate(ensembles(even, members, "tied"), "isotropic", "tied") < 0.065
    untied = ensembles(wide, members, "bipartite")
    assert 0.035 < rate(untied, "isotropic", "bipartite") < 0.065
    means = [weights.likelihood_ratio(fit).statistic for fit in tied[:500]]
    expected = weights.likelihood_ratio(tied[0]).expected
    assert np.mean(means) == pytest.approx(expected, abs=4 * np.std(means) / 500**0.5)


@pytest.mark.slow
def test_errors_cover_and_floors_are_met(p) -> None:
    model = weights.TiedGaussian(SIZE, p.mean, p.trivial, p.standard, p.symmetric, p.antisymmetric)
    found = ensembles(model, MEMBERS, "tied", seed=1)
    fits_and_errors = [(f.unbiased.parameters, f.standard_errors) for f in found]
    for name, value in model.parameters.items():
        z = [(estimate[name] - value) / error[name] for estimate, error in fits_and_errors]
        # 68.3 % of many matrices; of 30, a variance of one copy has 29 degrees of freedom
        slack = 0.06 if name.startswith("trivial") else 0.035
        assert np.mean(np.abs(z) < 1) == pytest.approx(0.683, abs=slack), name
    distances = [weights.squared_wasserstein(f.model, model).total for f in found]
    exact = weights.Fit(model, MEMBERS)
    assert np.mean(distances) == pytest.approx(exact.wasserstein_floor, rel=0.06)
    divergences = [weights.kl(f.model, model).total for f in found]
    assert np.mean(divergences) == pytest.approx(exact.kl_floor, rel=0.12)
    start = weights.as_tied(weights.IsotropicGaussian((SIZE, SIZE), 0.0, 0.1))
    assert weights.Fit(start, 200).wasserstein_floor == pytest.approx(7.5 * 0.1 / 200)
    five = weights.IsotropicGaussian((6, 9), 0.0, 0.1)
    found = ensembles(five, 50, "bipartite", seed=2)
    distances = [weights.squared_wasserstein(f.model, five).total for f in found]
    assert np.mean(distances) == pytest.approx(3 * 0.1 / 50, rel=0.06)
    assert weights.Fit(five.bipartite, 50).wasserstein_floor == pytest.approx(3 * 0.1 / 50)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["tied", "isotropic"])
def test_significances_of_deviations_are_calibrated(family: str) -> None:
    """Over 1,050 ensembles, each with a bootstrap of its own: 20 resamples test at 1/21."""
    law = weights.IsotropicGaussian((5, 5), 0.2, 1.0)
    graphs = [weights.Graph(words) for words in ("ab bc ca", "ab ab ab ab", "ab ac de")]
    rejected, z = [], []
    for index in range(1050):
        w = law.sample(jax.random.key(index), 20)
        found = weights.deviations(
            w, family, graphs, key=jax.random.key(10_000 + index), resamples=20
        )
        rejected.append(found.p_value.values <= 0.05)
        z.append(found.z.values)
    rates = np.mean(rejected, axis=0)
    assert np.all((rates > 0.035) & (rates < 0.065)), rates
    np.testing.assert_allclose(np.std(z, axis=0), 1.0, atol=0.25)
