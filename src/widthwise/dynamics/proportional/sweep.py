"""Does the best learning rate transfer across widths? Losses over a grid of learning rates."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from widthwise.dynamics.proportional.training import is_stable, losses, march
from widthwise.networks.proportional import ProportionalLinear
from widthwise.numerics.statistics import Numbers


def learning_rate_sweep(
    networks: Sequence[ProportionalLinear],
    learning_rates: Numbers,
    *,
    steps: int,
) -> xr.Dataset:
    """Losses of several networks after a number of updates, for each learning rate.

    Parameters
    ----------
    networks
        The networks, for example one at each width ratio.
    learning_rates
        Increasing grid; rates that diverge are marked, not refused.
    steps
        Number of updates.

    Returns
    -------
    xarray.Dataset
        Dimensions ``network`` (with coordinates ``width_ratio`` and ``parametrization``) and
        ``learning_rate``: ``test_loss``, ``train_loss`` and ``stable``; and for each network
        ``best_learning_rate`` (least test loss) and ``largest_stable_learning_rate``
        (not-a-number if there is none). Attribute ``drift``: largest over smallest of the best.

    Raises
    ------
    ValueError
        If there is no network, the grid does not increase, or a number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from widthwise.networks import ProportionalLinear
    >>> networks = [ProportionalLinear(width_ratio=nu, richness=4.0) for nu in (0.5, 16.0)]
    >>> found = learning_rate_sweep(networks, np.geomspace(0.02, 1, 41), steps=8)
    >>> found.best_learning_rate.values.round(3).tolist()
    [0.19, 0.156]
    """
    rates = np.asarray(learning_rates, np.float64)
    if len(networks) == 0:
        raise ValueError("networks is empty: give at least one network")
    if rates.ndim != 1 or len(rates) == 0 or np.any(np.diff(rates) <= 0):
        raise ValueError(f"learning_rates are {learning_rates}: give a list that increases")
    test, train, stable = [], [], []
    for network in networks:
        at_test, at_train = losses(march(network, rates, steps))
        test.append(at_test[:, -1])
        train.append(at_train[:, -1])
        stable.append(is_stable(at_test))
    loss, kept = np.stack(test), np.stack(stable)
    any_stable = kept.any(axis=1)
    best = np.where(any_stable, rates[np.argmin(np.where(kept, loss, np.inf), axis=1)], np.nan)
    largest = np.where(any_stable, np.max(np.where(kept, rates[None], 0.0), axis=1), np.nan)
    dims = ("network", "learning_rate")
    return xr.Dataset(
        {
            "test_loss": (dims, loss),
            "train_loss": (dims, np.stack(train)),
            "stable": (dims, kept),
            "best_learning_rate": ("network", best),
            "largest_stable_learning_rate": ("network", largest),
        },
        coords={
            "learning_rate": rates,
            "width_ratio": ("network", [network.width_ratio for network in networks]),
            "parametrization": ("network", [network.parametrization for network in networks]),
        },
        attrs={"steps": steps, "drift": float(np.max(best) / np.min(best))},
    )
