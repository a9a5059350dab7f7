"""The page about the weights of a checkpoint, or of several."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from widthwise.experiments.store import write_text
from widthwise.numerics.wording import number, rounded
from widthwise.observables.weight_statistics import (
    AgainstNull,
    Change,
    Survey,
    SurveyedLayer,
    changes,
    ensemble_tests,
    sentences,
    verdict,
)
from widthwise.observables.weight_statistics.plain import STATISTICS, numbers_of
from widthwise.report.document import document
from widthwise.report.figures import cards
from widthwise.report.spectrum_drawing import spectrum_drawing
from widthwise.report.tables import csv_text, download
from widthwise.report.weights_figures import weights_pictures
from widthwise.report.wording import duration

_TONES = {"like noise": "noise", "huge entries": "huge"}


@dataclasses.dataclass(frozen=True)
class NumberRow:
    """A statistic of a layer beside noise, in words."""

    label: str
    value: str
    noise: str
    p_value: str
    ordinary: bool


@dataclasses.dataclass(frozen=True)
class LayerRow:
    """A layer as the page shows it."""

    anchor: str
    name: str
    role: str
    shape: str
    stored: str
    verdict: str
    tone: str
    kurtosis: str
    inner_kurtosis: str
    entries: str
    outliers: str
    stable_rank: NumberRow
    exponent: NumberRow
    sentences: list[str]
    numbers: list[NumberRow]
    largest: list[tuple[str, str, str]]
    drawing: str


def write_weights_page(
    surveys: Sequence[Survey],
    path: str | Path,
    *,
    independent: bool = False,
    seconds: float | None = None,
) -> Path:
    """Write a page about one checkpoint, or about a series; the file appears whole or not at all.

    Parameters
    ----------
    surveys
        Of each checkpoint in order. The layers shown are those of the last; each later one is
        compared with the first.
    path
        The HTML file.
    independent
        Whether these are independent trainings, to be tested together, rather than a series.
    seconds
        How long the surveys took, if it is to be said.

    Returns
    -------
    Path
        The file.
    """
    path = Path(path)
    write_text(render_weights(surveys, independent=independent, seconds=seconds), path)
    return path


def render_weights(
    surveys: Sequence[Survey], *, independent: bool = False, seconds: float | None = None
) -> str:
    """Return the page as HTML; see `write_weights_page`."""
    survey = surveys[-1]
    steps = [] if independent else [changes(surveys[0], later) for later in surveys[1:]]
    names = [_file_name(one.checkpoint.path) for one in surveys]
    rows = [_layer_row(index, layer) for index, layer in enumerate(survey.layers)]
    return document(
        "weights.html",
        title=names[-1],
        source=", ".join(names),
        headline=headline(survey),
        tally=Counter(row.tone for row in rows),
        facts=_facts(survey, seconds),
        rows=rows,
        stacks=survey.stacks,
        tests=ensemble_tests(surveys) if independent else [],
        figures=cards(weights_pictures(survey, steps), "weights"),
        series=names,
        steps=[[_change_row(change) for change in step] for step in steps],
        pairs=_side_by_side(surveys[0], survey) if steps else [],
        others=sorted(survey.others.items()),
        table=download("weights.csv", _table(survey)),
    )


def headline(survey: Survey) -> str:
    """Return what the survey found in one sentence."""
    total = len(survey.layers)
    noise = sum(verdict(layer.statistics) == "like noise" for layer in survey.layers)
    if noise == total:
        return "No matrix can be told from noise." if total > 1 else "It cannot be told from noise."
    if not noise:
        return f"All {total} matrices differ from noise." if total > 1 else "It differs from noise."
    return f"{total - noise} of {total} matrices differ from noise; {noise} cannot be told from it."


def _file_name(path: Path) -> str:
    """Return the name of a file, of a folder with the one above it."""
    path = path.resolve()
    return f"{path.parent.name}/{path.name}" if path.is_dir() else path.name


def _facts(survey: Survey, seconds: float | None) -> list[tuple[str, str]]:
    rows = [
        ("Format", survey.checkpoint.format),
        ("Numbers in the file", f"{survey.parameters:,}"),
        ("In matrices", f"{survey.surveyed:,}"),
        ("Arrays left out", str(len(survey.others))),
    ]
    return rows if seconds is None else [*rows, ("Computing time", duration(seconds))]


def _layer_row(index: int, layer: SurveyedLayer) -> LayerRow:
    matrix, found = layer.matrix, layer.statistics
    words = verdict(found)
    numbers = {name: _number_row(name, one) for name, one in numbers_of(found).items()}
    tones = (tone for start, tone in _TONES.items() if words.startswith(start))
    return LayerRow(
        anchor=f"matrix-{index + 1}",
        name=matrix.name,
        role=matrix.role,
        shape=f"{matrix.shape[0]} × {matrix.shape[1]}",
        stored=f"{matrix.dtype}, {'outputs' if matrix.layout == 'out-in' else 'inputs'} first",
        verdict=words,
        tone=next(tones, "moved"),
        kurtosis=numbers["kurtosis"].value,
        inner_kurtosis=numbers["inner_kurtosis"].value,
        entries=f"{found.entries.outliers:,}",
        outliers=str(found.spectrum.outliers),
        stable_rank=numbers["stable_rank"],
        exponent=numbers["power_exponent"],
        sentences=sentences(found),
        numbers=list(numbers.values()),
        largest=[
            (f"({one.row}, {one.column})", number(one.value), rounded(one.deviations))
            for one in found.entries.largest
        ],
        drawing=spectrum_drawing(found),
    )


def _number_row(name: str, one: AgainstNull) -> NumberRow:
    words = STATISTICS[name]
    return NumberRow(
        label=words[:1].upper() + words[1:],
        value=rounded(one.value),
        noise=f"{rounded(one.low)} to {rounded(one.high)}",
        p_value=number(one.p_value, 2),
        ordinary=one.ordinary,
    )


def _change_row(change: Change) -> dict[str, str]:
    shares = sorted(change.parts.items(), key=lambda item: -item[1])
    return {
        "name": change.name,
        "role": change.role,
        "moved": number(change.moved, 3),
        "wasserstein": number(change.wasserstein, 3),
        "floor": number(change.floor, 2),
        "parts": ", ".join(f"{name} {share:.0%}" for name, share in shares if share >= 0.005),
        "rank": number(change.effective_rank, 3) if change.effective_rank > 0 else "–",
    }


def _side_by_side(first: Survey, last: Survey) -> list[dict[str, str]]:
    """Put the matrices of one name beside each other, whatever their shapes."""
    later = {layer.matrix.name: layer for layer in last.layers}
    return [
        {
            "name": layer.matrix.name,
            "shapes": _both(_shape(layer), _shape(other)),
            "kurtosis": _both(*(rounded(x.statistics.kurtosis.value) for x in (layer, other))),
            "outliers": _both(*(str(x.statistics.spectrum.outliers) for x in (layer, other))),
            "stable_rank": _both(*map(_relative_rank, (layer, other))),
            "verdicts": _both(*(verdict(x.statistics) for x in (layer, other))),
        }
        for layer in first.layers
        if (other := later.get(layer.matrix.name))
    ]


def _both(first: str, second: str) -> str:
    return first if first == second else f"{first} → {second}"


def _shape(layer: SurveyedLayer) -> str:
    return f"{layer.matrix.shape[0]} × {layer.matrix.shape[1]}"


def _relative_rank(layer: SurveyedLayer) -> str:
    rank = layer.statistics.stable_rank
    return number(rank.value / rank.median, 2)


def _table(survey: Survey) -> str:
    header = ["matrix", "role", "outputs", "inputs", "verdict", "outlying_entries",
              "outlying_singular_values"]  # fmt: skip
    for name in STATISTICS:
        header += [name, f"{name}_noise_low", f"{name}_noise_high", f"{name}_p_value"]
    rows = []
    for layer in survey.layers:
        matrix, found = layer.matrix, layer.statistics
        row: list[object] = [matrix.name, matrix.role, *matrix.shape, verdict(found)]
        row += [found.entries.outliers, found.spectrum.outliers]
        for one in numbers_of(found).values():
            row += [one.value, one.low, one.high, one.p_value]
        rows.append(row)
    return csv_text(header, rows)
