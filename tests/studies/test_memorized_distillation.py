"""The study's own arithmetic: noise, thresholds, streams, counting, and what it refuses."""

import jax
import numpy as np
import pytest

from widthwise.dynamics.distillation import hard_margin_teacher, linear_student
from widthwise.ensembles.distillation import is_separable, random_labels
from widthwise.studies import MemorizedDistillation
from widthwise.studies.memorized_distillation import capacity, linear, networks, threshold
from widthwise.studies.memorized_distillation.common import share_error, with_noise


def test_noise_is_the_slope_times_the_spread():
    teacher = hard_margin_teacher(1.0)

    def at(fraction: float) -> tuple[float, ...]:
        s = linear_student(teacher, fraction)
        return s.accuracy, s.overlap

    values, noise = with_noise(at, 0.5, 100)
    a, b = linear_student(teacher, 0.49), linear_student(teacher, 0.51)
    slope = (b.accuracy - a.accuracy) / (b.overlap - a.overlap)
    spread = np.sqrt(2 * 0.425159 * (1 - 0.425159) / 100)
    assert values[0] == pytest.approx(0.608860, abs=1e-5)
    assert noise[0] == pytest.approx(slope * spread, rel=0.05)
    assert with_noise(lambda _: (1.0, 1.0), 0.5, 100)[1] == 0


def test_the_crossing():
    curves = np.stack([threshold.FRACTIONS] * 3) + 0.99 - 0.8
    assert threshold.crossing(curves) == pytest.approx(0.8)


def test_the_longest_separable_beginning():
    for seed in range(5):
        x, y = random_labels(np.random.default_rng(seed), 30, inputs=5, classes=3)
        right = [is_separable(x[:k], y[:k], classes=3) for k in range(1, 31)]
        assert capacity._separable(x, y) == sum(right)
        assert right == sorted(right, reverse=True)


def test_parameters_are_counted():
    model = networks.network(7).init(jax.random.key(0), (networks.INPUTS,))
    count = sum(p.size for p in jax.tree.leaves(model) if hasattr(p, "size"))
    assert networks.parameters(7) == count
    assert networks.counting_threshold(7) * 0.8 * 19 == pytest.approx(count)


def test_students_past_the_threshold_are_the_teacher():
    rng = np.random.default_rng(0)
    x, y = random_labels(rng, 90, inputs=30)
    found = linear._students(rng, x, y, rng.standard_normal((30, 2)))
    past = linear.FRACTIONS * 90 > 30
    np.testing.assert_allclose(found["agreement"][past], 1)
    np.testing.assert_allclose(found["fresh_agreement"][past], 1)
    assert np.all(found["fresh_agreement"][~past] < 1)
    assert share_error(98) == pytest.approx(0.1 / 98**0.5 * 0.99**0.5, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loads": (1.0, 2.0)}, "at load 2"),
        ({"loads": (2.5, 1.0)}, "ascending"),
        ({"teachers": 2}, "more than teachers"),
        ({"claimed_loads": (1.1,)}, "among the loads"),
        ({"hot_loads": (1.0, 0.5)}, "ascending"),
        ({"hot_loads": (2.5,)}, "less than 2.4"),
        ({"network_samples": 150}, "multiples of 100"),
        ({"fewer_samples": (400,)}, "the former the largest"),
        ({"network_temperatures": (1.0, 2.0)}, "needs 20"),
        ({"widths": (10, 40)}, "teacher's, 20"),
        ({"temperatures": (0.0, 1.0)}, "greater than 0"),
        ({"modular_temperatures": (-1.0,)}, "greater than 0"),
        ({"modulus": 4}, "greater than or equal to 5"),
        ({"modular_stops": ()}, "at least 1"),
    ],
)
def test_refused(change, message):
    with pytest.raises(ValueError, match=message):
        MemorizedDistillation(**change)
