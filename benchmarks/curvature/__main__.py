"""Top Hessian eigenvalue of a network of 10^6 parameters, beside PyHessian's power iteration.

    python benchmarks/curvature [--width 830] [--examples 256] [--repeats 7] [--accuracy 1e-3]
                                [--steps 0]

A tanh network on Fashion-MNIST with cross-entropy, float32, the same weights for both, in one
process, runs interleaved; with --steps after so many steps of gradient descent, when the large
eigenvalues lie closer together. Equal accuracy: the loosest tolerance of each for which the error
against a float64 reference is at most --accuracy. CPU seconds, medians; compilation of ours is
reported apart. Between two runs there is a rest: the threads of PyTorch keep waiting busily for a
while after their work is done, which would count against whatever runs next. Needs
`pip install pyhessian torch`.
"""

import argparse
import time
from collections.abc import Callable
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import torch
from pyhessian import hessian

import widthwise as ww

RATE = 0.05
REST = 0.5  # seconds
TOLERANCES = (0.3, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


def problem(width: int, examples: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = ww.data.fashion_mnist_subset(count=examples)
    x = images.images.reshape(examples, -1).astype(np.float32) / 255
    sizes = (x.shape[1], width, width // 2, 10)
    draws = [rng.standard_normal((b, a)) / a**0.5 for a, b in pairwise(sizes)]
    return [w.astype(np.float32) for w in draws], x, images.labels.astype(np.int64)


def loss(weights: list[jax.Array], x: jax.Array, labels: jax.Array) -> jax.Array:
    for w in weights[:-1]:
        x = jnp.tanh(x @ w.T)
    scores = jax.nn.log_softmax(x @ weights[-1].T)
    return -jnp.mean(jnp.take_along_axis(scores, labels[:, None], axis=1))


def trained(
    arrays: list[np.ndarray], x: np.ndarray, labels: np.ndarray, steps: int
) -> list[np.ndarray]:
    slope = jax.jit(jax.grad(loss))
    weights = [jnp.asarray(w) for w in arrays]
    for _ in range(steps):
        moves = slope(weights, jnp.asarray(x), jnp.asarray(labels))
        weights = [w - RATE * g for w, g in zip(weights, moves, strict=True)]
    return [np.array(w) for w in weights]


def timed(run: Callable[[], float]) -> tuple[float, float]:
    time.sleep(REST)
    start = time.process_time()
    value = run()
    return value, time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=830)
    parser.add_argument("--examples", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--accuracy", type=float, default=1e-3)
    parser.add_argument("--steps", type=int, default=0)
    given = parser.parse_args()
    arrays, x, labels = problem(given.width, given.examples)
    arrays = trained(arrays, x, labels, given.steps)
    print(f"{sum(w.size for w in arrays):,} parameters, {given.examples} examples")

    weights, data = [jnp.asarray(w) for w in arrays], (jnp.asarray(x), jnp.asarray(labels))
    layers = [torch.nn.Linear(w.shape[1], w.shape[0], bias=False) for w in arrays]
    for layer, w in zip(layers, arrays, strict=True):
        layer.weight.data = torch.from_numpy(w)
    model = torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1], torch.nn.Tanh(), layers[2])
    batch = (torch.from_numpy(x), torch.from_numpy(labels))

    def ours(tolerance: float) -> float:
        return ww.sharpness(loss, weights, *data, tolerance=tolerance, throw=False).value

    def peer(tolerance: float) -> float:
        torch.manual_seed(0)
        found = hessian(model, torch.nn.CrossEntropyLoss(), data=batch, cuda=False)
        return found.eigenvalues(maxIter=1000, tol=tolerance)[0][0]

    with jax.enable_x64(True):
        exact = ww.sharpness(
            loss, [jnp.asarray(w, jnp.float64) for w in arrays],
            jnp.asarray(x, jnp.float64), jnp.asarray(labels), tolerance=1e-6,
        ).value  # fmt: skip
    print(f"reference {exact:.8g}")
    _, cold = timed(lambda: ours(1e-3))
    loosest = {}
    for name, run in (("widthwise", ours), ("PyHessian", peer)):
        for tolerance in TOLERANCES:
            error = abs(run(tolerance) / exact - 1)
            print(f"  {name} tolerance {tolerance:g}: relative error {error:.2g}")
            if error <= given.accuracy:
                loosest[name] = tolerance
                break
    table = {
        "widthwise, equal accuracy": lambda: ours(loosest["widthwise"]),
        "PyHessian, equal accuracy": lambda: peer(loosest["PyHessian"]),
        "widthwise, certified to 1e-3": lambda: ours(1e-3),
        "PyHessian, its default 1e-3": lambda: peer(1e-3),
    }
    seconds: dict[str, list[float]] = {name: [] for name in table}
    for _ in range(given.repeats):
        for name, run in table.items():
            seconds[name].append(timed(run)[1])
    for name, values in seconds.items():
        print(f"{name:32s} {np.median(values):8.2f} CPU s")
    ratios = np.divide(*(seconds[f"{name}, equal accuracy"] for name in ("PyHessian", "widthwise")))
    low, middle, high = np.percentile(ratios, [25, 50, 75])
    print(f"ratio at equal accuracy {middle:.2f} ({low:.2f} to {high:.2f})")
    print(f"first call, with compilation: {cold:.2f} CPU s")


if __name__ == "__main__":
    main()
