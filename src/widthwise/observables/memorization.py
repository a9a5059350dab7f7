"""How much of what a teacher memorized its soft labels give away: an audit by students.

A student is trained on the soft labels of some of the samples, and asked for the labels of the
others. A second one, trained on hard labels of the same samples, says what is to be had without
the teacher: chance, if the labels are random, more if there is something to learn.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import entr
from scipy.stats import binomtest

from widthwise.ensembles.distillation import Split, fitted_outputs, minimum_norm, split_classes
from widthwise.networks import Dense, Relu, Sequential, Standard
from widthwise.numerics.ranges import check_positive

_SCALES = Standard(weight_std=3**-0.5, bias_std=0.1)
_SHOWN = 3  # rows that an error names


@dataclass(frozen=True)
class Share:
    """A share of samples with its 95 % confidence interval.

    The interval is that of one split: splits share samples, and their mean is at least as precise.
    """

    value: float | int
    low: float | int
    high: float | int


@dataclass(frozen=True)
class Leak:
    """What students recovered.

    Attributes
    ----------
    samples, inputs, classes
        Of the data.
    fraction
        Of the samples that a student sees.
    accuracy
        Share of the held-out labels that students of soft labels get right.
    hard_accuracy
        The same for students of hard labels: what the soft labels add to is this.
    agreement
        How often students choose as the teacher does on held-out samples.
    teacher_accuracy
        Share of the labels that the teacher memorized.
    threshold
        Fraction from which students have enough equations to be their teacher, if it is one of
        them: for linear students exact and sufficient, rank / samples; for networks necessary,
        parameters / (samples (classes - 1)). Above one: never.
    entropy
        Of the soft labels, mean, in nats; zero says no more than a hard label.
    zeros
        Entries of the soft labels that are exactly zero, and so say nothing.
    """

    samples: int
    inputs: int
    classes: int
    fraction: float | int
    accuracy: Share
    hard_accuracy: Share
    agreement: Share
    teacher_accuracy: float | int
    threshold: float | int
    entropy: float | int
    zeros: int

    @property
    def leaks(self) -> bool:
        """Whether soft labels surely gave more held-out labels away than hard ones, and chance."""
        return self.accuracy.low > max(self.hard_accuracy.value, 1 / self.classes)


def leak(
    inputs: np.ndarray,
    labels: np.ndarray,
    soft_labels: np.ndarray,
    *,
    fraction: float | int = 0.8,
    splits: int = 10,
    width: int | None = None,
    seed: int = 0,
    steps: int = 3000,
) -> Leak:
    """Say how much of a held-out memorized set students recover from soft labels.

    Parameters
    ----------
    inputs
        What the teacher was trained on, (n, d); each input once.
    labels
        (n,). The labels that it memorized, whole numbers from 0 to c - 1.
    soft_labels
        (n, c). Its probabilities on all of these inputs. From logits:
        ``widthwise.ensembles.distillation.soft_labels(logits, temperature)``.
    fraction
        Of every class, what a student sees.
    splits
        Random choices of these samples; the accuracy is their mean.
    width
        Hidden neurons of a ReLU student. None is a linear student (with bias), which suits a
        teacher that is linear in the inputs: give the features of its last layer as inputs.
    seed
        Of the splits, and of networks.
    steps
        Of Adam, for networks.

    Raises
    ------
    ValueError
        If shapes do not fit, numbers are not finite, rows of soft labels are no probabilities,
        inputs occur twice (with different labels or not), there are fewer than two classes or
        fewer samples than classes, or the fraction is not between 0 and 1.

    Notes
    -----
    Students of soft labels that hold out samples: Behrens & Zdeborova (2025, arXiv:2506.14457).
    Linear students are the solutions of smallest norm, where gradient descent on the soft labels
    ends.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.standard_normal((60, 20)), rng.integers(0, 4, 60)
    >>> p = np.exp(x @ rng.standard_normal((20, 4)) / 5)
    >>> found = leak(x, p.argmax(1), p / p.sum(1, keepdims=True), fraction=0.5)
    >>> found.accuracy.value, round(found.threshold, 2)
    (1.0, 0.35)
    """
    x, y, p = _checked(inputs, labels, soft_labels)
    check_positive(splits=splits, steps=steps)
    if width is not None:
        check_positive(width=width)
    classes = p.shape[1]
    features = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    found = []
    for number in range(splits):
        split = split_classes(np.random.default_rng([seed, number]), y, fraction)
        outputs = [
            _outputs(features, labels, split, width=width, steps=steps, seed=seed + number)
            for labels in (p, np.eye(classes)[y])
        ]
        out = split.held_out
        soft, hard = (np.argmax(z, axis=1)[out] for z in outputs)
        teacher = np.argmax(p, axis=1)[out]
        found.append(
            [np.mean(soft == y[out]), np.mean(hard == y[out]), np.mean(soft == teacher), len(out)]
        )
    accuracy, hard_accuracy, agreement, held_out = np.mean(found, axis=0)
    if width is None:
        threshold = float(np.linalg.matrix_rank(features)) / len(x)
    else:
        unknowns = width * (x.shape[1] + 1) + classes * (width + 1)
        threshold = unknowns / (len(x) * (classes - 1))
    trials = round(held_out)
    return Leak(
        samples=len(x),
        inputs=x.shape[1],
        classes=classes,
        fraction=fraction,
        accuracy=_share(accuracy, trials),
        hard_accuracy=_share(hard_accuracy, trials),
        agreement=_share(agreement, trials),
        teacher_accuracy=float(np.mean(np.argmax(p, axis=1) == y)),
        threshold=threshold,
        entropy=float(np.mean(np.sum(entr(p), axis=1))),
        zeros=int(np.sum(p == 0)),
    )


def _outputs(
    features: np.ndarray,
    labels: np.ndarray,
    split: Split,
    *,
    width: int | None,
    steps: int,
    seed: int,
) -> np.ndarray:
    """Return what a student of some samples says of all."""
    if width is None:
        # What is zero cannot be told from what is lost in rounding.
        floor = min(float(np.min(labels[labels > 0])), float(np.finfo(np.float32).eps))
        logits = np.log(np.maximum(labels, floor))
        logits = logits - logits.mean(axis=1, keepdims=True)
        return features @ minimum_norm(features[split.seen], logits[split.seen])
    x = features[:, :-1]
    scaled = ((x - x.mean(axis=0)[None]) / np.maximum(x.std(axis=0), 1e-12)[None]).astype("float32")
    targets = np.zeros_like(labels)
    targets[split.seen] = labels[split.seen]
    hidden = (Dense(width), Relu(), Dense(labels.shape[1]))
    words = jnp.asarray(np.random.default_rng(seed).integers(0, 2**32, 2, np.uint32))
    return fitted_outputs(
        Sequential(*hidden, parametrization=_SCALES),
        scaled,
        targets,
        at=scaled,
        key=jax.random.wrap_key_data(words, impl="threefry2x32"),
        steps=steps,
        learning_rate=0.02,
    )


def _share(value: float | int, trials: int) -> Share:
    interval = binomtest(round(value * trials), trials).proportion_ci(method="wilson")
    return Share(float(value), float(interval.low), float(interval.high))


def _checked(
    inputs: np.ndarray, labels: np.ndarray, soft: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, p = np.asarray(inputs, np.float64), np.asarray(labels), np.asarray(soft, np.float64)
    if x.ndim != 2 or p.ndim != 2 or y.shape != (len(x),) or len(p) != len(x):
        raise ValueError(
            f"inputs have shape {x.shape}, labels {y.shape}, soft labels {p.shape}: give (n, d), "
            "(n,) and (n, c)"
        )
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(p))):
        raise ValueError("inputs or soft labels are not finite: give finite numbers")
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= p.shape[1]:
        raise ValueError(
            f"labels are {y.dtype} from {y.min()} to {y.max()}: give whole numbers from 0 to "
            f"{p.shape[1] - 1}, the columns of the soft labels"
        )
    if len(np.unique(y)) < 2:
        raise ValueError(f"all labels are {y[0]}: give at least two classes")
    if len(x) < p.shape[1]:
        raise ValueError(f"{len(x)} samples have {p.shape[1]} classes: give more samples")
    if p.min() < 0 or np.max(np.abs(p.sum(axis=1) - 1)) > 1e-3:
        raise ValueError(
            "rows of the soft labels are no probabilities: give softmax(logits / temperature)"
        )
    _check_once(x, y)
    return x, y, p


def _check_once(x: np.ndarray, y: np.ndarray) -> None:
    """Refuse inputs that occur twice: a student would see what is held out."""
    _, first, group = np.unique(x, axis=0, return_index=True, return_inverse=True)
    first = first[group.ravel()]
    twice = np.flatnonzero(first != np.arange(len(x)))
    against = twice[y[twice] != y[first[twice]]]
    for rows, what, advice in (
        (against, "contradict each other", "give one label to each input"),
        (twice, "are the same", "leave each input in once, or a student sees what is held out"),
    ):
        if len(rows):
            pairs = ", ".join(f"{first[i]} and {i}" for i in rows[:_SHOWN])
            more = f" and {len(rows) - _SHOWN} more pairs" if len(rows) > _SHOWN else ""
            raise ValueError(f"samples {pairs}{more} {what}: {advice}")
