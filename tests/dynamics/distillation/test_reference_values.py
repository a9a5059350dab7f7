"""Independently computed values: teachers, students of two and of several classes, controls."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from widthwise.dynamics.distillation import (
    hard_margin_teacher,
    least_squares_teacher,
    linear_student,
    logistic_teacher,
    memorization_capacity,
    recovery_fraction,
    shuffled_student_accuracy,
    softmax_student,
    softmax_teacher,
)


@pytest.mark.parametrize(
    ("load", "kappa"), [(0.25, 1.7355777), (0.5, 1.0343141), (1, 0.4706554), (1.5, 0.1861082)]
)
def test_largest_margins(load, kappa):
    teacher = hard_margin_teacher(load)
    assert teacher.variance**-0.5 == pytest.approx(kappa, abs=1e-6)
    mean = quad(lambda z: (kappa - z) ** 2 * norm.pdf(z), -np.inf, kappa)[0]
    assert load * mean == pytest.approx(1, abs=1e-5)
    assert teacher.pinned == pytest.approx(load * norm.cdf(kappa), abs=1e-6)
    assert teacher.accuracy == pytest.approx(1)


@pytest.mark.parametrize(
    ("load", "fraction", "expected"),
    [
        (0.5, 0.5, (0.047769, 0.395504, 0.533869, 0.716491)),
        (1.0, 0.5, (0.241817, 0.425159, 0.608860, 0.726088)),
        (1.0, 0.8, (0.560589, 0.806918, 0.731665, 0.855187)),
        (1.5, 0.5, (0.561122, 0.614773, 0.671706, 0.786862)),
        (1.5, 0.3, (0.258541, 0.300304, 0.600283, 0.684611)),
    ],
)
def test_students_of_largest_margin(load, fraction, expected):
    found = linear_student(hard_margin_teacher(load), fraction)
    numbers = (found.footprint, found.overlap, found.accuracy, found.fresh_agreement)
    np.testing.assert_allclose(numbers, expected, atol=1e-5)
    assert found.agreement == pytest.approx(found.accuracy)


@pytest.mark.parametrize(
    ("load", "fraction", "teacher_values", "student_values"),
    [
        (2.5, 0.2, (12.235671, 5.981861, 0.803739), (0.375, 0.626554, 0.656021)),
        (3.0, 0.3, (5.602915, 3.416400, 0.764748), (0.857143, 0.721641, 0.836370)),
        (5.0, 0.1, (1.619237, 1.276551, 0.692024), (0.444444, 0.613309, 0.711539)),
    ],
)
def test_maximum_likelihood(load, fraction, teacher_values, student_values):
    teacher = logistic_teacher(load)
    numbers = (teacher.variance, teacher.response, teacher.accuracy)
    np.testing.assert_allclose(numbers, teacher_values, atol=2e-6)
    student = linear_student(teacher, fraction)
    numbers = (student.overlap, student.accuracy, student.agreement)
    np.testing.assert_allclose(numbers, student_values, atol=2e-5)


@pytest.mark.parametrize(
    ("load", "ridge", "fraction", "teacher_values", "student_values"),
    [
        (1.0, 1.0, 0.5, (0.1238, 0.8344, 0.1656, 0.8821), (0.7182, 0.8068, 0.7028)),
        (1.0, 0.01, 0.5, (16.206, 38.88, 0.6112, 1.0), (0.6387, 0.6387, 0.4815)),
        (1.5, 0.1, 0.5, (2.5221, 4.0187, 0.5981, 0.8971), (0.7552, 0.8086, 0.7456)),
    ],
)
def test_ridge(load, ridge, fraction, teacher_values, student_values):
    teacher = logistic_teacher(load, ridge=ridge)
    numbers = (teacher.variance, teacher.response, teacher.pinned, teacher.accuracy)
    np.testing.assert_allclose(numbers, teacher_values, rtol=1e-3)
    student = linear_student(teacher, fraction)
    numbers = (student.accuracy, student.agreement, student.overlap)
    np.testing.assert_allclose(numbers, student_values, atol=1e-4)


def test_ridge_students():
    teacher = logistic_teacher(1.0, ridge=0.3)
    rows = [
        (s.accuracy, s.agreement, s.overlap, s.fresh_agreement)
        for s in (linear_student(teacher, 0.6, ridge=ridge) for ridge in (0.01, 0.1, 1.0))
    ]
    expected = [
        (0.7397, 0.8012, 0.7405, 0.8351),
        (0.7236, 0.7862, 0.6460, 0.8296),
        (0.6803, 0.7404, 0.3435, 0.7966),
    ]
    np.testing.assert_allclose(rows, expected, atol=1e-4)


def test_least_squares():
    found = [
        (teacher.accuracy, linear_student(teacher, fraction).accuracy)
        for teacher, fraction in (
            (least_squares_teacher(3.0), 0.3),
            (least_squares_teacher(1.5), 0.5),
            (least_squares_teacher(2.0), 0.25),
        )
    ]
    expected = [(0.760250, 0.726753), (0.921350, 0.672640), (0.841345, 0.630559)]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    # What interpolates labels by least squares leaks nothing.
    silent = linear_student(least_squares_teacher(0.8), 0.7)
    assert silent.accuracy == pytest.approx(0.5)
    assert silent.footprint == pytest.approx(0, abs=1e-12)


def test_private_parts():
    first = hard_margin_teacher(1.0, private=0.1)
    numbers = (first.variance, first.response, linear_student(first, 0.5).footprint)
    np.testing.assert_allclose(numbers, (1.3889, 0.3690, 0.1153), rtol=1e-3)
    found = [
        linear_student(hard_margin_teacher(load, private=s), fraction).accuracy
        for s, load, fraction in (
            (0.1, 1.0, 0.5), (0.1, 1.0, 0.8), (0.05, 1.5, 0.5), (0.05, 1.5, 0.8),
            (0.68169, 1.0, 0.3), (0.68169, 1.0, 0.8),
        )
    ]  # fmt: skip
    np.testing.assert_allclose(found, [0.5496, 0.5716, 0.5892, 0.6305, 0.5024, 0.5041], atol=2e-4)


def test_shuffled_labels_and_recovery():
    teacher = hard_margin_teacher(1.611)
    assert shuffled_student_accuracy(teacher, 0.8031) == pytest.approx(0.7649, abs=5e-4)
    assert shuffled_student_accuracy(teacher, 0.5) == pytest.approx(1)
    assert recovery_fraction(teacher) == 1 / 1.611
    assert linear_student(teacher, 0.63).overlap == 1.0
    near = recovery_fraction(teacher, accuracy=0.99)
    assert linear_student(teacher, near).accuracy == pytest.approx(0.99)
    assert 0.9 / 1.611 < near < 1 / 1.611


def test_capacities():
    exact = {2: 2.0, 3: 2.4, 4: 2.7580, 10: 4.522, 20: 6.882}
    for classes, expected in exact.items():
        found = memorization_capacity(classes)
        assert abs(float(found.value) - expected) < 0.007
        assert float(found.standard_error) < 0.002


def test_several_classes():
    rows = {
        (3, 1.0, 0.6): (0.9226, 0.6125, 0.3676, 0.6001, 0.5474),
        (10, 1.2, 0.55): (1.8187, 0.4751, 0.5397, 0.7196, 0.7174),
        (20, 1.0, 0.8): (3.328, 0.3344, 0.727, 0.9255, 1.0),
    }
    for (classes, load, fraction), expected in rows.items():
        teacher = softmax_teacher(load, classes)
        student = softmax_student(teacher, fraction)
        numbers = (
            teacher.margin.mean(),
            teacher.pinned.mean(),
            *(float(e.value) for e in (student.footprint, student.overlap, student.accuracy)),
        )
        np.testing.assert_allclose(numbers, expected, atol=3e-3)


def test_two_classes_twice():
    many = softmax_student(softmax_teacher(1.0, 2), 0.8)
    two = linear_student(hard_margin_teacher(1.0), 0.8)
    for name in ("accuracy", "fresh_agreement", "overlap", "footprint"):
        assert float(getattr(many, name).value) == pytest.approx(getattr(two, name), abs=2e-3)
    whole = softmax_student(softmax_teacher(1.6, 3), 0.7)
    assert float(whole.accuracy.value) == float(whole.fresh_agreement.value) == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hard_margin_teacher(2.0), "not separable"),
        (lambda: hard_margin_teacher(-1.0), "load is -1"),
        (lambda: hard_margin_teacher(1.0, private=-0.1), "private is -0.1"),
        (lambda: logistic_teacher(1.9), "grow for ever"),
        (lambda: least_squares_teacher(1.0), "load is 1"),
        (lambda: linear_student(hard_margin_teacher(1.0), 1.0), "fraction is 1.0"),
        (lambda: linear_student(hard_margin_teacher(1.0), 0.5, ridge=-1.0), "ridge is -1"),
        (lambda: recovery_fraction(hard_margin_teacher(1.0), accuracy=0.5), "accuracy is 0.5"),
        (lambda: softmax_teacher(2.5, 3), "not separable above 2.4"),
        (lambda: softmax_teacher(1.0, 1), "classes is 1"),
        (lambda: softmax_student(softmax_teacher(0.5, 2), 0.0), "fraction is 0.0"),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
