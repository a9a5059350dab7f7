"""Networks of the study: linear ones solved exactly, others trained; and how alike they are."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jaxtyping import Array, Float, Key

from widthwise.ensembles import train
from widthwise.experiments import member_keys
from widthwise.networks import Dense, Identity, Relu, Sequential, Standard
from widthwise.observables.alignment import CKA, Correlation

RATE = 0.01
_LEAST = 128
ADAM, DESCENT = optax.adam(RATE), optax.sgd(0.1)
_CKA, _CORRELATION = jax.jit(CKA()), jax.jit(Correlation())


def generators(
    key: Key[Array, ""], number: int, members: tuple[int, int]
) -> list[np.random.Generator]:
    """One source of random numbers for each member; ``number`` tells ensembles apart."""
    keys = np.asarray(jax.random.key_data(member_keys(key, number, members)))
    return [np.random.default_rng(words) for words in keys]


def start_key(rng: np.random.Generator) -> Key[Array, ""]:
    """Draw the key from which networks start."""
    words = jnp.asarray(rng.integers(0, 2**32, 2, np.uint32))
    return jax.random.wrap_key_data(words, impl="threefry2x32")


def directions(rng: np.random.Generator, shape: tuple[int, ...]) -> Float[np.ndarray, "*s d"]:
    """Random vectors of length one."""
    w = rng.standard_normal(shape)
    return w / np.linalg.norm(w, axis=-1, keepdims=True)


def minimum_norm(
    x: Float[np.ndarray, "*s p d"], y: Float[np.ndarray, "*s p k"], *, ridge: float = 0.0
) -> Float[np.ndarray, "*s d k"]:
    """Weights with least mean squared error; of all such, those of smallest norm."""
    p, d = x.shape[-2:]
    back = np.swapaxes(x, -1, -2)
    if p >= d:
        return np.linalg.solve(back @ x + ridge * p * np.eye(d), back @ y)
    return back @ np.linalg.solve(x @ back + ridge * p * np.eye(p), y)


def stopped(
    x: Float[np.ndarray, "p d"], y: Float[np.ndarray, "p k"], *, times: Sequence[float]
) -> list[Float[np.ndarray, "d k"]]:
    """Weights at times of gradient flow of half the mean squared error from zero."""
    values, vectors = np.linalg.eigh(x.T @ x / len(x))
    safe = np.maximum(values, 1e-12)[:, None]
    turned = vectors.T @ (x.T @ y / len(x))
    return [vectors @ (-np.expm1(-safe * time) / safe * turned) for time in times]


def overlaps(w: Float[np.ndarray, "*s d k"]) -> Float[np.ndarray, "*s pairs"]:
    """Correlations of the outputs of all pairs among k linear networks on isotropic inputs."""
    w = w / np.linalg.norm(w, axis=-2, keepdims=True)
    products = np.swapaxes(w, -1, -2) @ w
    first, second = np.triu_indices(w.shape[-1], 1)
    return products[..., first, second]


def linear_network(width: int, spread: float) -> Sequential:
    """One hidden layer without activation, of weights ``spread / sqrt(inputs)``."""
    return Sequential(Dense(width), Identity(), Dense(1), parametrization=Standard(spread))


def relu_network(width: int, spread: float) -> Sequential:
    """One hidden layer of ReLU without biases."""
    return Sequential(Dense(width), Relu(), Dense(1), parametrization=Standard(spread))


def parameters(network: Sequential, inputs: int) -> int:
    """How many weights a network has."""
    (width,) = (layer.width for layer in network.layers[:1] if isinstance(layer, Dense))
    return width * (inputs + 1)


def hidden(model, x: Array, y: Array) -> dict[str, tuple[tuple[str, str], Array]]:
    """Record the weights of the hidden layer."""
    del x, y
    return {"hidden": (("neuron", "direction"), model.network.layers[0].weight)}


def trained(
    network: Sequential,
    x: np.ndarray,
    labels: np.ndarray,
    x_test: np.ndarray,
    *,
    key: Key[Array, ""],
    steps: int,
    optimizer: optax.GradientTransformation,
) -> xr.Dataset:
    """Train one network without biases on each column of labels, each from a start of its own.

    The loss is half the mean squared error over samples.

    Returns
    -------
    xarray.Dataset
        ``hidden`` (network, neuron, direction), ``test_output`` (network, input) and ``loss``.
    """
    # Samples of zero change nothing without biases, and all numbers of samples up to a power of two
    # share one compiled program; the networks are homogeneous, so that scaling keeps the mean.
    count = max(_LEAST, 1 << (len(x) - 1).bit_length())
    missing, scale = ((0, count - len(x)), (0, 0)), (count / len(x)) ** 0.5
    inputs, targets = (np.pad(part * scale, missing).astype(np.float32) for part in (x, labels))
    found = [
        train(
            network,
            (inputs, targets[:, i]),
            test=x_test.astype(np.float32),
            key=key,
            members=(i, i + 1),
            steps=steps,
            optimizer=optimizer,
            at=(steps,),
            record=("loss", "output", hidden),
        ).isel(width=0, step=0, member=0, drop=True)
        for i in range(labels.shape[1])
    ]
    return xr.concat(found, "network")[["hidden", "test_output", "loss"]]


def mean_alignment(
    representations: Sequence[np.ndarray], outputs: Sequence[np.ndarray]
) -> tuple[float, float, int]:
    """Mean CKA and mean correlation of outputs over pairs; networks left out as dead."""
    alive = [
        i
        for i, (h, f) in enumerate(zip(representations, outputs, strict=True))
        if np.ptp(h, axis=0).any() and np.ptp(f) > 0 and np.isfinite(h).all()
    ]
    dead = len(representations) - len(alive)
    pairs = [(i, j) for k, i in enumerate(alive) for j in alive[k + 1 :]]
    if not pairs:
        return float("nan"), float("nan"), dead
    cka = [float(_CKA(representations[i], representations[j])) for i, j in pairs]
    signed = [float(_CORRELATION(outputs[i][:, None], outputs[j][:, None])) for i, j in pairs]
    return float(np.mean(cka)), float(np.mean(signed)), dead
