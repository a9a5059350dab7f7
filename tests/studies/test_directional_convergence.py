"""The study's own arithmetic, and the networks it trains."""

import jax
import numpy as np
import pytest

from widthwise.data import sphere_inputs
from widthwise.dynamics.directional import population_gradient
from widthwise.ensembles import train_directions
from widthwise.numerics.draws import numbered_keys
from widthwise.studies.directional_convergence import early, inputs
from widthwise.studies.directional_convergence.common import LAWS, layers_of, plane_start


def test_the_direction_of_largest_margin():
    margins = inputs.POINTS @ inputs.LIMIT
    np.testing.assert_allclose(margins[0], margins[1])
    assert margins[0] > 0
    side = np.array([inputs.LIMIT[1], -inputs.LIMIT[0]])
    for turn in (-1e-3, 1e-3):
        other = inputs.LIMIT + turn * side
        assert (inputs.POINTS @ other / np.linalg.norm(other)).min() < margins[0]


def test_the_early_clock_stops_at_the_same_place_at_any_depth():
    for name in LAWS:
        for depth in (3, 6):
            end = early.rate(name, depth) * early.STEPS
            assert early.early_clock(LAWS[name], depth, early.NORM, end) == pytest.approx(4)


def test_one_step_on_many_samples_is_the_population_gradient():
    law = sphere_inputs(2)
    teacher, start = plane_start(2, norm=1.0, angle=2.0)
    layers = [np.stack([w] * 2) for w in layers_of(start, 2)]
    (found,) = train_directions(
        law.draw, [layers], teacher, keys=numbered_keys(jax.random.key(0), 0, 2),
        learning_rates=[0.01], batch_size=100_000, at=[0, 1],
    )  # fmt: skip
    np.testing.assert_allclose(found["product"][:, 0], [start] * 2, atol=1e-6)
    # Balanced layers of norm one: K_w = 1 + w w^T.
    move = -population_gradient(law, start, teacher)
    expected = move + start * (start @ move)
    step = (found["product"][:, 1] - found["product"][:, 0]).values / 0.01
    np.testing.assert_allclose(step, [expected] * 2, atol=0.02)
    assert found.defect[:, 0].max() < 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teacher": np.zeros(2)}, "teacher is 0"),
        ({"at": [2, 1]}, "ascending"),
        ({"learning_rates": [-1.0]}, "learning_rate is -1"),
        ({"learning_rates": [0.1, 0.1]}, "1 networks and 2 learning rates"),
        ({"networks": [[np.ones((2, 1, 3))]]}, "have shapes"),
    ],
)
def test_refused(change, message):
    given = {
        "networks": [[np.ones((2, 1, 2))]], "teacher": np.ones(2), "learning_rates": [0.1],
        "batch_size": 4, "at": [0], **change,
    }  # fmt: skip
    networks, teacher = given.pop("networks"), given.pop("teacher")
    keys = numbered_keys(jax.random.key(0), 0, 2)
    with pytest.raises(ValueError, match=message):
        train_directions(sphere_inputs(2).draw, networks, teacher, keys=keys, **given)
