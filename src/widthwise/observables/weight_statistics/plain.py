"""Surveys as plain data: dictionaries, lists, numbers and text, as JSON has them."""

import dataclasses
import math
from typing import Any

from widthwise.observables.weight_statistics.change import Change
from widthwise.observables.weight_statistics.ensemble import EnsembleLayer
from widthwise.observables.weight_statistics.layer import LayerStatistics
from widthwise.observables.weight_statistics.null import AgainstNull
from widthwise.observables.weight_statistics.survey import Survey, SurveyedLayer
from widthwise.observables.weight_statistics.verdict import sentences, verdict

STATISTICS = {
    "kurtosis": "excess kurtosis",
    "inner_kurtosis": "excess kurtosis without outlying entries",
    "quantile_kurtosis": "excess kurtosis by octiles",
    "skewness": "skewness",
    "quantile_skewness": "skewness by quartiles",
    "energy": "energy statistic against a normal law",
    "rows": "variance of row means",
    "columns": "variance of column means",
    "largest": "largest singular value beyond the edge, in Tracy-Widom units",
    "bulk_distance": "distance from the Marchenko-Pastur law",
    "stable_rank": "stable rank",
    "power_exponent": "power-law exponent",
}
"""Fields of `LayerStatistics` that have a null distribution, in words."""


def numbers_of(layer: LayerStatistics) -> dict[str, AgainstNull]:
    """Return the statistics of a layer that have a null distribution, by field."""
    return {name: getattr(layer, name) for name in STATISTICS}


def survey_as_dict(survey: Survey) -> dict[str, Any]:
    """Return a survey as plain data; what is not a number becomes None."""
    return {
        "path": str(survey.checkpoint.path),
        "format": survey.checkpoint.format,
        "arrays": len(survey.checkpoint),
        "parameters": survey.parameters,
        "parameters_in_matrices": survey.surveyed,
        "layers": [_layer(layer) for layer in survey.layers],
        "stacks": [_plain(dataclasses.asdict(stack)) for stack in survey.stacks],
        "left_out": dict(survey.others),
    }


def change_as_dict(change: Change) -> dict[str, Any]:
    """Return a change as plain data."""
    return _plain(dataclasses.asdict(change))


def ensemble_as_dict(layer: EnsembleLayer) -> dict[str, Any]:
    """Return the tests of one matrix in several networks as plain data."""
    return {
        "name": layer.name,
        "role": layer.role,
        "members": layer.law.count,
        "gaussian_law": _plain(layer.law.model.parameters),
        "gaussian_law_errors": _plain(layer.law.standard_errors),
        "structured": _plain(dataclasses.asdict(layer.structured)),
        "tied": _plain(dataclasses.asdict(layer.tied)) if layer.tied else None,
    }


def _layer(layer: SurveyedLayer) -> dict[str, Any]:
    matrix, found = layer.matrix, layer.statistics
    entries, spectrum = found.entries, found.spectrum
    return {
        "name": matrix.name,
        "role": matrix.role,
        "shape": list(matrix.shape),
        "stored": f"{matrix.dtype}, {matrix.layout}",
        "verdict": verdict(found),
        "sentences": sentences(found),
        "mean": entries.mean,
        "standard_deviation": entries.standard_deviation,
        "gain": entries.standard_deviation * math.sqrt(matrix.shape[1]),
        "outlying_entries": entries.outliers,
        "largest_entries": [dataclasses.asdict(entry) for entry in entries.largest],
        "outlying_singular_values": spectrum.outliers,
        "outlying_singular_values_shuffled": found.shuffled_outliers,
        "statistics": {
            name: _plain(dataclasses.asdict(number)) for name, number in numbers_of(found).items()
        },
        "gaussian_law": _plain(found.law.model.parameters),
        "gaussian_law_errors": _plain(found.law.standard_errors),
        "tied": _plain(dataclasses.asdict(found.tied)) if found.tied else None,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
