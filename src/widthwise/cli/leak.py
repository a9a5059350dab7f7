"""``widthwise leak``: how much of a memorized set its soft labels give away."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    import numpy as np

    from widthwise.observables import Leak

_SOFT = ("soft_labels", "probabilities", "logits")


def leak(
    teacher: Path,
    /,
    *,
    labels: Path,
    fraction: tuple[float, ...] = (0.2, 0.5, 0.8),
    temperature: float | None = None,
    splits: int = 10,
    width: int | None = None,
    seed: int = 0,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Say how much of a held-out memorized set a student recovers from soft labels.

    Example: `widthwise leak teacher.npz --labels soft.npz --fraction 0.5 --fraction 0.8`

    Students see the soft labels of a fraction of the samples. Printed is how many of the other
    labels they get right, with 95 % confidence intervals, beside students of hard labels, and from
    which fraction on they have enough equations to be their teacher.

    Parameters
    ----------
    teacher
        An .npz file with what the teacher memorized: `inputs` (n, d) and `labels` (n).
    labels
        An .npz file with the teacher's `soft_labels` (n, c) on these inputs, or its `logits`.
    fraction
        Of the samples, what a student sees; may be repeated.
    temperature
        At which logits are published; 1 if not given.
    splits
        Random choices of these samples.
    width
        Hidden neurons of ReLU students; linear students if not given.
    seed
        Of the choices.
    json
        Print one JSON object.
    """
    import numpy as np

    from widthwise.cli.output import print_json
    from widthwise.ensembles.distillation import soft_labels
    from widthwise.experiments import keep_compiled
    from widthwise.observables import leak as measure

    keep_compiled()
    known = _arrays(teacher)
    x, y = (_one(known, teacher, name) for name in ("inputs", "labels"))
    given = _arrays(labels)
    name = next((name for name in _SOFT if name in given), None)
    if name is None:
        raise ValueError(
            f"{labels} holds {_names(given)}: give soft_labels (n, c), or logits (n, c)"
        )
    p = given[name]
    if name == "logits":
        p = soft_labels(p.astype(np.float32), 1.0 if temperature is None else temperature)
    elif temperature is not None:
        raise ValueError("--temperature is for logits: soft labels have one already")
    found = [
        measure(x, y, p, fraction=one, splits=splits, width=width, seed=seed) for one in fraction
    ]
    predicted = [None if width else _predicted(one) for one in found]
    if json:
        print_json(
            {
                "teacher": str(teacher),
                "student": "linear" if width is None else f"ReLU network of width {width}",
                "fractions": [
                    {**_plain(one), "random_data_accuracy": value}
                    for one, value in zip(found, predicted, strict=True)
                ],
            }
        )
        return
    _print(found, predicted, width)


def _arrays(path: Path) -> "dict[str, np.ndarray]":
    import zipfile

    import numpy as np

    if not path.exists():
        raise ValueError(f"{path} does not exist: give an .npz file")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is no .npz file of plain arrays ({error}): write it with numpy.savez"
        ) from None


def _one(arrays: "dict[str, np.ndarray]", path: Path, name: str) -> "np.ndarray":
    if name not in arrays:
        raise ValueError(f"{path} holds {_names(arrays)}: give inputs (n, d) and labels (n)")
    return arrays[name]


def _names(arrays: "dict[str, np.ndarray]") -> str:
    return ", ".join(arrays) or "no arrays"


def _predicted(found: "Leak") -> float | None:
    """Return the accuracy on random inputs and labels of the same numbers, if there is a theory."""
    from widthwise.dynamics.distillation import (
        hard_margin_teacher,
        linear_student,
        logistic_teacher,
        softmax_student,
        softmax_teacher,
    )

    load = 1 / found.threshold
    try:
        if found.classes > 2:
            teacher = softmax_teacher(load, found.classes, draws=2**12)
            return float(softmax_student(teacher, found.fraction).accuracy.value)
        binary = hard_margin_teacher(load) if load < 2 else logistic_teacher(load)
        return linear_student(binary, found.fraction).accuracy
    except ValueError:  # at or beyond capacity
        return None


def _plain(found: "Leak") -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(found), "leaks": found.leaks}


def _print(found: "list[Leak]", predicted: list[float | None], width: int | None) -> None:
    from widthwise.cli.output import line, table

    def share(one: Any) -> str:
        return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"

    rows = [
        (
            f"{one.fraction:g}",
            share(one.accuracy),
            share(one.hard_accuracy),
            "" if value is None else f"{value:.3f}",
            "leaks" if one.leaks else "no leak found",
        )
        for one, value in zip(found, predicted, strict=True)
    ]
    first = found[0]
    title = (
        f"{first.samples} samples, {first.inputs} inputs, {first.classes} classes; held-out labels "
        f"that {'linear' if width is None else f'ReLU (width {width})'} students get right"
    )
    columns = (">fraction", ">soft labels", ">hard labels", ">random data", "verdict")
    table(columns, rows, title=title)
    line(f"The teacher has {first.teacher_accuracy:.1%} of the labels.")
    if first.threshold > 1:
        line("Students never have as many equations as unknowns on these samples.")
    else:
        words = "is the teacher, if that is linear" if width is None else "may be the teacher"
        line(f"From a fraction {first.threshold:.3g} on a student {words}.")
    line(
        f"Soft labels have an entropy of {first.entropy:.3g} nats; {first.zeros} entries are "
        "exactly zero."
    )
