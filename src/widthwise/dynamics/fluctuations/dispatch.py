"""Fluctuations of the training of a network: which theory holds for it."""

import numpy as np
from jaxtyping import Array, ArrayLike, Key, Shaped

from widthwise.dynamics.fluctuations.architecture import MeanFieldNetwork, read
from widthwise.dynamics.fluctuations.deep_linear import deep_linear
from widthwise.dynamics.fluctuations.descent import Descent, Loss
from widthwise.dynamics.fluctuations.lazy import lazy
from widthwise.dynamics.fluctuations.result import Fluctuations
from widthwise.dynamics.fluctuations.two_layer import two_layer
from widthwise.dynamics.fluctuations.two_layer_linear import two_layer_linear
from widthwise.dynamics.matrices import require_finite
from widthwise.networks import Sequential

Data = tuple[Shaped[ArrayLike, "..."], Shaped[ArrayLike, "..."]]


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
    network = read(net)
    descent = Descent(
        _input_kernel(data, x_test),
        np.asarray(data[1]),
        steps,
        learning_rate,
        richness,
        loss=loss,
        centered=centered,
    )
    phi, gains = network.activations[0], network.gains
    if richness == 0:
        return lazy(network.activations, descent, gains=gains, sites=sites, key=key)
    if network.depth == 1 and network.linear:
        return two_layer_linear(
            descent, gains=(gains[0], gains[1]), slope=phi.gain, kernels=kernels
        )
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


def _input_kernel(data: Data, x_test: Shaped[ArrayLike, "..."] | None) -> np.ndarray:
    if not isinstance(data, tuple) or len(data) != 2:
        raise ValueError(f"data is {type(data).__name__}: give a pair (inputs, targets)")
    x, y = (np.asarray(part) for part in data)
    if x.ndim != 2 or y.ndim not in (1, 2) or len(x) != len(y) or not x.size:
        raise ValueError(
            f"inputs have shape {x.shape} and targets {y.shape}: give (p, d) and (p,) or (p, 1)"
        )
    parts = [x.astype(np.float64)]
    if x_test is not None:
        new = np.asarray(x_test, np.float64)
        if new.ndim != 2 or new.shape[1] != x.shape[1]:
            raise ValueError(f"x_test has shape {new.shape}: give (m, {x.shape[1]})")
        parts.append(new)
    both = np.concatenate(parts)
    require_finite("inputs", both)
    return both @ both.T / x.shape[1]


def _deep_linear(network: MeanFieldNetwork, descent: Descent) -> Fluctuations:
    """Unit gains, after those of the network are absorbed in richness and learning rate.

    ``f = (product of gains) f_1``; kernels of fields then have those passed so far.
    """
    gains = network.total_gains
    found = deep_linear(network.depth, descent.with_gains(1.0, float(np.prod(gains))))
    passed = np.cumprod(gains) ** 2
    slopes = np.array([phi.gain for phi in network.activations]) ** 2
    forward = passed[:-1] * slopes
    backward = (passed[-1] / passed)[:-1]
    return found.rescaled(
        {
            "ntk": np.asarray(passed[-1]),
            "feature_kernel": forward[:, None, None],
            "gradient_kernel": backward[:, None, None],
        },
        descent,
    )
