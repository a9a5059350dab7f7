"""Tangent kernels of one network: the ways to compute them, as ratios in one run.

    python benchmarks/empirical_ntk.py [--width 512] [--examples 50] [--depth 3] [--outputs 10]
                                       [--repeats 5] [--all-outputs] [--members 0]

A ReLU network on inputs of dimension 784 in float32. All ways run interleaved in one process, so
that the load of the machine hits all alike; the table gives medians, with the quartiles of the
ratios to the layerwise way, and how far each result lies from the first.

- layers, products, jacobian, auto: the methods of `empirical_ntk`.
- by hand: ``jax.vmap(jax.jacrev(...))`` and one contraction of it, as in most tutorials.
- formula: the layerwise formula written out for this very network, the least one can do.

With --members M, also the Monte Carlo kernel of M networks, per network.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from widthwise import networks as nn
from widthwise.ensembles import empirical_ntk, monte_carlo_kernel

DIMENSION = 784


def by_hand(model, x, *, trace: bool) -> Callable[[], jax.Array]:
    arrays, rest = eqx.partition(model, eqx.is_inexact_array)

    def outputs(arrays, x):
        return eqx.combine(arrays, rest)(x)

    @jax.jit
    def run(arrays, x):
        jacobian = jax.vmap(jax.jacrev(outputs), (None, 0))(arrays, x)
        formula = "nop,mop->nm" if trace else "nop,mrp->nmor"
        flat = [j.reshape(*j.shape[:2], -1) for j in jax.tree.leaves(jacobian)]
        total = sum(jnp.einsum(formula, j, j) for j in flat)
        return total / flat[0].shape[1] if trace else total

    return lambda: run(arrays, x)


def formula(model, x, *, trace: bool) -> Callable[[], jax.Array]:
    weights = [layer.weight for layer in model.layers if isinstance(layer, nn.Affine)]

    @jax.jit
    def run(weights, x):
        inputs, h = [], x
        for index, weight in enumerate(weights):
            inputs.append(h / weight.shape[1] ** 0.5)
            z = inputs[-1] @ weight.T
            h = jnp.maximum(z, 0) if index < len(weights) - 1 else z
        outputs = h.shape[1]
        slope = jnp.broadcast_to(jnp.eye(outputs)[None], (len(x), outputs, outputs))
        total = 0.0
        for index in reversed(range(len(weights))):
            gram = inputs[index] @ inputs[index].T
            pairs = "nok,mok->nm" if trace else "nok,mrk->nmor"
            part = jnp.einsum(pairs, slope, slope)
            total = total + part * (gram if trace else gram[:, :, None, None])
            if index:
                back = slope @ weights[index] / weights[index].shape[1] ** 0.5
                slope = back * (inputs[index] > 0)[:, None, :]
        return total / outputs if trace else total

    return lambda: run(weights, x)


def compare(runs: dict[str, Callable[[], jax.Array]], repeats: int) -> None:
    results, times = {}, {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            results[name] = np.asarray(run())
            if repeat:  # the first compiles
                times[name].append(time.perf_counter() - start)
    first = next(iter(runs))
    print("             seconds   / layers (quartiles)        difference")
    for name in runs:
        low, middle, high = np.quantile(
            np.array(times[name]) / np.array(times[first]), [0.25, 0.5, 0.75]
        )
        error = np.abs(results[name] - results[first]).max() / np.abs(results[first]).max()
        print(
            f"{name:10s} {np.median(times[name]):9.4f}   {middle:8.2f} ({low:.2f} - {high:.2f})"
            f"   {error:10.1e}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare ways to a tangent kernel.")
    for name, value in {"width": 512, "examples": 50, "depth": 3, "outputs": 10}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--members", type=int, default=0)
    parser.add_argument("--all-outputs", action="store_true")
    options = parser.parse_args()
    hidden = [part for _ in range(options.depth) for part in (nn.Dense(options.width), nn.Relu())]
    net = nn.Sequential(*hidden, nn.Dense(options.outputs))
    model = net.init(jax.random.key(0), (DIMENSION,))
    x = jax.random.normal(jax.random.key(1), (options.examples, DIMENSION))
    trace = not options.all_outputs
    ntk = partial(empirical_ntk, model, None, x, trace_outputs=trace)
    methods = ("layers", "auto", "products", "jacobian")
    runs = {method: partial(ntk, method=method) for method in methods}
    runs |= {"by hand": by_hand(model, x, trace=trace), "formula": formula(model, x, trace=trace)}
    compare(runs, options.repeats)
    if options.members:
        run = partial(monte_carlo_kernel, net, x, key=jax.random.key(0), members=options.members)
        run()
        start = time.perf_counter()
        run()
        seconds = (time.perf_counter() - start) / options.members
        print(f"Monte Carlo: {seconds:.4f} seconds per network")


if __name__ == "__main__":
    main()
