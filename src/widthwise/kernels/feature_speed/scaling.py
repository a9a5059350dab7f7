"""Initial scales and learning rates of deep ReLU networks, layer by layer, from the feature speed.

Features of the last hidden layer move at the speed 1 while the loss falls at the rate 1 if the
backward vector there has norm ``1 / (sqrt(m) cos(theta))``, which the scale of the readout sets,
and layers contribute equally if each learning rate is ``1 / (L |gradient|^2)`` (Chizat &
Netrapalli 2024, arXiv:2311.18718, proposition 4.1 and table 1).
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, PyTree

from widthwise.networks import Dense, Layer, Relu, Residual, Sequential, Standard
from widthwise.numerics.choices import check_choice

Rule = Literal["ntk", "mup", "feature_speed"]


@dataclass(frozen=True)
class Scaling:
    """Initial standard deviations and learning rates of a network without biases.

    Attributes
    ----------
    rule
        Which scaling it is.
    width, inputs, outputs
        Sizes of the layers.
    init_std
        Of the weights of each layer, first layer first.
    learning_rate
        Of gradient descent, for each layer.
    branch
        The number that multiplies every residual branch; None without skips.
    """

    rule: Rule
    width: int
    inputs: int
    outputs: int
    init_std: Float[np.ndarray, " layers"]
    learning_rate: Float[np.ndarray, " layers"]
    branch: float | None = None

    def network(self) -> Sequential:
        """Return the architecture, of ReLU layers that start as said."""
        first, *hidden, last = self.init_std
        width = self.width
        layers: list[Layer] = [Dense(width, float(first * self.inputs**0.5), bias=False)]
        for std in hidden:
            dense = Dense(width, float(std * (self.branch or 1.0) * width**0.5), bias=False)
            if self.branch is None:
                layers += [Relu(), dense]
            else:
                layers.append(Residual(Sequential(Relu(), dense)))
        if self.branch is None:
            layers.append(Relu())
        readout = Dense(self.outputs, float(last * width**0.5), bias=False)
        return Sequential(*layers, readout, parametrization=Standard())

    def optimizer(self, learning_rate: float | int = 1.0) -> optax.GradientTransformation:
        """Return gradient descent with the learning rates of all layers times one number.

        It takes the parameters of :meth:`network`, or any pytree whose arrays are the weights in
        forward order. In a residual network the factor of the branch is part of the weights, whose
        learning rates are those of weights that it multiplies.
        """
        inner = 1.0 if self.branch is None else self.branch**2
        rates = [self.learning_rate[0], *(inner * self.learning_rate[1:-1]), self.learning_rate[-1]]

        def scaled(updates: PyTree, _: PyTree) -> PyTree:
            leaves, structure = jax.tree.flatten(updates)
            if len(leaves) != len(rates):
                raise ValueError(
                    f"there are {len(leaves)} arrays of parameters for {len(rates)} learning "
                    "rates: give a network with one array of weights in each layer"
                )
            moved = [
                jnp.asarray(-learning_rate * rate, leaf.dtype) * leaf
                for rate, leaf in zip(rates, leaves, strict=True)
            ]
            return jax.tree.unflatten(structure, moved)

        return optax.stateless(scaled)


def layer_scaling(
    rule: Rule,
    *,
    width: int,
    layers: int,
    inputs: int,
    outputs: int = 1,
    branch: float | None = None,
) -> Scaling:
    r"""Initial scales and learning rates of a deep ReLU network.

    Inputs have squared norm ``inputs``, and the loss has a derivative of norm
    ``1 / sqrt(outputs)`` in the outputs.

    Parameters
    ----------
    rule
        ``"ntk"``: features hardly move in wide networks. ``"mup"`` (mean field): features of the
        last layer move at the speed 1, but the loss falls as 1/sqrt(layers).
        ``"feature_speed"``: the scaling of the paper, under which neither depends on width
        or depth: the readout is sqrt(layers) larger than under muP.
    width, layers, inputs, outputs
        Sizes; ``layers`` counts those with weights, readout included.
    branch
        For a residual network of branches multiplied by this number, such as
        ``layers ** -0.5``; then ``rule`` is ``"feature_speed"``, and the readout that of muP.

    Raises
    ------
    ValueError
        If a number is out of range, or there is no such rule for residual networks.

    Notes
    -----
    Chizat & Netrapalli (2024, arXiv:2311.18718), tables 1 and 2.

    Examples
    --------
    >>> rule = layer_scaling("feature_speed", width=400, layers=20, inputs=10)
    >>> round(float(rule.init_std[-1]), 8), rule.learning_rate[[0, 1, -1]].round(6).tolist()
    (0.01118034, [0.1, 0.0025, 0.000125])
    """
    check_choice("rule", rule, get_args(Rule))
    for name, size in (("width", width), ("inputs", inputs), ("outputs", outputs)):
        if size < 1:
            raise ValueError(f"{name} is {size}: give a number of at least 1")
    if layers < 3:
        raise ValueError(f"layers is {layers}: give at least 3, one of them between hidden ones")
    m, d, k, n = width, inputs, outputs, layers
    std = [d**-0.5, (2 / m) ** 0.5]
    if branch is not None:
        if rule != "feature_speed":
            raise ValueError(f"rule is {rule!r}: residual networks have 'feature_speed' alone")
        if not 0 < branch < math.inf:
            raise ValueError(f"branch is {branch}: give a positive, finite number")
        readout, rates = k**0.5 / m, (m / (d * n), 1 / (n * branch**2), k / (m * n))
    elif rule == "ntk":
        readout, rates = (k / m) ** 0.5, (1 / (d * n), 1 / (m * n), k / (m * n))
    elif rule == "mup":
        readout, rates = k**0.5 / m, (m / (d * n**1.5), n**-1.5, k / (m * n**1.5))
    else:
        readout, rates = (k * n) ** 0.5 / m, (m / (d * n**2), n**-2.0, k / (m * n))
    hidden = n - 2
    return Scaling(
        rule=rule,
        width=m,
        inputs=d,
        outputs=k,
        init_std=np.array([std[0], *[std[1]] * hidden, readout]),
        learning_rate=np.array([rates[0], *[rates[1]] * hidden, rates[2]]),
        branch=branch,
    )


def sensitivity(
    cosine: Float[np.ndarray, "*s"] | float, backward_norm: float | int, *, size: int
) -> Float[np.ndarray, "*s"]:
    """Speed of features per decay of the loss, ``1 / (cos(theta) sqrt(size) |b|)``.

    Parameters
    ----------
    cosine
        Of the angle between features and backward vector.
    backward_norm
        Euclidean norm of the backward vector b.
    size
        Number of features.

    Raises
    ------
    ValueError
        If a number is not positive, or the cosine above 1.

    Notes
    -----
    Chizat & Netrapalli (2024, arXiv:2311.18718), equation 8; features in root mean square.

    Examples
    --------
    >>> round(float(sensitivity(1.0, 0.5, size=4)), 6)
    1.0
    """
    found = np.asarray(cosine, np.float64)
    if np.any(found <= 0) or np.any(found > 1) or not backward_norm > 0 or size < 1:
        raise ValueError(
            f"cosine {cosine}, backward_norm {backward_norm}, size {size}: give positive numbers, "
            "cosines of at most 1"
        )
    return np.asarray(1 / (found * size**0.5 * backward_norm))
