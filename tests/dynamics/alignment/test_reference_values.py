"""Closed forms at published points, limits between them, and direct simulation."""

import math

import numpy as np
import pytest

from widthwise.dynamics.alignment import (
    effective_ridge,
    finite_size,
    input_noise,
    label_flips,
    label_noise,
    label_noise_at,
    label_noise_given,
    random_layers,
    several_outputs,
)

SPECTRUM = np.tile([4, 2, 1, 0.5, 0.25, 0.125], 10)
TARGET = np.tile([0.5, -0.3, 0.2, 0.1, 0.4, -0.6], 10)


@pytest.mark.parametrize(
    ("ratio", "snr", "labels", "data", "inputs"),
    [
        (0.5, 2, 0.5, 0.25, 0.5357142857),
        (0.9, 10, 0.5, 0.45, 0.5145161290),
        (1.2, 5, 0.5, 0.5, 0.5274725275),
        (3, 1, 0.6666666667, 0.6666666667, 0.7272727273),
        (0.25, 1, 0.4285714286, 0.1071428571, 0.4571428571),
    ],
)
def test_channels(ratio: float, snr: float, labels: float, data: float, inputs: float):
    assert label_noise(ratio, snr).overlap == pytest.approx(labels, abs=1e-9)
    own = label_noise(ratio, snr, independent_data=True).overlap
    assert own == pytest.approx(data, abs=1e-9)
    assert input_noise(ratio, snr).overlap == pytest.approx(inputs, abs=1e-9)


@pytest.mark.parametrize(
    ("ratio", "snr", "ridge", "kappa", "overlap", "error"),
    [
        (0.5, 2, 0.1, 1.1844288770, 0.5389278074, 0.8669214469),
        (1, 2, 0.1, 0.3701562119, 0.5193751525, 0.7260860118),
        (1, 10, 0.01, 0.1051249220, 0.6554692377, 0.5018106672),
        (2, 5, 0.05, 0.0922144385, 0.8538927807, 0.1565859900),
        (1, 1, 1, 1.6180339887, 0.5527864045, 0.6180339887),
    ],
)
def test_ridge(ratio: float, snr: float, ridge: float, kappa: float, overlap: float, error: float):
    found = label_noise(ratio, snr, ridge=ridge)
    acting = effective_ridge([1.0], sample_ratio=ratio, ridge=ridge)
    assert [acting, found.overlap, found.test_error] == pytest.approx(
        [kappa, overlap, error], abs=1e-9
    )


@pytest.mark.parametrize(
    ("ratio", "flips", "overlap"),
    [
        (0.5, 0.1, 0.5478986742),
        (2, 0.1, 0.64),
        (1.5, 0.25, 0.1851568418),
        (4, 0.02, 0.9639277784),
        (1, 0.1, 0.39247002),
    ],
)
def test_flips(ratio: float, flips: float, overlap: float):
    assert label_flips(ratio, flips).overlap == pytest.approx(overlap, abs=1e-8)


@pytest.mark.parametrize(("ratio", "noise"), [(0.5, 0.05), (1.5, 0.05), (3, 0.2)])
def test_several_outputs(ratio: float, noise: float):
    """Only noise over what is learned matters, and that is equal in the three."""
    cka = several_outputs(ratio, [1, 0.5, 0.25, 0.1], noise_variance=noise)
    assert cka == pytest.approx(0.6908128908, abs=1e-9)
    assert several_outputs(ratio, [1.0], noise_variance=noise) == pytest.approx(
        label_noise(ratio, 1 / noise).cka, abs=1e-12
    )


@pytest.mark.parametrize(
    ("samples", "inputs", "snr", "ratio", "cka"),
    [
        (20, 40, 5, 0.7037037037, 0.5256160736),
        (60, 40, 5, 0.7037037037, 0.5128604858),
        (160, 40, 1, 0.7484276730, 0.5716904388),
    ],
)
def test_finite_size(samples: int, inputs: int, snr: float, ratio: float, cka: float):
    found = finite_size(samples, inputs, snr)
    assert [found.ratio, found.cka] == pytest.approx([ratio, cka], abs=1e-9)


