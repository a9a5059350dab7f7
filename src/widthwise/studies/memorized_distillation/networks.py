"""ReLU networks that memorize, and students of other labels, temperatures and widths.

One hidden layer. There is no theory of how much leaks; a student cannot be its teacher with fewer
equations than unknowns, fraction x n x (classes - 1) < parameters.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from widthwise.ensembles.distillation import (
    RandomLabels,
    Split,
    fitted_outputs,
    random_labels,
    scores,
    shuffled_in_classes,
    soft_labels,
    split_classes,
)
from widthwise.networks import Dense, Relu, Sequential, Standard

CLASSES, INPUTS, WIDTH, FRACTION, TEMPERATURE = 20, 20, 20, 0.8, 20.0
RATE, FRESH = 0.02, 1000
_SCALES = Standard(weight_std=3**-0.5, bias_std=0.1)


def network(width: int) -> Sequential:
    """Return the architecture."""
    return Sequential(Dense(width), Relu(), Dense(CLASSES), parametrization=_SCALES)


def parameters(width: int) -> int:
    """Count the weights and biases of a network."""
    return width * (INPUTS + 1) + CLASSES * (width + 1)


def counting_threshold(width: int) -> float:
    """Return the number of samples from which a student has as many equations as unknowns."""
    return parameters(width) / (FRACTION * (CLASSES - 1))


@dataclass(frozen=True, eq=False)
class Teacher:
    """A trained network with its data, of which students see a split."""

    data: RandomLabels
    split: Split
    at: np.ndarray
    rows: int
    steps: int
    outputs: np.ndarray
    rng: np.random.Generator

    def student(self, soft: np.ndarray, *, width: int) -> dict[str, float]:
        """Train a student on labels of the samples that it sees, and compare.

        ``misfit`` is how far it is from these labels: their mean squared distance.
        """
        n, rows = len(self.data.y), self.rows
        fit = _Fit(self.at, rows, self.steps)
        found = fit(width, self.split.seen, soft, self.rng)
        known = soft_labels(found[self.split.seen], 1.0)
        compared = scores(
            self.data.y,
            self.split,
            teacher=self.outputs[:n],
            student=found[:n],
            fresh=(self.outputs[rows:], found[rows:]),
        )
        return {**compared, "misfit": float(np.mean((known - soft) ** 2))}

    def labels(self, kind: str) -> np.ndarray:
        """Return the labels of what students see: ``hard``, ``shuffled`` or a temperature."""
        seen = self.split.seen
        if kind == "hard":
            return np.eye(CLASSES)[self.data.y[seen]]
        tau = TEMPERATURE if kind == "shuffled" else float(kind)
        soft = soft_labels(self.outputs[seen], tau)
        if kind == "shuffled":
            return soft[shuffled_in_classes(self.rng, self.data.y[seen])]
        return soft


def teacher(rng: np.random.Generator, samples: int, *, rows: int, steps: int) -> Teacher:
    """Train a teacher on random labels.

    ``rows`` samples at most: arrays have this size for any number, and share compiled programs.
    """
    data = random_labels(rng, samples, inputs=INPUTS, classes=CLASSES)
    x = np.zeros((rows, INPUTS), np.float32)
    x[:samples] = data.x * INPUTS**0.5
    at = np.concatenate([x, rng.standard_normal((FRESH, INPUTS)).astype(np.float32)])
    hard = np.eye(CLASSES)[data.y]
    outputs = _Fit(at, rows, steps)(WIDTH, np.arange(samples), hard, rng)
    return Teacher(data, split_classes(rng, data.y, FRACTION), at, rows, steps, outputs, rng)


@dataclass(frozen=True, eq=False)
class _Fit:
    """Trains networks on labels of some of the first rows; returns outputs on all."""

    at: np.ndarray
    rows: int
    steps: int

    def __call__(
        self, width: int, seen: np.ndarray, labels: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        targets = np.zeros((self.rows, CLASSES))
        targets[seen] = labels
        words = jnp.asarray(rng.integers(0, 2**32, 2, np.uint32))
        return fitted_outputs(
            network(width),
            self.at[: self.rows],
            targets,
            at=self.at,
            key=jax.random.wrap_key_data(words, impl="threefry2x32"),
            steps=self.steps,
            learning_rate=RATE,
        )
