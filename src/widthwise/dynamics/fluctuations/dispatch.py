"""Fluctuations of the training of a network: which theory holds for it."""

import numpy as np
from jaxtyping import Array, ArrayLike, Key, Shaped

from widthwise.dynamics.fluctuations.deep_linear import deep_linear
from widthwise.dynamics.fluctuations.descent import Descent
from widthwise.dynamics.fluctuations.lazy import lazy
from widthwise.dynamics.fluctuations.result import Fluctuations
from widthwise.dynamics.fluctuations.two_layer import two_layer
from widthwise.dynamics.fluctuations.two_layer_linear import two_layer_linear
from widthwise.dynamics.mean_field.constants import Constants, constants
from widthwise.dynamics.mean_field.losses import Loss
from widthwise.dynamics.mean_field.points import Data, checked_points
from widthwise.networks import Sequential


def fluctuations(
    net: Sequential,
    data: Data,
    *,
    steps: int,
    learning_rate: float | int,
    richness: float | int = 1.0,
    loss: Loss = "mean",
    centered: bool = False,
    x_test: Shaped[ArrayLike, "..."] | None = None,
    kernels: bool = True,
    sites: int | None = None,
    key: Key[Array, ""] | None = None,
) -> Fluctuations:
    r"""Mean and covariance over networks of one width, through training, to first order in 1/width.

    Trains ``net(x) / richness`` by full-batch gradient descent; every learning rate is multiplied
    by ``richness^2``, and by the factors of the parametrization.

    Parameters
    ----------
    net
        Dense layers without biases and activations in turn, one output, in the mean-field
        parametrization. Its width does not matter: results are coefficients of 1/width.
    data
        Inputs (p, d) and targets, (p,) or (p, 1).
    steps
        Number of updates.
    learning_rate
        Of gradient descent.
    richness
        ``gamma_0``; 0 is the lazy limit, in which kernels stand still.
    loss
        ``"mean"`` or ``"sum"``: half that of the squared errors; or ``loss(outputs, targets)``.
    centered
        Whether the initial output of each network is subtracted from its outputs.
    x_test
        Further inputs (m, d) at which outputs and kernels are wanted, after those of ``data``.
    kernels
        False gives the outputs only, for many points or steps (networks of two layers).
    sites, key
        Neurons (pairs of fields and readout weights) over which means are taken where there is no
        exact way, and what draws them; the same ones every time if None.

    Returns
    -------
    Fluctuations

    Raises
    ------
    NotImplementedError
        At positive richness, for deep networks with an activation, whose covariance is not known,
        and for activations with kinks.
    TypeError, ValueError
        If the network is not of this kind, shapes do not fit, a number is out of range, or gradient
        descent diverges.

    Notes
    -----
    What is used: one hidden layer, any activation (linear ones without sampling); any depth and
    activation at richness 0; any depth with linear activations, for few points and steps. Source:
    B. Bordelon and C. Pehlevan, "Dynamics of Finite Width Kernel and Prediction Fluctuations in
    Mean Field Neural Networks" (2023), arXiv 2304.03408.

    Examples
    --------
    >>> import numpy as np, widthwise as ww
    >>> net = ww.Sequential(
    ...     ww.Dense(64), ww.Identity(), ww.Dense(1), parametrization=ww.MeanField()
    ... )
    >>> data = np.eye(2) * 2**0.5, np.array([1.0, 0.0])
    >>> found = ww.fluctuations(net, data, steps=20, learning_rate=0.05, loss="sum")
    >>> found.variance()[20].round(5).tolist()
    [0.04637, 0.02279]
    >>> found.standard_deviation(400)[20].round(4).tolist()
    [0.0108, 0.0075]
    >>> found.required_width(1e-3)
    69
    """
    points = checked_points(data, x_test)
    network = _expandable(constants(net, points.features, plain=True), net)
    descent = Descent(
        points.kernel,
        points.targets,
        steps,
        learning_rate,
        richness,
        loss=loss,
        centered=centered,
    )
    phi, gains = network.activations[0], network.weight_std.tolist()
    if richness == 0:
        return lazy(network.activations, descent, gains=gains, sites=sites, key=key)
    if network.depth == 1 and network.linear:
        slope = float(network.slopes[1])
        return two_layer_linear(descent, gains=(gains[0], gains[1]), slope=slope, kernels=kernels)
    if network.depth == 1:
        return two_layer(
            phi, descent, gains=(gains[0], gains[1]), kernels=kernels, sites=sites, key=key
        )
    if not network.linear:
        raise NotImplementedError(
            f"the covariance of {network.depth} hidden layers with an activation at richness "
            f"{richness} is not known in closed form: train an ensemble (widthwise.train), or give "
            "richness=0 for the lazy limit"
        )
    return _deep_linear(network, descent)


def _expandable(found: Constants, net: Sequential) -> Constants:
    """Refuse what mean-field dynamics knows and fluctuations do not."""
    variance = found.weight_std**2
    if not np.allclose(found.rate, variance, rtol=1e-9, atol=0):
        raise ValueError(
            f"{net.parametrization!r} has weights of variance {variance.tolist()} and learning "
            f"rates {found.rate.tolist()}: fluctuations are derived where the two are equal, give "
            "MeanField(weight_std=...), whose multipliers act on both"
        )
    if not np.all(found.weight_std):
        raise ValueError("a Dense layer has weight_std 0: give positive gains")
    if np.any(found.ratio != 1):
        raise ValueError(
            f"the widths of hidden layers have the ratios {found.ratio[1:-1].tolist()}: give all "
            "one width, fluctuations are counted in 1/width"
        )
    return found


def _deep_linear(network: Constants, descent: Descent) -> Fluctuations:
    """Unit gains, after those of the network are absorbed in richness and learning rate.

    ``f = (product of gains) f_1``; kernels of fields then have those passed so far.
    """
    gains = network.weight_std * network.slopes
    found = deep_linear(network.depth, descent.with_gains(1.0, float(np.prod(gains))))
    passed = np.cumprod(gains) ** 2
    forward = passed[:-1] * network.slopes[1:] ** 2
    backward = (passed[-1] / passed)[:-1]
    return found.rescaled(
        {
            "ntk": np.asarray(passed[-1]),
            "feature_kernel": forward[:, None, None],
            "gradient_kernel": backward[:, None, None],
        },
        descent,
    )