@pytest.mark.parametrize(
    ("samples", "ridge", "kappa", "overlap", "error", "own"),
    [
        (30, 0, 0.7071067812, 0.9233222948, 3.4347169009, 0.7734107194),
        (59, 0.01, 0.0763880414, 0.8872309706, 1.9711197098, None),
        (120, 0, 0, 0.9632352941, 0.5, None),
        (120, 0.2, 0.2981105432, 0.9850855168, 0.7509952898, None),
    ],
)
def test_given_covariance(
    samples: int, ridge: float, kappa: float, overlap: float, error: float, own: float | None
):
    settings = {"samples": samples, "noise_variance": 0.5, "ridge": ridge}
    found = label_noise_given(SPECTRUM, TARGET, **settings)
    acting = effective_ridge(SPECTRUM, sample_ratio=samples / 60, ridge=ridge)
    assert [acting, found.overlap, found.test_error] == pytest.approx(
        [kappa, overlap, error], abs=1e-8
    )
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((60, 60)))[0]
    matrix = turn @ np.diag(SPECTRUM) @ turn.T
    again = label_noise_given((matrix + matrix.T) / 2, turn @ TARGET, **settings)
    assert again.overlap == pytest.approx(overlap, abs=1e-8)
    if own is not None:
        theirs = label_noise_given(SPECTRUM, TARGET, independent_data=True, **settings)
        assert theirs.overlap == pytest.approx(own, abs=1e-8)


@pytest.mark.parametrize(
    ("ratio", "time", "overlap", "error"),
    [
        (0.5, 1, 0.6490549993, 0.7260510257),
        (1, 10, 0.4878529323, 0.9353515973),
        (1, 100, 0.2325564334, 3.0993886168),
        (2, 10, 0.6972335547, 0.4150975201),
    ],
)
def test_training_time(ratio: float, time: float, overlap: float, error: float):
    found = label_noise_at(ratio, 2, time)
    assert [found.overlap, found.test_error] == pytest.approx([overlap, error], abs=1e-6)


def test_training_time_has_its_limits():
    early, late = label_noise_at(0.8, 2, 1e-6), label_noise_at(1.5, 2, 1e5)
    assert early.overlap == pytest.approx(1.8 / (1.8 + 0.5), abs=1e-5)
    assert late.overlap == pytest.approx(label_noise(1.5, 2).overlap, abs=1e-9)
    assert label_noise_at(0.8, 2, math.inf) == label_noise(0.8, 2)


def test_the_ridge_moves_the_dip_to_fewer_samples():
    """The place where 2 kappa / (1 + kappa) + P/D is least, whatever the noise."""
    ratios = np.linspace(0.2, 1.1, 181)
    for ridge, position in ((0.05, 0.881), (0.2, 0.6605), (0.5, 4 / 9)):
        kappa = (ridge + 1 / ratios - 1) / 2
        kappa = kappa + np.sqrt(kappa**2 + ridge)
        q = ratios - 1 + 2 * kappa / (1 + kappa)
        for snr in (1.0, 5.0):
            overlap = [label_noise(r, snr, ridge=ridge).overlap for r in ratios]
            np.testing.assert_allclose(overlap, snr * q / (1 + snr * q), rtol=1e-12)
            assert ratios[np.argmin(overlap)] == pytest.approx(position, abs=0.005)


def test_no_noise_and_threshold():
    assert label_noise(1.0, math.inf).overlap == 1.0
    assert label_noise(0.4, math.inf).overlap == pytest.approx(1.0, abs=1e-12)
    assert input_noise(1.0, math.inf).overlap == 1.0
    for found in (label_noise(1.0, 3.0), input_noise(1.0, 3.0)):
        assert (found.overlap, found.at_threshold) == (0.0, True)
    shared = label_noise(1.0, 2.0, nonlinear=1.0)
    assert shared.overlap == pytest.approx(1.0 / 1.5)
    assert several_outputs(1.0, [1.0], noise_variance=0.1) == 0.0
    assert several_outputs(0.5, [1.0], noise_variance=0) == 1.0
    assert not label_noise(1.0, 3.0, ridge=0.1).at_threshold


