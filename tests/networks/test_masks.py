"""Inputs of unequal length: padded ones with a mask against the short ones themselves."""

import jax.numpy as jnp
import numpy as np
import pytest

from widthwise import dynamics
from widthwise import networks as nn
from widthwise.dynamics import KernelMatrices, KernelPair, kernel_regression
from widthwise.ensembles import monte_carlo_kernel

RNG = np.random.default_rng(3)
LONG, SHORT, W = 6, 4, 4
SERIES = RNG.standard_normal((3, LONG, 3))  # the first two are short
MASK = np.ones((3, LONG), bool)
MASK[:2, SHORT:] = False
PADDED = np.where(MASK[..., None], SERIES, np.nan)  # what stands in the padding does not matter
RULES = nn.NTK(1.2, 0.4)


def then(*layers):
    return nn.Sequential(*layers)


NETWORKS = {
    "windows": [
        nn.Conv(W, 3), nn.Relu(), nn.AvgPool(2, strides=1), nn.ConvTranspose(W, 2, strides=2),
        nn.Erf(), nn.Conv(W, 2, padding="VALID", strides=2), nn.GlobalAvgPool(), nn.Dense(2),
    ],
    "attention": [
        nn.Dense(W), nn.LayerNorm(positions=True), nn.Cos(), nn.SelfAttention(W, 2),
        nn.LayerNorm(), nn.SumPool(3, strides=1, padding="SAME"), nn.GlobalSumPool(), nn.Dense(2),
    ],
    "branches": [
        nn.Dense(W), nn.Residual(then(nn.Cos(), nn.Dense(W))),
        nn.Parallel(then(nn.Relu(), nn.Conv(W, 3)), nn.Dense(W), join="product"),
        nn.SelfAttention(W, mechanism="abs"), nn.Dropout(0.5), nn.GlobalAvgPool(), nn.Dense(2),
    ],
}  # fmt: skip


SLOW = ("windows", "branches")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in NETWORKS],
)
def test_padding_changes_nothing(name, key):
    net = nn.Sequential(*NETWORKS[name], parametrization=RULES)
    kernel = net.kernel(PADDED, mask1=MASK)
    short, whole = net.kernel(SERIES[:2, :SHORT]), net.kernel(SERIES)
    for masked, few, all_real in zip(kernel, short, whole, strict=True):
        np.testing.assert_allclose(masked[:2, :2], few, rtol=1e-9)
        np.testing.assert_allclose(masked[2, 2], all_real[2, 2], rtol=1e-9)
    model = net.init(key, (LONG, 3))
    one = jnp.asarray(PADDED[0])
    expected = model(jnp.asarray(SERIES[0, :SHORT]))
    np.testing.assert_allclose(model(one, mask=MASK[0]), expected, rtol=1e-9)


def test_without_pooling(key):
    """Positions of their own weights, and Flatten, which counts the padding as zeros."""
    layers = [nn.Conv(W, 3), nn.Cos(), nn.ConvLocal(W, 3), nn.Cos()]
    net = nn.Sequential(*layers, nn.Flatten(), parametrization=RULES)
    masked, short = net.kernel(PADDED, mask1=MASK), net.kernel(SERIES[:2, :SHORT])
    np.testing.assert_allclose(masked.ntk[:2, :2], short.ntk * SHORT / LONG, rtol=1e-9)
    outputs = net.init(key, (LONG, 3))(jnp.asarray(PADDED[0]), mask=MASK[0])
    real = np.asarray(outputs != 0).reshape(LONG, W)
    assert np.all(real == MASK[0][:, None])


READER = nn.Sequential(nn.Conv(W, 3), nn.GlobalAvgPool(), parametrization=RULES)


def test_operators_and_training_points():
    """Tiles, diagonals and pairs of batches are those of the short inputs."""
    x, mask, y = PADDED[:2], MASK[:2], np.array([1.0, -0.5])
    kernel = np.asarray(READER.kernel(SERIES[:2, :SHORT]).ntk)
    operator = READER.kernel_operator(x, tile=2, mask1=mask)
    np.testing.assert_allclose(operator @ y, kernel @ y, rtol=1e-9)
    np.testing.assert_allclose(operator.diagonal(), np.diag(kernel), rtol=1e-9)
    np.testing.assert_allclose(operator.block([1]), kernel[1:], rtol=1e-9)
    cross = READER.kernel_operator(x[::-1], x, tile=2, mask1=mask[::-1], mask2=mask)
    np.testing.assert_allclose(cross.T.todense(), kernel[:, ::-1], rtol=1e-9)
    pair = KernelPair.of(READER, x, x[::-1], mask_train=mask, mask_test=mask[::-1])
    assert pair.ntk.test_train is not None
    assert pair.ntk.test is not None
    np.testing.assert_allclose(pair.ntk.test_train, kernel[::-1], rtol=1e-9)
    np.testing.assert_allclose(pair.ntk.test, kernel[::-1, ::-1], rtol=1e-9)
    fit = kernel_regression(READER, x, y, ridge=0.1, mask=mask)
    ridge = 0.1 * np.trace(kernel) / 2 * np.eye(2)
    expected = kernel[::-1] @ np.linalg.solve(kernel + ridge, y)
    np.testing.assert_allclose(fit.predict(x[::-1], mask=mask[::-1]), expected, rtol=1e-9)


