"""A batch and a loss for a model that comes without them."""

from typing import Any

import equinox as eqx
import jax
import numpy as np

from widthwise.networks.scaling.family import is_torch

EXAMPLES, LENGTH, SIDE = 16, 16, 32
_SIZES = {
    "Linear": "in_features",
    "Embedding": "num_embeddings",
    "Conv1d": "in_channels",
    "Conv2d": "in_channels",
    "Conv3d": "in_channels",
}


def guessed_inputs(model: Any) -> tuple[np.ndarray, str]:
    """Draw inputs that the first layer of a model takes.

    Parameters
    ----------
    model
        An Equinox or PyTorch module.

    Returns
    -------
    The inputs, examples first, and what they are, in words.

    Raises
    ------
    ValueError
        If the first layer does not tell.
    """
    rng = np.random.default_rng(0)
    for part in _parts(model):
        kind = type(part).__name__
        name = _SIZES.get(kind)
        size = getattr(part, name, None) if name else None
        if kind == "Embedding" and size is None:
            size = getattr(part, "num_embeddings", None)
        if isinstance(size, int):
            if kind == "Embedding":
                found = rng.integers(size, size=(EXAMPLES, LENGTH))
                return found, f"random tokens of {size} symbols"
            axes = int(kind[4]) if kind.startswith("Conv") else 0
            shape = (EXAMPLES, size, *[SIDE] * axes)
            words = f"Gaussian noise of shape {'x'.join(map(str, shape[1:]))}"
            return rng.standard_normal(shape).astype(np.float32), words
    raise ValueError(
        "no batch was given, and the model's first layer does not tell what it takes: give "
        "batch=(inputs, targets)"
    )


def guessed_targets(model: Any, x: Any) -> tuple[np.ndarray, str]:
    """Draw targets for what a model returns, and name the loss.

    Parameters
    ----------
    model
        The model.
    x
        Inputs.
    """
    rng = np.random.default_rng(1)
    shape = _output_shape(model, x)
    if len(shape) > 1 and shape[-1] > 1:
        return rng.integers(shape[-1], size=shape[:-1]), "cross_entropy"
    return rng.standard_normal(shape).astype(np.float32), "mean"


def _output_shape(model: Any, x: Any) -> tuple[int, ...]:
    if is_torch(model):
        from widthwise.observables.audit.pytorch import output_shape

        return output_shape(model, x)
    out = eqx.filter_eval_shape(lambda m, x: jax.vmap(m)(x), eqx.nn.inference_mode(model), x)
    if not hasattr(out, "shape"):
        raise TypeError(f"the model returns {type(out).__name__}: return one array")
    return tuple(out.shape)


def _parts(model: Any) -> list[Any]:
    if is_torch(model):
        return list(model.modules())
    return jax.tree.leaves(
        model, is_leaf=lambda part: part is not model and type(part).__name__ in _SIZES
    )