def test_equal_overlap_and_unequal_error():
    few, many = label_noise(0.2, 5.0), label_noise(1.8, 5.0)
    assert [few.overlap, many.overlap] == pytest.approx([0.8, 0.8])
    assert [few.test_error, many.test_error] == pytest.approx([0.85, 0.25])
    assert few.accuracy < many.accuracy
    assert label_flips(1e6, 0.1).accuracy == pytest.approx(1.0, abs=1e-3)


def test_finite_size_and_error_of_noisy_inputs_against_simulation():
    """Independent of the expansions: means over 2,000 draws, up to four standard errors."""
    rng = np.random.default_rng(0)
    p, d, snr, draws = 20, 40, 5.0, 2000
    x = rng.standard_normal((draws, p, d))
    w = np.eye(d)[0]
    pinv = np.linalg.pinv(x)
    a, b = (
        (pinv @ ((x @ w) + rng.standard_normal((draws, p)) / snr**0.5)[..., None])[..., 0]
        for _ in range(2)
    )
    cosine = np.sum(a * b, axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    found = finite_size(p, d, snr)
    error = cosine.std() / draws**0.5
    assert abs(cosine.mean() - found.overlap) < 4 * error
    assert abs(np.mean(np.sum(a * b, axis=1)) / np.mean(np.sum(a**2, axis=1)) - found.ratio) < 0.01
    noisy = np.linalg.pinv(x[:400] + rng.standard_normal((400, p, d)) / snr**0.5)
    learned = (noisy @ (x[:400] @ w)[..., None])[..., 0]
    expected = input_noise(p / d, snr)
    assert np.mean(np.sum(learned**2, axis=1)) == pytest.approx(expected.squared_norm, rel=0.06)
    test_error = np.mean(np.sum((learned - w) ** 2, axis=1))
    assert test_error == pytest.approx(expected.test_error, rel=0.06)


def test_random_layers_against_simulation():
    rng = np.random.default_rng(1)
    d, m = 10, 30
    a, b = rng.standard_normal((2, 300, m, d))
    inner, one, two = (
        np.sum((np.swapaxes(x, 1, 2) @ x) * (np.swapaxes(y, 1, 2) @ y), axis=(1, 2))
        for x, y in ((a, b), (a, a), (b, b))
    )
    assert np.mean(inner / np.sqrt(one * two)) == pytest.approx(random_layers(d, m), abs=0.01)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: label_noise(0.0, 1.0), "sample_ratio is 0.0"),
        (lambda: label_noise(1.0, 0.0), "snr is 0.0"),
        (lambda: label_noise(1.0, math.nan), "snr is nan"),
        (lambda: label_noise(1.0, 1.0, ridge=-1), "ridge is -1"),
        (lambda: label_noise(1.0, 1.0, nonlinear=-1), "nonlinear is -1"),
        (lambda: label_noise_at(1.0, 1.0, -2.0), "time is -2.0"),
        (lambda: label_noise_at(1.0, 0.0, 1.0), "snr is 0.0"),
        (lambda: label_flips(1.0, 0.5), "flip_probability is 0.5"),
        (lambda: input_noise(1.0, -1.0), "snr is -1.0"),
        (lambda: finite_size(40, 42, 1.0), "differ by at least 4"),
        (lambda: several_outputs(1.0, [0.0], noise_variance=1.0), "not all zero"),
        (lambda: several_outputs(1.0, [1.0], noise_variance=-1.0), "noise_variance is -1.0"),
        (lambda: random_layers(0, 3), "inputs is 0"),
        (lambda: label_noise_given([1.0], [0.0], samples=3, noise_variance=1), "target is zero"),
        (lambda: label_noise_given([-1.0], [1.0], samples=3, noise_variance=1), "below zero"),
        (lambda: label_noise_given([1.0, 1], [1.0], samples=3, noise_variance=1), "shape"),
        (lambda: label_noise_given([1.0], [1.0], samples=0, noise_variance=1), "samples is 0"),
        (lambda: label_noise_given([1.0], [1.0], samples=3, noise_variance=-1), "noise_variance"),
        (
            lambda: label_noise_given([[1.0, 1], [0, 1]], [1.0, 1], samples=3, noise_variance=1),
            "not symmetric",
        ),
    ],
)
def test_bad_input(call, words: str):
    with pytest.raises(ValueError, match=words):
        call()