Y = np.ones(3)
INFERENCE = {
    "predict": lambda masks: dynamics.predict(READER, PADDED, Y, **masks),
    "posterior": lambda masks: dynamics.posterior(READER, PADDED, Y, **masks),
    "evidence": lambda masks: dynamics.evidence(READER, PADDED, Y, **masks),
    "gradient_flow": lambda masks: dynamics.gradient_flow(
        READER, PADDED, Y, initial_train=Y, **masks
    ),
    "loss_flow": lambda masks: dynamics.loss_flow(
        READER, PADDED, np.sum, initial_train=Y, time=1.0, **masks
    ),
    "kernels": lambda masks: dynamics.predict(
        KernelPair(*[KernelMatrices(np.eye(3))] * 2), None, Y, **masks
    ),
}


@pytest.mark.parametrize("name", INFERENCE)
def test_inference_reads_masks(name):
    message = "or masks" if name == "kernels" else "give booleans of shape"
    with pytest.raises(ValueError, match=message):
        INFERENCE[name]({"mask_train": MASK[:2]})


def test_a_mask_of_no_points():
    with pytest.raises(ValueError, match="mask_test is given without x_test"):
        dynamics.predict(READER, PADDED, Y, mask_test=MASK)


def test_positions_of_outputs_and_one_mask_alone():
    net = nn.Sequential(nn.ConvTranspose(W, 3), parametrization=RULES)
    both = net.kernel(PADDED, mask1=MASK).nngp
    alone = net.kernel(PADDED, SERIES, mask1=MASK).nngp
    np.testing.assert_allclose(alone[:, 2], both[:, 2], rtol=1e-9)
    np.testing.assert_array_equal(np.asarray(both != 0)[0, 2], np.outer(MASK[0], MASK[2]))


@pytest.mark.slow
def test_parts_of_images():
    images = RNG.standard_normal((2, 5, 4, 2))
    mask = np.zeros((2, 5, 4), bool)
    mask[:, :3, :2] = True
    net = nn.Sequential(nn.Conv(W, 3), nn.Relu(), nn.GlobalAvgPool(), nn.Dense(1))
    small, masked = net.kernel(images[:, :3, :2]), net.kernel(images, mask1=mask)
    np.testing.assert_allclose(masked.ntk, small.ntk, rtol=1e-9)


def draw(key):
    return WIDE.init(key, (LONG, 3), dtype=jnp.float64)


def apply(model, x):
    return model(x[:, :3], mask=x[:, 3] > 0)


WIDE = nn.Sequential(*NETWORKS["windows"], parametrization=RULES).at_width(48)


@pytest.mark.slow
def test_pairs_of_unequal_length(key):
    """Within the errors of 200 networks and the next order, about 3 / width."""
    x = jnp.asarray(np.concatenate([SERIES, MASK[..., None]], -1))
    estimates = monte_carlo_kernel((draw, apply), x, key=key, members=200)
    for estimate, expected in zip(estimates, WIDE.kernel(PADDED, mask1=MASK), strict=True):
        scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        allowed = 4 * estimate.standard_error + 3 / 48 * scale
        assert np.all(np.abs(estimate.value - expected) < allowed)
        assert np.all(estimate.standard_error < 0.25 * scale)


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        (nn.Conv(W, 3, padding="CIRCULAR"), {}, "padding of Conv is CIRCULAR"),
        (nn.AvgPool(3, padding="SAME"), {}, "padding of AvgPool is SAME with strides"),
        (nn.ConvTranspose(W, 3, strides=2, padding="VALID"), {}, "beyond the ends of an example"),
        (nn.Aggregate(np.ones((2, LONG))), {}, "Aggregate makes positions"),
        (nn.Dense(W), {"mask1": MASK * 1}, "mask1 is int"),
        (nn.Dense(W), {"mask1": MASK[:, 0]}, "give booleans of shape"),
        (nn.Dense(W), {"mask1": MASK & False}, "without a real position"),
        (nn.Dense(W), {"mask1": None, "mask2": MASK}, "without x2"),
    ],
)
def test_refused(layer, options, message):
    with pytest.raises(ValueError, match=message):
        nn.Sequential(nn.Dense(W), layer).kernel(SERIES, **{"mask1": MASK, **options})


def test_refused_by_finite_networks(key):
    model = nn.Sequential(nn.Conv(W, 3, padding="CIRCULAR")).init(key, (LONG, 3))
    with pytest.raises(ValueError, match="CIRCULAR"):
        model(jnp.asarray(SERIES[0]), mask=MASK[0])
    with pytest.raises(ValueError, match="no positions"):
        nn.Sequential(nn.Dense(W)).init(key, (3,))(jnp.ones(3), mask=np.ones((), bool))
