"""Models as text: every digit is kept."""

import dataclasses
import json
from typing import Any

import numpy as np

from widthwise.weights.families import FAMILIES, Gaussian, family_of
from widthwise.weights.fit import Fit


def to_json(model: Gaussian | Fit[Any]) -> str:
    """Return a model, or a fit, as one JSON object.

    Parameters
    ----------
    model
        A law of any family, or a fit of one.

    Examples
    --------
    >>> from widthwise.weights import IsotropicGaussian
    >>> to_json(IsotropicGaussian((2, 3), 0.0, 0.5))
    '{"family": "isotropic", "shape": [2, 3], "mean": 0.0, "variance": 0.5}'
    """
    law = model.model if isinstance(model, Fit) else model
    count = {"count": model.count} if isinstance(model, Fit) else {}
    fields = {field.name: np.asarray(getattr(law, field.name)) for field in dataclasses.fields(law)}
    values = {name: None if a.dtype == object else a.tolist() for name, a in fields.items()}
    return json.dumps({"family": family_of(law)} | count | values)


def from_json(text: str) -> Gaussian | Fit[Any]:
    """Return the model, or the fit, that `to_json` wrote.

    Raises
    ------
    ValueError
        If the text is no such object.
    """
    try:
        values: dict[str, Any] = json.loads(text)
        kind = FAMILIES[values.pop("family")]
        count = values.pop("count", None)
        fields = {field.name for field in dataclasses.fields(kind)}
        if set(values) != fields:
            raise KeyError(f"{sorted(set(values) ^ fields)}")
        values = {n: np.array(v) if isinstance(v, list) else v for n, v in values.items()}
        if "shape" in values:
            values["shape"] = tuple(values["shape"].tolist())
        model = kind(**values)
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"this is no model as to_json writes it ({type(error).__name__}: {error})"
        ) from None
    return model if count is None else Fit(model, int(count))
