"""How fast the features of a network move, and why: the public function."""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import ArrayLike

from widthwise.ensembles.tangent.parametric import Rates, checked_inputs, output_shape, parametric
from widthwise.ensembles.training.losses import Loss, named_loss
from widthwise.networks import Layer
from widthwise.observables.feature_speed.nodes import Node, find_nodes
from widthwise.observables.feature_speed.result import table
from widthwise.observables.feature_speed.speeds import node_speeds
from widthwise.observables.feature_speed.updates import direction_of, factors_of


def feature_speed(
    model: Any,
    x: Any,
    y: Any,
    *,
    loss: str | Loss = "mean",
    update: Any = "gradient",
    learning_rates: Rates = None,
    steps: Sequence[float] = (),
    nodes: Sequence[str] | None = None,
    batched: bool = False,
) -> xr.Dataset:
    r"""How fast the features of every part of a network move in training, and why.

    At a node v, with features f, backward vector b = d loss / d f and the motion
    f' = (df/dw) w' that the update w' of the parameters causes, the loss that the parameters
    before v take away is ``D = -b . f'``, and the features move at the speed
    ``|f'| = D / (cos(theta) |b|)``: all that is not a norm is one angle.

    Parameters
    ----------
    model
        An Equinox module that maps one example, or a PyTorch module, which takes all.
    x
        Inputs, examples first. Those of a PyTorch model are given to it as they are.
    y
        Targets, for the loss.
    loss
        ``"mean"``, ``"sum"``, ``"cross_entropy"`` as in :func:`~widthwise.train`, or
        ``loss(outputs, targets)`` of a whole batch; for a PyTorch model a function, or ``"mean"``.
    update
        ``"gradient"`` for gradient descent at learning rate 1; ``"balanced"`` for learning rates
        at which all arrays of parameters lower the loss equally fast; an Optax transformation,
        whose first update is taken; or ``update(gradients, params)``. For a PyTorch model the
        two words, or ``update(gradients)`` with dictionaries by name.
    learning_rates
        Factors of the arrays: None for 1, ``"sgd"`` or ``"adam"`` for those of the
        parametrization of a network from ``net.init``, or numbers in the structure of the model.
    steps
        Sizes of steps that are really made, to see how far the linear prediction carries.
    nodes
        Names of nodes; None for all.
    batched
        Whether an Equinox module takes all examples at once.

    Returns
    -------
    xarray.Dataset
        Along ``node``, in the order of computation, named by the path of the module whose output
        it is (``"output"`` for that of the model): ``size``, the number of features times
        examples; ``feature_rms``, ``backward_norm`` and ``backward_rms``; ``cosine`` of the angle
        between -b and f'; ``decay``, D; ``speed``, the root mean square of f';
        ``relative_speed``, that over ``feature_rms``; ``sensitivity``, speed over decay; ``cut``,
        whether all that the parameters before the node do to the output passes through it;
        ``residual``, how far D is from the sum over these parameters of -gradient . update,
        relative to it (rounding for a cut node; for others what passes by them); ``note``, why
        there is no angle. With ``steps``, along ``step`` too: ``moved``, the root mean square of
        the change of f, over the step; and ``step_error``, the distance of the change of f from
        ``step * f'``, relative to that, which is proportional to the step. The loss and the whole
        ``loss_decay`` are in ``attrs``.

    Raises
    ------
    TypeError, ValueError
        If the model, the inputs or a choice cannot be used, or the loss is not finite.

    Notes
    -----
    Chizat & Netrapalli (2024, arXiv:2311.18718): theorem 2.1, and section 4 for the sensitivity.
    The speed formula holds for any update; that the cosine is positive only for gradient descent.
    Parameters that are used on both sides of a node (tied weights) make it no cut.

    Examples
    --------
    >>> import jax, numpy as np, widthwise as ww
    >>> net = ww.Sequential(ww.Dense(64), ww.Relu(), ww.Dense(64), ww.Relu(), ww.Dense(1))
    >>> model = net.init(jax.random.key(0), (3,))
    >>> found = feature_speed(model, np.ones((2, 3), np.float32), np.ones((2, 1), np.float32))
    >>> found.node.values.tolist()[-2:], bool(found.cut.all())
    (['.layers[3]', 'output'], True)
    """
    if any(not step > 0 or not np.isfinite(step) for step in steps):
        raise ValueError(f"steps is {tuple(steps)}: give positive, finite numbers")
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        from widthwise.observables.feature_speed.pytorch import torch_speeds

        if learning_rates is not None:
            raise ValueError(
                "learning_rates are for models in JAX: give update, a function of the gradients"
            )
        return torch_speeds(model, x, y, loss=loss, update=update, steps=steps, nodes=nodes)
    if isinstance(model, Layer):
        raise TypeError(
            f"model is an architecture, {model!r}, which has no weights yet: give "
            "net.init(key, shape)"
        )
    if not isinstance(model, eqx.Module) or not callable(model):
        raise TypeError(f"model is {type(model).__name__}: give an Equinox or a PyTorch module")
    inputs, _ = checked_inputs(x, None, diagonal=False)
    function = named_loss(loss)
    targets = jax.tree.map(jnp.asarray, y)
    output_shape(parametric(model, None), inputs[None] if batched else inputs)
    one = inputs if batched else inputs[0]
    found = find_nodes(model, one, names=nodes)
    _check_loss(model, inputs, lambda outputs: function(outputs, targets), batched)
    factors = factors_of(update, learning_rates, model)
    settings = _Settings(tuple(found), function, update, tuple(map(float, steps)), batched)
    run = _run(model, inputs, targets, factors, settings)
    count = 1 if batched else len(inputs)
    sizes = [count * int(np.prod(node.shape)) for node in found]
    numbers = {name: np.asarray(value) for name, value in run.items()}
    return table(numbers, found, sizes, steps)


class _Settings(NamedTuple):
    """All that a compiled program depends on besides shapes."""

    nodes: tuple[Node, ...]
    loss: Loss
    update: Any
    steps: tuple[float, ...]
    batched: bool


@eqx.filter_jit
def _run(
    model: eqx.Module, x: jax.Array, y: Any, factors: list[ArrayLike], settings: _Settings
) -> dict[str, jax.Array]:
    return node_speeds(
        model,
        x,
        lambda outputs: settings.loss(outputs, y),
        nodes=settings.nodes,
        direction=direction_of(settings.update, factors),
        steps=settings.steps,
        batched=settings.batched,
    )


def _check_loss(model: Any, x: jax.Array, loss: Any, batched: bool) -> None:
    """Refuse a loss that is not one real number."""
    found = eqx.filter_eval_shape(lambda m, x: loss((m if batched else jax.vmap(m))(x)), model, x)
    if getattr(found, "shape", None) != () or not jnp.issubdtype(found.dtype, jnp.floating):
        raise ValueError(f"loss(outputs, targets) returns {found}: return one real number")
