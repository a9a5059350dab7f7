"""What a student got right, of labels it never saw and of its teacher."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from widthwise.ensembles.distillation.labels import Split

Outputs = Float[np.ndarray, "n c"]
MEASURES = ("accuracy", "agreement", "seen_accuracy", "fresh_agreement", "teacher_accuracy")


def scores(
    labels: Int[np.ndarray, " n"],
    split: Split,
    *,
    teacher: Outputs,
    student: Outputs,
    fresh: tuple[np.ndarray, np.ndarray] | None = None,
) -> Mapping[str, float]:
    """Compare a student with the labels that its teacher memorized, and with the teacher.

    Parameters
    ----------
    labels
        All labels that the teacher memorized.
    split
        What the student saw of them.
    teacher, student
        Outputs on all samples.
    fresh
        Outputs of both on new inputs.

    Returns
    -------
    Mapping
        ``accuracy`` on memorized samples that the student never saw, and ``agreement`` with the
        teacher there; ``seen_accuracy`` on those it saw; ``fresh_agreement`` on new inputs (if
        given); ``teacher_accuracy`` on all.
    """
    taught, learned = np.argmax(teacher, axis=1), np.argmax(student, axis=1)
    out = split.held_out
    found = {
        "accuracy": np.mean(learned[out] == labels[out]),
        "agreement": np.mean(learned[out] == taught[out]),
        "seen_accuracy": np.mean(learned[split.seen] == labels[split.seen]),
        "teacher_accuracy": np.mean(taught == labels),
    }
    if fresh is not None:
        found["fresh_agreement"] = np.mean(np.argmax(fresh[0], 1) == np.argmax(fresh[1], 1))
    return {name: float(value) for name, value in found.items()}
