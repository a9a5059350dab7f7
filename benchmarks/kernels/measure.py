"""One case at a time, both libraries in turn in one process: a line of JSON for each.

Times are CPU seconds of the process, which other load on the machine changes least, and wall
seconds. The limits are what no way of computing these kernels can avoid: one matrix product of all
pairs (half of one where the kernel is symmetric is not offered by XLA), and writing both results.
"""

import argparse
import json
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from peer import neural_tangents

from widthwise import networks as nn

W, B = 1.4, 0.1
DENSE = {
    "relu 3": ("Relu", 3, 1.0),
    "relu 10": ("Relu", 10, 1.0),
    "relu 50": ("Relu", 50, 0.25),
    "erf 3": ("Erf", 3, 1.0),
    "gelu 3": ("Gelu", 3, 1.0),
}
IMAGES = {"conv 4 flatten": ("Flatten", 50), "conv 4 average": ("GlobalAvgPool", 4)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", options.dtype == "float64")
    stax = neural_tangents().stax
    rng = np.random.default_rng(0)
    for name, (activation, depth, share) in DENSE.items():
        if options.only in name:
            n = int(options.points * share)
            x = rng.standard_normal((n, 784)).astype(options.dtype)
            ours, peer = dense(stax, activation, depth)
            report(name, n, x, ours, peer, options)
    for name, (end, n) in IMAGES.items():
        if options.only in name:
            x = rng.standard_normal((n, 32, 32, 3)).astype(options.dtype)
            ours, peer = convolutional(stax, end)
            report(name, n, x, ours, peer, options)


def dense(stax, activation: str, depth: int) -> tuple[nn.Sequential, Callable]:
    layers, theirs = [], []
    for _ in range(depth):
        layers += [nn.Dense(512), getattr(nn, activation)()]
        theirs += [stax.Dense(512, W_std=W, b_std=B), getattr(stax, activation)()]
    theirs.append(stax.Dense(1, W_std=W, b_std=B))
    return nn.Sequential(*layers, nn.Dense(1), parametrization=nn.NTK(W, B)), kernel(stax, theirs)


def convolutional(stax, end: str) -> tuple[nn.Sequential, Callable]:
    layers, theirs = [], []
    for _ in range(4):
        layers += [nn.Conv(64, (3, 3)), nn.Relu()]
        theirs += [stax.Conv(64, (3, 3), padding="SAME", W_std=W, b_std=B), stax.Relu()]
    theirs += [getattr(stax, end)(), stax.Dense(1, W_std=W, b_std=B)]
    net = nn.Sequential(*layers, getattr(nn, end)(), nn.Dense(1), parametrization=nn.NTK(W, B))
    return net, kernel(stax, theirs)


def kernel(stax, layers: list) -> Callable:
    *_, kernel_fn = stax.serial(*layers)
    return jax.jit(lambda x: tuple(kernel_fn(x, None, ("nngp", "ntk"))))


def report(name: str, n: int, x: np.ndarray, net, peer: Callable, options) -> None:
    given = jnp.asarray(x)
    product = jax.jit(lambda a: a @ a.T)
    flat = given.reshape(n, -1)
    runs = {
        "ours": lambda: net.kernel(given),
        "peer": lambda: peer(given),
        "product": lambda: product(flat),
        "pass": lambda: [np.full((n, n), 1, x.dtype) for _ in range(2)],
    }
    first = {which: timed(run) for which, run in runs.items()}
    rounds = [{which: seconds(run) for which, run in runs.items()} for _ in range(options.rounds)]
    mine, theirs = (np.asarray(r()[1]) for r in (runs["ours"], runs["peer"]))
    off = ~np.eye(n, dtype=bool)
    line = {
        "case": name,
        "n": n,
        "dtype": options.dtype,
        "first": {which: first[which][1] for which in ("ours", "peer")},
        "cpu": {which: [r[which][0] for r in rounds] for which in runs},
        "wall": {which: [r[which][1] for r in rounds] for which in runs},
        "difference": float(np.abs(mine - theirs)[off].max() / np.abs(theirs).max()),
        "peer temporaries": peer.lower(given).compile().memory_analysis().temp_size_in_bytes,
    }
    print(json.dumps(line), flush=True)


def seconds(run: Callable) -> tuple[float, float]:
    """CPU and wall seconds of the second of two calls.

    In the first it is paid for clearing the memory that the one before gave back.
    """
    timed(run)
    return timed(run)


def timed(run: Callable) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    jax.block_until_ready(run())
    return time.process_time() - cpu, time.perf_counter() - wall


if __name__ == "__main__":
    main()
