"""Angles at infinite width: closed forms, published limits, and networks written in NumPy."""

from typing import Any

import numpy as np
import pytest

from widthwise import activations
from widthwise.kernels import (
    layer_scaling,
    mlp_angles,
    relu_batch_angles,
    residual_angle_limit,
    residual_angles,
)
from widthwise.kernels.feature_speed import sensitivity

V = np.arange(1, 51)
ANY: Any = str


def test_relu_networks_have_a_closed_form() -> None:
    found = mlp_angles(activations.relu, depth=50)
    np.testing.assert_allclose(found.cosine, (3 * V / (2 * V**2 + 1)) ** 0.5, rtol=1e-12)
    after = (3 * V / ((2 * V + 1) * (V + 1))) ** 0.5
    np.testing.assert_allclose(found.activation_cosine, after, rtol=1e-12)


def test_linear_networks_have_another() -> None:
    found = mlp_angles(activations.identity, depth=50)
    expected = (6 * V / ((V + 1) * (2 * V + 1))) ** 0.5
    np.testing.assert_allclose(found.cosine, expected, rtol=1e-12)


def test_off_criticality() -> None:
    growing = mlp_angles(activations.relu, depth=20, contributions=np.arange(1.0, 21))
    assert growing.first[-1] == pytest.approx(210)
    assert growing.second[-1] == pytest.approx(362768)
    assert growing.cosine[-1] == pytest.approx(0.3486621544, abs=1e-9)
    small = mlp_angles(activations.relu, depth=10, weight_variance=1.8)
    assert small.cosine[-1] == pytest.approx(0.4421659125, abs=1e-9)


def test_tanh_with_biases() -> None:
    found = mlp_angles(activations.tanh(), depth=10, weight_variance=1.5, bias_variance=0.05)
    assert found.variance[-1] == pytest.approx(0.4194224376, abs=1e-8)
    assert found.second[-1] == pytest.approx(182.2613115893, abs=1e-7)
    assert found.cosine[-1] == pytest.approx(0.5220306960, abs=1e-8)


@pytest.mark.parametrize(
    ("layers", "weight", "nodes", "expected"),
    [
        (12, 0.5, [3, 6, 11], [0.93445951, 0.76399263, 0.61551729]),
        (30, 30**-0.5, [15, 29], [0.86751928, 0.77441053]),
        (30, 2 * 30**-0.5, [29], [0.50340909]),
        (100, 0.1, [99], [0.75805937]),
        (50, 0.2, [49], [0.63143795]),
    ],
)
def test_residual_networks(layers, weight, nodes, expected) -> None:
    found = residual_angles(layers - 2, weight)
    np.testing.assert_allclose(found.cosine[np.array(nodes) - 2], expected, atol=1e-7)


def test_residual_networks_without_skip_or_branch() -> None:
    plain = mlp_angles(activations.relu, depth=12).cosine
    np.testing.assert_allclose(residual_angles(12, 1.0).cosine, plain, rtol=1e-12)
    np.testing.assert_allclose(residual_angles(12, 0.0).cosine, 1, rtol=1e-12)
    linear = residual_angles(28, 30**-0.5, activation="linear").cosine[-1]
    assert linear == pytest.approx(0.7956921892, abs=1e-9)


def test_the_limit_of_depth() -> None:
    known = {0.25: 0.979513, 0.5: 0.922401, 1: 0.751176, 2: 0.468744, 5: 0.19835}
    for c, expected in known.items():
        assert residual_angle_limit(c) == pytest.approx(expected, abs=1e-5 if c >= 5 else 2e-6)
    assert residual_angle_limit(0) == 1
    assert residual_angle_limit(50) * 50 == pytest.approx(1, abs=1e-3)
    assert residual_angle_limit(1.5, activation="linear") == pytest.approx(2.5**-0.5)
    ends = [residual_angles(n, 1.5 * n**-0.5).cosine[-1] for n in (60, 120)]
    assert 2 * ends[1] - ends[0] == pytest.approx(residual_angle_limit(1.5), abs=1e-3)


