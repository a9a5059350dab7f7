"""Students of minimal norm on more and more samples, all for the price of one.

The student on the first k samples is the projection of the teacher on their span. With the samples
orthogonalized one after the other, each student is the last one plus one direction.
"""

import numpy as np
from jaxtyping import Float, Int

Array = np.ndarray


def balanced_order(rng: np.random.Generator, labels: Int[Array, " n"]) -> Int[Array, " n"]:
    """Return a random order of which every beginning has all classes (almost) equally often."""
    turn = np.empty(len(labels))
    for label in np.unique(labels):
        at = np.flatnonzero(labels == label)
        # The k-th sample of a class comes in the k-th round, at a random place.
        turn[at] = rng.permutation(len(at)) + rng.random(len(at))
    return np.argsort(turn)


def student_curve(
    x: Float[Array, "n d"], weights: Float[Array, "d c"], order: Int[Array, " n"]
) -> tuple[Float[Array, "k n c"], Float[Array, " k"]]:
    """Return what the students of the first 1, 2, ..., k samples in this order say.

    Parameters
    ----------
    x
        Inputs in general position: any d of them are independent.
    weights
        Of the linear teacher.
    order
        Of the samples.

    Returns
    -------
    tuple
        Outputs on all inputs, in their own order, of the students of up to k = min(n, d) samples;
        the last one for k = d is the teacher. And the cosine of each student's weights with the
        teacher's.
    """
    directions = np.linalg.qr(x[order[: x.shape[1]]].T)[0]  # (d, k)
    parts = directions.T @ weights
    outputs = np.cumsum((x @ directions).T[:, :, None] * parts[:, None, :], axis=0)
    share = np.cumsum(np.sum(parts**2, axis=1)) / np.sum(weights**2)
    return outputs, np.sqrt(np.minimum(share, 1.0))


def held_out_curve(
    outputs: Float[Array, "k n c"], answers: Int[Array, " n"], order: Int[Array, " n"]
) -> Float[Array, " k"]:
    """Return how often the student of the first k samples gives the answer on the others.

    Parameters
    ----------
    outputs, order
        From and to :func:`student_curve`.
    answers
        Labels, or the teacher's choices.

    Returns
    -------
    Float[Array, " k"]
        NaN where no sample is left.
    """
    right = np.argmax(outputs, axis=2)[:, order] == answers[order][None]
    unseen = np.arange(len(order))[None] > np.arange(len(outputs))[:, None]
    with np.errstate(invalid="ignore"):
        return np.sum(right & unseen, axis=1) / np.sum(unseen, axis=1)
