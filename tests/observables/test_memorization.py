"""What an audit of soft labels reports, and what it refuses."""

import numpy as np
import pytest
from scipy.special import softmax

import widthwise as ww
from widthwise.dynamics.distillation import hard_margin_teacher, linear_student
from widthwise.ensembles.distillation import largest_margin, random_labels, soft_labels


def memorized(classes: int, samples: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = random_labels(np.random.default_rng(5), samples, inputs=40, classes=classes)
    return x, y, soft_labels(x @ largest_margin(x, y, classes=classes), 10.0)


def test_recovery_and_its_threshold():
    x, y, p = memorized(3)
    found = ww.leak(x, y, p, fraction=0.8)
    assert found.accuracy.value == found.agreement.value == found.teacher_accuracy == 1.0
    assert found.threshold == pytest.approx(41 / 60)  # 40 inputs and a bias
    assert found.leaks
    assert found.hard_accuracy.high < 0.75
    assert (found.samples, found.inputs, found.classes, found.zeros) == (60, 40, 3, 0)
    assert 0.5 < found.entropy <= np.log(3)
    # Wilson's interval by hand: 12 trials, all successes.
    z2 = 1.959964**2
    assert found.accuracy.low == pytest.approx(12 / (12 + z2), abs=1e-6)


def test_below_the_threshold():
    x, y, p = memorized(2)
    found = ww.leak(x, y, p, fraction=0.5, splits=40)
    theory = linear_student(hard_margin_teacher(1.5), 0.5).accuracy
    assert abs(found.accuracy.value - theory) < 0.15
    assert not ww.leak(x, y, np.eye(2)[y], fraction=0.9).leaks


@pytest.mark.slow
def test_a_network_audits_a_network():
    x, y, p = memorized(2, 20)
    found = ww.leak(x, y, p, fraction=0.5, splits=1, width=5, steps=20)
    assert found.threshold == pytest.approx((5 * 41 + 2 * 6) / 20)
    assert 0 <= found.accuracy.low <= found.accuracy.value <= found.accuracy.high <= 1


X, Y, P = memorized(2, 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": Y[:5]}, "have shape"),
        ({"inputs": np.full_like(X, np.nan)}, "not finite"),
        ({"labels": Y + 1}, "labels are int64 from 1 to 2"),
        ({"labels": Y * 0.5}, "float64"),
        ({"labels": np.zeros(10, int)}, "all labels are 0"),
        ({"soft_labels": softmax(np.ones((10, 11)), axis=1)}, "10 samples have 11 classes"),
        ({"soft_labels": 2 * P}, "no probabilities"),
        ({"inputs": np.concatenate([X[:1], X[:9]]), "labels": np.arange(10) % 2},
         "samples 0 and 1 contradict"),
        ({"inputs": np.ones_like(X), "labels": np.array([0] * 5 + [1] * 5)}, "more pairs contra"),
        ({"inputs": np.concatenate([X[:9], X[:1]]), "labels": np.append(Y[:9], Y[0])},
         "samples 0 and 9 are the same"),
        ({"fraction": 0.0}, "fraction is 0"),
        ({"fraction": 1.0}, "fraction is 1"),
        ({"splits": 0}, "splits is 0"),
        ({"width": 0}, "width is 0"),
    ],
)  # fmt: skip
def test_refused(change, message):
    given = {"inputs": X, "labels": Y, "soft_labels": P, **change}
    with pytest.raises(ValueError, match=message):
        ww.leak(**given)