X = 2 * np.array([[1, 0, 0, 0], [0.6, 0.8, 0, 0], [0, 0, 1, 0]])
K1 = X @ X.T / 2


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((1, 1, 1), [0.95447202, 0.82006509, 0.63493782, 0.46907108]),
        ((1, -1, 0.5), [0.82795038, 0.67583979, 0.49266836, 0.34713489]),
    ],
)
def test_batches(errors, expected) -> None:
    found = [relu_batch_angles(K1, np.array(errors, float), depth=n)[-1] for n in (1, 2, 4, 8)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_one_input_is_a_batch() -> None:
    found = relu_batch_angles(np.ones((1, 1)), np.array([2.0]), depth=6)
    np.testing.assert_allclose(found, mlp_angles(activations.relu, depth=6).cosine, rtol=1e-10)


def test_batches_against_networks_in_numpy() -> None:
    """Every layer, also those whose backward vectors pass others: five networks of width 600."""
    rng, width, depth, r = np.random.default_rng(0), 600, 4, np.array([1, -1, 0.5])
    rows = []
    for _ in range(5):
        fans = [4] + [width] * (depth - 1)
        w = [rng.standard_normal((width, n)) * (2 / n) ** 0.5 for n in fans]
        g, gates, inputs = X, [], []
        for matrix in w:
            inputs.append(g)
            gates.append((g @ matrix.T) > 0)
            g = (g @ matrix.T) * gates[-1]
        b = [r[:, None] * rng.standard_normal(width) * gates[-1]]
        for layer in reversed(range(1, depth)):
            b.insert(0, (b[0] @ w[layer]) * gates[layer - 1])
        motion, row = np.zeros((3, width)), []
        for layer, fan in enumerate(fans):
            before = motion * gates[layer - 1] @ w[layer].T if layer else 0
            motion = before + inputs[layer] @ inputs[layer].T @ b[layer] / fan
            row.append(
                np.sum(motion * b[layer]) / np.linalg.norm(motion) / np.linalg.norm(b[layer])
            )
        rows.append(row)
    mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / 5**0.5
    predicted = relu_batch_angles(K1, r, depth=depth)
    assert np.all(np.abs(mean - predicted) < 4 * error + depth / width)


def test_scalings() -> None:
    expected = {
        "ntk": (0.05, [0.005, 1.25e-4, 1.25e-4], 0.1733387),
        "mup": (0.0025, [0.4472136, 0.01118034, 2.795085e-5], 3.466774),
        "feature_speed": (0.01118034, [0.1, 0.0025, 1.25e-4], 0.7751941),
    }
    cosine = float(mlp_angles(activations.relu, depth=18).cosine[-1])
    for rule, (readout, rates, speed) in expected.items():
        found = layer_scaling(ANY(rule), width=400, layers=20, inputs=10)
        assert found.init_std[-1] == pytest.approx(readout, rel=1e-6)
        assert found.init_std[[0, 5]].tolist() == pytest.approx([10**-0.5, 200**-0.5])
        assert found.learning_rate[[0, 5, -1]].tolist() == pytest.approx(rates, rel=1e-6)
        norm = float(found.init_std[-1]) * 400**0.5
        assert sensitivity(cosine, norm, size=400) == pytest.approx(speed, rel=1e-5)


def test_residual_scaling_makes_a_network() -> None:
    found = layer_scaling("feature_speed", width=16, layers=6, inputs=3, branch=0.5)
    rows = found.network().parameter_table((3,))
    np.testing.assert_allclose(
        [float(row.init_std) for row in rows], [3**-0.5, *[0.5 * 8**-0.5] * 4, 1 / 16], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: mlp_angles(activations.relu, depth=0), "give at least 1"),
        (
            lambda: mlp_angles(activations.relu, depth=2, contributions=np.arange(2.0)),
            "first contri",
        ),
        (lambda: mlp_angles(activations.relu, depth=2, variance=0.0), "positive, finite"),
        (lambda: residual_angles(3, 1.5), "from 0 to 1"),
        (lambda: residual_angles(3, 0.5, activation=ANY("rleu")), "did you mean 'relu'"),
        (lambda: residual_angle_limit(-1.0), "at least 0"),
        (lambda: relu_batch_angles(K1, np.zeros(3), depth=2), "not all of them zero"),
        (lambda: layer_scaling("mup", width=4, layers=2, inputs=1), "at least 3"),
        (lambda: layer_scaling("ntk", width=4, layers=3, inputs=1, branch=1.0), "alone"),
        (lambda: sensitivity(0.0, 1.0, size=3), "positive numbers"),
    ],
)
def test_refused(call, match) -> None:
    with pytest.raises(ValueError, match=match):
        call()
