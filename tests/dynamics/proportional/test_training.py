"""Deep linear training in the proportional limit: reference values, limits, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widthwise.dynamics import learning_rate_sweep, proportional_training
from widthwise.networks import ProportionalLinear

RATES = np.geomspace(0.02, 1, 41)
WIDTHS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)


@pytest.mark.parametrize(
    ("parametrization", "nu", "loss", "outliers", "eigenvalues"),
    [
        ("mup", 0.5, 0.0054447, (2.6816137, 2.7059685), (12.263225, 12.604967)),
        ("mup", 1.0, 0.0016197, (2.5610048, 2.5769090), (12.095110, 12.292801)),
        ("mup", 4.0, 0.0002734, (2.4768441, 2.4873149), (12.019241, 12.131346)),
        ("mup", 16.0, 0.0000810, (2.4564270, 2.4657521), (12.005794, 12.099616)),
        ("ntk", 0.5, 0.0002850, (3.1231013, 3.1243603), (17.360895, 17.386341)),
        ("ntk", 1.0, 0.0016197, (2.5610048, 2.5769090), (12.095110, 12.292801)),
        ("ntk", 4.0, 0.0184342, (1.7011901, 1.8167987), (5.457665, 6.353895)),
        ("ntk", 16.0, 0.0457122, (1.2702608, 1.3637121), (3.030467, 3.615898)),
    ],
)
def test_population_training(parametrization, nu, loss, outliers, eigenvalues):
    network = ProportionalLinear(width_ratio=nu, richness=6.0, parametrization=parametrization)
    found = proportional_training(network, learning_rate=0.05, steps=31)
    assert found.test_loss[10] == pytest.approx(loss, abs=1e-7)
    assert found.stable
    largest = found.outliers(0, steps=(10, 30)).singular_value[:, 0]
    np.testing.assert_allclose(largest, outliers, atol=1e-6)
    np.testing.assert_allclose(found.leading_ntk_eigenvalue(steps=(10, 30)), eigenvalues, atol=1e-5)


def test_independent_spikes_would_leave_where_true_ones_stay():
    network = ProportionalLinear(richness=2.0)
    found = (
        proportional_training(network, learning_rate=0.1, steps=20)
        .outliers(0, steps=(20,))
        .isel(step=0)
    )
    assert np.isnan(found.singular_value[0])
    assert float(found.escape_statistic) == pytest.approx(0.753, abs=5e-4)
    assert float(found.independent[0]) == pytest.approx(2.0200, abs=1e-4)


@pytest.mark.parametrize(
    ("nu", "test", "train", "first", "hidden"),
    [
        (
            2.0,
            (0.0843412, 0.0077721),
            (0.0260978, 0.0012135),
            (1.8130640, 1.8743244),
            (2.0605728, 2.1210828),
        ),
        (0.5, (0.1562325, 0.0213861), None, (np.nan, np.nan), (2.0036432, 2.0489637)),
    ],
)
def test_two_hidden_layers_on_samples(nu, test, train, first, hidden):
    network = ProportionalLinear(hidden_layers=2, width_ratio=nu, sample_ratio=2.0, richness=6.0)
    found = proportional_training(network, learning_rate=0.02, steps=30)
    np.testing.assert_allclose(found.test_loss[[10, 30]], test, atol=1e-7)
    if train is not None:
        np.testing.assert_allclose(found.train_loss[[10, 30]], train, atol=1e-7)
    at = [found.outliers(layer, steps=(10, 30)) for layer in (0, 1)]
    np.testing.assert_allclose(at[0].singular_value[:, 0], first, atol=1e-6)
    np.testing.assert_allclose(at[1].singular_value[:, 0], hidden, atol=1e-6)
    assert at[0].attrs["edge"] == pytest.approx(1 + nu**-0.5)
    if nu < 1:
        np.testing.assert_allclose(at[0].escape_statistic, [0.780, 0.860], atol=1e-3)


def test_label_noise():
    network = ProportionalLinear(width_ratio=0.5, sample_ratio=2.0, noise=0.3, richness=2.0)
    found = proportional_training(network, learning_rate=0.1, steps=10)
    assert found.test_loss[10] == pytest.approx(0.1467291, abs=1e-7)
    assert found.train_loss[10] == pytest.approx(0.0714864, abs=1e-7)
    # before training: |beta|^2, the random network's own output, and noise in the train loss
    assert found.test_loss[0] == pytest.approx((1 + 1 / (0.5 * 4)) / 2)
    assert found.train_loss[0] == pytest.approx(found.test_loss[0] + 0.045)


def test_lazy_training_forgets_exponentially():
    """Far from rich the kernel is 2 nu-independent and static: every step multiplies by 1 - eta K.

    One hidden layer, wide: K = |w|^2 / N + W^T W / N has eigenvalues around 2.
    """
    network = ProportionalLinear(width_ratio=1e6, richness=1e-3, parametrization="mup")
    found = proportional_training(network, learning_rate=0.1, steps=6)
    expected = found.test_loss[0] * (1 - 0.2) ** (2 * np.arange(7))
    np.testing.assert_allclose(found.test_loss, expected, rtol=5e-3)


@pytest.mark.parametrize(
    ("layers", "parametrization", "best"),
    [
        (2, "mup", (0.0867, 0.0867, 0.0867, 0.0713, 0.0647, 0.0647)),
        (2, "ntk", (0.0586, 0.0867, 0.1163, 0.156, 0.2091, 0.2543)),
        (1, "mup", (0.1896, None, None, None, None, 0.156)),
        (1, "ntk", (0.1414, None, None, None, None, 0.4573)),
    ],
)
def test_best_learning_rates(layers, parametrization, best):
    networks = [
        ProportionalLinear(
            hidden_layers=layers, width_ratio=nu, richness=4.0, parametrization=parametrization
        )
        for nu in WIDTHS
    ]
    found = learning_rate_sweep(networks, RATES, steps=8)
    for value, expected in zip(found.best_learning_rate.values, best, strict=True):
        assert expected is None or value == pytest.approx(expected, abs=1e-4)
    if layers == 2:
        drift = {"mup": 1.34, "ntk": 4.3}[parametrization]
        assert found.attrs["drift"] == pytest.approx(drift, rel=0.01)
    assert np.all(found.best_learning_rate <= found.largest_stable_learning_rate)
    # rates side by side are rates one by one
    alone = proportional_training(networks[2], learning_rate=float(RATES[10]), steps=8)
    assert alone.test_loss[-1] == pytest.approx(float(found.test_loss[2, 10]), rel=1e-12)


def test_divergence_is_marked():
    network = ProportionalLinear(hidden_layers=2, richness=4.0)
    found = learning_rate_sweep([network], [0.05, 5.0, 500.0], steps=30)
    np.testing.assert_array_equal(found.stable[0], [True, False, False])
    assert found.test_loss[0, 0] < 1e-3
    assert float(found.largest_stable_learning_rate[0]) == 0.05
    lost = proportional_training(network, learning_rate=500.0, steps=30)
    assert not lost.stable
    with pytest.raises(ValueError, match="diverged: take a smaller one"):
        lost.outliers(0)
    none = learning_rate_sweep([network], [500.0], steps=30)
    assert np.isnan(none.best_learning_rate[0])
    assert np.isnan(none.attrs["drift"])


@given(nu=st.floats(0.3, 5), gamma=st.floats(0.3, 4))
@settings(deadline=None, max_examples=8)
def test_the_two_parametrizations_differ_by_their_output_scale(nu, gamma):
    one = ProportionalLinear(width_ratio=nu, richness=gamma / nu**0.5, parametrization="mup")
    other = ProportionalLinear(width_ratio=nu, richness=gamma, parametrization="ntk")
    losses = [
        proportional_training(network, learning_rate=0.02, steps=4).test_loss
        for network in (one, other)
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-9)


def test_many_samples_are_the_population():
    many = ProportionalLinear(sample_ratio=1e8, richness=2.0)
    all_ = ProportionalLinear(richness=2.0)
    found = [proportional_training(n, learning_rate=0.1, steps=8) for n in (many, all_)]
    np.testing.assert_allclose(found[0].test_loss, found[1].test_loss, rtol=1e-6)
    np.testing.assert_allclose(found[0].train_loss, found[1].test_loss, rtol=1e-6)


def test_refusals():
    for name, value in (
        ("hidden_layers", 0),
        ("width_ratio", 0.0),
        ("sample_ratio", -1.0),
        ("noise", -0.1),
        ("richness", float("nan")),
    ):
        with pytest.raises(ValueError, match=f"{name} is {value}"):
            ProportionalLinear(**{name: value})  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="noise averages out"):
        ProportionalLinear(noise=0.1)
    network = ProportionalLinear(hidden_layers=2)
    with pytest.raises(ValueError, match="steps is 0"):
        proportional_training(network, learning_rate=0.1, steps=0)
    with pytest.raises(ValueError, match="learning_rate is -1"):
        proportional_training(network, learning_rate=-1.0, steps=2)
    found = proportional_training(network, learning_rate=0.1, steps=2)
    with pytest.raises(ValueError, match=r"weight matrices 0\.\.1"):
        found.outliers(2)
    with pytest.raises(ValueError, match="between 0 and 2"):
        found.outliers(1, steps=(1, 3))
    with pytest.raises(ValueError, match="a list that increases"):
        found.outliers(1, steps=(2, 1))
    with pytest.raises(NotImplementedError, match="one hidden layer, not for 2"):
        found.leading_ntk_eigenvalue()
    with pytest.raises(ValueError, match="networks is empty"):
        learning_rate_sweep([], RATES, steps=2)
    with pytest.raises(ValueError, match="give a list that increases"):
        learning_rate_sweep([network], [0.2, 0.1], steps=2)
