"""The bulk of a weight matrix: the random part of its singular values, and what lies beyond."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from widthwise.numerics.marchenko_pastur import MarchenkoPastur
from widthwise.observables.weight_spectra import edge_scale, outlier_threshold


@dataclass(frozen=True, eq=False)
class Bulk:
    """The Marchenko-Pastur law fitted to singular values, of matrices divided by ``sqrt(N)``.

    Attributes
    ----------
    sigma
        Scale of the entries that have this bulk.
    edge, threshold
        Where the bulk ends, and beyond what a singular value counts as an outlier.
    excess
        How far each singular value is beyond the edge, in units of the scale of the Tracy-Widom
        law.
    outlier
        Whether each is beyond the threshold.
    distance
        Largest difference between the distribution functions of the singular values and of the
        law.
    """

    sigma: Float[np.ndarray, "*s"]
    edge: Float[np.ndarray, "*s"]
    threshold: Float[np.ndarray, "*s"]
    excess: Float[np.ndarray, "*s k"]
    outlier: Bool[np.ndarray, "*s k"]
    distance: Float[np.ndarray, "*s"]


def fit_bulk(values: Float[np.ndarray, "*s k"], rows: int, columns: int) -> Bulk:
    """Fit the scale of the bulk by the median singular value, which a few outliers do not move.

    Parameters
    ----------
    values
        All ``min(N, D)`` singular values of N x D matrices divided by ``sqrt(N)``, largest first.
    rows, columns
        N and D.
    """
    law = MarchenkoPastur(rows / columns)
    count = values.shape[-1]
    sigma = np.median(values, axis=-1) / law.quantile(0.5)
    safe = np.where(sigma > 0, sigma, np.nan)[..., None]
    threshold = outlier_threshold(rows, columns) * sigma
    below = np.arange(count, 0, -1) / count  # share up to each value
    expected = law.cdf(np.nan_to_num(values / safe, nan=0.0))
    distance = np.maximum(np.abs(expected - below), np.abs(expected - below + 1 / count))
    return Bulk(
        sigma=np.asarray(sigma),
        edge=np.asarray(law.edges[1] * sigma),
        threshold=np.asarray(threshold),
        excess=(values / (law.edges[1] * safe) - 1) / edge_scale(rows, columns),
        outlier=values > threshold[..., None],
        distance=np.asarray(distance.max(axis=-1)),
    )
