"""Watching the weights of any network train: bulk and outliers of a list of checkpoints."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from widthwise.numerics.statistics import Numbers
from widthwise.observables.bulk import fit_bulk
from widthwise.observables.weight_spectra import weight_spectra


def monitor(
    checkpoints: Sequence[Numbers] | np.ndarray, *, steps: Sequence[int] | None = None
) -> xr.Dataset:
    """Fit the bulk of one weight matrix at several times, and count what lies beyond it.

    The scale of the bulk is fitted by the median singular value, which a few outliers do not move.
    What lies beyond the bulk did not come from random initialization: a lazily trained wide
    network, whose weights hardly move, has nothing there.

    Parameters
    ----------
    checkpoints
        The N x D matrix at each time, of any scale.
    steps
        Numbers of updates; 0, 1, 2, ... if left out.

    Returns
    -------
    xarray.Dataset
        For each ``step``: ``sigma`` of the fitted bulk, its upper ``edge``, the ``threshold``
        beyond which a singular value counts as an outlier, the number of ``outliers``;
        ``singular_value`` (step, index), all of them, largest first; ``excess`` (step, index), how
        far each is beyond the edge in units of the scale of the Tracy-Widom law;
        ``bulk_distance``, the largest difference between the distribution functions of the
        singular values and of the fitted Marchenko-Pastur law; and ``effective_rank`` of the change
        since the first checkpoint. All for matrices divided by ``sqrt(N)``.

    Raises
    ------
    ValueError
        If there are no checkpoints, their shapes differ, or an entry is not finite.

    Notes
    -----
    Weights of networks with many outputs have no separate outliers: their bulk itself is deformed
    (`widthwise.spectra.ExtensiveSpikes`), and ``bulk_distance`` tells.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).standard_normal((100, 100))
    >>> found = monitor([noise, noise + 0.4])
    >>> found.outliers.values.tolist()
    [0, 1]
    """
    if len(checkpoints) == 0:
        raise ValueError("checkpoints is empty: give at least one matrix")
    shapes = {np.shape(matrix) for matrix in checkpoints}
    if len(shapes) > 1 or len(next(iter(shapes))) != 2:
        raise ValueError(f"checkpoints have shapes {sorted(shapes)}: give matrices of one shape")
    times = list(range(len(checkpoints))) if steps is None else list(steps)
    if len(times) != len(checkpoints):
        raise ValueError(f"{len(times)} steps for {len(checkpoints)} checkpoints: give one each")
    stack = np.stack([np.asarray(matrix) for matrix in checkpoints])
    rows, columns = stack.shape[1:]
    found = weight_spectra(stack, initial=stack[0])
    values = found.singular_values.astype(np.float64)
    bulk = fit_bulk(values, rows, columns)
    dims = ("step", "index")
    return xr.Dataset(
        {
            "singular_value": (dims, values),
            "excess": (dims, bulk.excess),
            "sigma": ("step", bulk.sigma),
            "edge": ("step", bulk.edge),
            "threshold": ("step", bulk.threshold),
            "outliers": ("step", np.sum(bulk.outlier, axis=-1)),
            "bulk_distance": ("step", bulk.distance),
            "effective_rank": ("step", np.asarray(found.effective_rank)),
        },
        coords={"step": times},
    )
