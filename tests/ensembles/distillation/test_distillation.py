"""Labels, teachers and students: optimality conditions, identities, and what is refused."""

import jax
import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.special import softmax

from widthwise.ensembles.distillation import (
    balanced_order,
    descend,
    fitted_outputs,
    held_out_curve,
    is_separable,
    largest_margin,
    least_squares,
    limit_of_training,
    logistic_regression,
    minimum_norm,
    random_labels,
    scores,
    shuffled_in_classes,
    soft_labels,
    split_classes,
    student_curve,
)
from widthwise.networks import Dense, Relu, Sequential, Standard

ONES = np.ones((1, 2, 2))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_labels_and_splits(rng):
    data = random_labels(rng, 31, inputs=400, classes=3)
    assert sorted(np.bincount(data.y).tolist()) == [10, 10, 11]
    assert np.mean(np.sum(data.x**2, axis=1)) == pytest.approx(1, abs=0.05)
    split = split_classes(rng, data.y, 0.7)
    assert np.bincount(data.y[split.seen]).tolist() == [7, 7, 7]
    both = np.sort(np.concatenate([split.seen, split.held_out]))
    np.testing.assert_array_equal(both, np.arange(31))
    order = shuffled_in_classes(rng, data.y)
    np.testing.assert_array_equal(data.y[order], data.y)
    assert np.mean(order == np.arange(31)) < 0.5
    rows = data.y[balanced_order(rng, data.y)]
    assert all(np.ptp(np.bincount(rows[: 3 * k], minlength=3)) == 0 for k in range(1, 10))


def test_soft_labels(rng):
    z = rng.standard_normal((5, 4))
    np.testing.assert_allclose(soft_labels(z, 2.0), softmax(z / 2, axis=1))
    hard = soft_labels(z.astype(np.float32), 1e-4)
    assert hard.dtype == np.float32
    np.testing.assert_array_equal(hard, np.eye(4)[z.argmax(1)])


@pytest.mark.parametrize("classes", [2, 3])
def test_the_largest_margin_is_optimal(rng, classes):
    x, y = random_labels(rng, 18, inputs=15, classes=classes)
    w = largest_margin(x, y, classes=classes)
    z = x @ w
    leads = z[np.arange(18), y][:, None] - np.array(
        [np.delete(row, k) for row, k in zip(z, y, strict=True)]
    )
    assert leads.min() == pytest.approx(1, abs=1e-8)
    # Optimal: a nonnegative combination of the samples that lie on the margin.
    others = [np.delete(np.arange(classes), k) for k in y]
    rows = [
        np.outer(x[i], np.eye(classes)[y[i]] - np.eye(classes)[k]).ravel()
        for i in range(18)
        for k, lead in zip(others[i], leads[i], strict=True)
        if lead < 1 + 1e-6
    ]
    assert nnls(np.array(rows).T, w.ravel())[1] < 1e-7
    np.testing.assert_allclose(w.sum(axis=1), 0, atol=1e-10)
    assert is_separable(x, y, classes=classes)


def test_logistic_regression(rng):
    x, y = random_labels(rng, 60, inputs=10, classes=2)
    assert not is_separable(x, y, classes=2)
    for ridge in (0.0, 0.5):
        w = logistic_regression(x, y, classes=2, ridge=ridge)
        vector, sign = w[:, 1] - w[:, 0], 2 * y - 1
        slope = ridge * vector - x.T @ (sign / (1 + np.exp(sign * (x @ vector))))
        np.testing.assert_allclose(slope, 0, atol=1e-5)
    found = limit_of_training(x, y, classes=2)
    np.testing.assert_allclose(found, logistic_regression(x, y, classes=2))
    few = x[:8], y[:8]
    np.testing.assert_allclose((few[0] @ least_squares(*few, classes=2)).argmax(1), few[1])


def test_all_students_at_once(rng):
    x, y = random_labels(rng, 14, inputs=12, classes=3)
    w = largest_margin(x, y, classes=3)
    order = balanced_order(rng, y)
    outputs, cosines = student_curve(x, w, order)
    for k in (3, 8, 12):
        u = minimum_norm(x[order[:k]], x[order[:k]] @ w)
        np.testing.assert_allclose(outputs[k - 1], x @ u, atol=1e-9)
        assert cosines[k - 1] == pytest.approx(np.linalg.norm(u) / np.linalg.norm(w))
    np.testing.assert_allclose(outputs[-1], x @ w, atol=1e-9)
    curve = held_out_curve(outputs, y, order)
    rest = order[8:]
    assert curve[7] == np.mean(outputs[7][rest].argmax(1) == y[rest])
    found = scores(
        y,
        split_classes(rng, y, 0.5),
        teacher=x @ w,
        student=outputs[-1],
        fresh=(x @ w, outputs[-1]),
    )
    assert set(found.values()) == {1.0}
    ridge = minimum_norm(x, x @ w, ridge=0.1)
    np.testing.assert_allclose(x.T @ (x @ (w - ridge)), 0.1 * ridge, atol=1e-9)


def test_a_hot_student_has_the_smallest_norm(rng):
    x, y = random_labels(rng, 9, inputs=12, classes=3)
    z = x @ largest_margin(x, y, classes=3)
    targets = soft_labels(z, 5.0)
    scaled = x * 12**0.5
    w = descend(scaled[None], targets[None], steps=2000, learning_rate=0.3)[0]
    centred = z - z.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(w, minimum_norm(scaled, centred / 5), atol=1e-4)


def test_networks_fit_labels(rng):
    net = Sequential(Dense(16), Relu(), Dense(3), parametrization=Standard(bias_std=0.1))
    x, _ = random_labels(rng, 9, inputs=8, classes=3)
    x = (x * 8**0.5).astype(np.float32)
    soft = soft_labels(2 * rng.standard_normal((9, 3)), 1.0)
    settings = {"at": x, "key": jax.random.key(0), "steps": 400, "learning_rate": 0.02}
    found = soft_labels(fitted_outputs(net, x, soft, **settings), 1.0)
    np.testing.assert_allclose(found, soft, atol=0.02)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: random_labels(r, 4, inputs=3, classes=1), "classes is 1"),
        (lambda r: random_labels(r, 4, inputs=3, classes=5), "4 samples have 5 classes"),
        (lambda r: random_labels(r, 4, inputs=0), "inputs is 0"),
        (lambda r: split_classes(r, np.arange(6) % 2, 1.0), "fraction is 1.0"),
        (lambda r: split_classes(r, np.arange(6) % 2, 0.0), "fraction is 0.0"),
        (lambda r: split_classes(r, np.arange(6) % 2, 0.2), "leaves 0 for the student"),
        (lambda _: soft_labels(np.ones((2, 2)), 0.0), "temperature is 0.0"),
        (lambda _: soft_labels(np.ones((2, 2)), -1.0), "temperature is -1.0"),
        (lambda _: soft_labels(np.ones((2, 1)), 1.0), "shape"),
        (lambda r: largest_margin(*random_labels(r, 40, inputs=5), classes=2), "not separable"),
        (lambda r: logistic_regression(*random_labels(r, 5, inputs=9), classes=2), "separable"),
        (lambda _: descend(ONES, ONES, steps=0, learning_rate=1.0), "steps"),
    ],
)  # fmt: skip
def test_refused(rng, call, message):
    with pytest.raises(ValueError, match=message):
        call(rng)
