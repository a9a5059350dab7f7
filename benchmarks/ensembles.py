"""Sampling 1,000 random networks: ours against PyTorch, hand-written JAX and the matrix products.

    python benchmarks/ensembles.py [--members 1000] [--repeats 7] [--widths 16 64 256]

All contestants draw fresh Gaussian weights for every network (8 hidden ReLU layers, one output)
and evaluate it on 64 inputs of dimension 64, in float32, each network from its own seed. They run
interleaved in one process, so that the load of the machine hits all alike; the table gives medians
over the repeats, with the spread of the ratios. Processor seconds stand beside wall seconds.

- torch loop: a loop over networks as it is mostly written: ``torch.nn.Sequential`` of ``Linear``
  and ``ReLU``, ``normal_``, called without gradients; on one and on all threads.
- torch: the same by hand: buffers allocated once, filled by ``normal_``, and ``linear``.
- jax map, jax vmap: ``jax.random.normal`` per layer, then ``lax.map`` over members one by one, or
  over blocks of them; the best block size of those listed.
- jax rbg: the best of these with the hardware-style generator instead of threefry.
- jax threads: blocks of members on every core, with the generator that `sample` uses, compiled as
  it is there, on threads that stay.
- products: the bare matrix products with weights drawn beforehand: the limit if drawing were free.
"""

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax import lax

from widthwise import networks as nn
from widthwise.ensembles import sample
from widthwise.numerics.devices import WIDE_VECTORS
from widthwise.numerics.draws import Draws

INPUTS, DIMENSION, DEPTH = 64, 64, 8
CORES = os.cpu_count() or 1
REST = 0.3  # seconds before every contestant's turn: threads of the one before it still spin
WARM = 0.05  # seconds of runs that are not timed: cores wake up slowly from a rest


def shapes(width: int) -> list[tuple[int, int]]:
    return [(width, DIMENSION), *[(width, width)] * (DEPTH - 1), (1, width)]


def forward(weights, x):
    h = x.T  # inputs as columns: the faster of the two ways round
    for index, weight in enumerate(weights):
        h = (weight @ h) * np.float32(weight.shape[1] ** -0.5)
        h = jnp.maximum(h, 0) if index < DEPTH else h
    return h.T


def ours(width: int, members: int, x) -> Callable[[], object]:
    layers = [part for _ in range(DEPTH) for part in (nn.Dense(width), nn.Relu())]
    net = nn.Sequential(*layers, nn.Dense(1))
    return lambda: sample(net, x, key=jax.random.key(0), members=members)


def by_hand(width: int, members: int, x, *, block: int | None, impl: str) -> Callable[[], object]:
    def one(seed):
        keys = jax.random.split(jax.random.key(seed, impl=impl), DEPTH + 1)
        pairs = zip(keys, shapes(width), strict=True)
        return forward([jax.random.normal(k, s) for k, s in pairs], x)

    run = jax.jit(lambda seeds: lax.map(one, seeds, batch_size=block))
    return lambda: run(jnp.arange(members))


def threaded(width: int, members: int, x, *, block: int) -> Callable[[], object]:
    """Blocks of members on every core, with our generator: what a specialist would write."""
    steps = -(-members // (block * CORES))
    pool = ThreadPoolExecutor(CORES)

    def one(key):
        draws = Draws(key)
        return forward([draws.normal(s, np.float32) for s in shapes(width)], x)

    run = jax.jit(lambda keys: lax.map(jax.vmap(one), keys), compiler_options=WIDE_VECTORS)
    split = jax.jit(lambda key: tuple(jax.random.split(key, (CORES, steps, block))))
    return lambda: list(pool.map(run, split(jax.random.key(0))))


def products(width: int, members: int, x) -> Callable[[], object]:
    """Evaluate one drawn block of networks again and again, on every core."""
    block = max(1, min(32, 2**18 // sum(a * b for a, b in shapes(width))))
    drawn = [jax.random.normal(jax.random.key(0), (block, *s)) for s in shapes(width)]
    run = jax.jit(jax.vmap(lambda weights: forward(weights, x)))
    pool = ThreadPoolExecutor(CORES)

    def share(_) -> None:
        for _ in range(-(-members // (block * CORES))):
            jax.block_until_ready(run(drawn))

    return lambda: list(pool.map(share, range(CORES))) and ()


def pytorch(width: int, members: int, x, *, threads: int) -> Callable[[], object]:
    inputs, generator = torch.from_numpy(np.array(x)), torch.Generator()
    weights = [torch.empty(s) for s in shapes(width)]
    out = torch.empty(members, INPUTS, 1)

    @torch.inference_mode()
    def run():
        torch.set_num_threads(threads)
        for member in range(members):
            generator.manual_seed(member)
            h = inputs
            for index, weight in enumerate(weights):
                weight.normal_(0.0, weight.shape[1] ** -0.5, generator=generator)
                h = torch.nn.functional.linear(h, weight)
                if index < DEPTH:
                    h.relu_()
            out[member] = h
        return ()

    return run


def pytorch_modules(width: int, members: int, x, *, threads: int) -> Callable[[], object]:
    inputs = torch.from_numpy(np.array(x))

    @torch.no_grad()
    def run():
        torch.set_num_threads(threads)
        outputs = []
        for member in range(members):
            torch.manual_seed(member)
            layers = []
            for out, into in shapes(width):
                linear = torch.nn.Linear(into, out, bias=False)
                torch.nn.init.normal_(linear.weight, 0.0, into**-0.5)
                layers += [linear, torch.nn.ReLU()]
            outputs.append(torch.nn.Sequential(*layers[:-1])(inputs))
        return (torch.stack(outputs).sum().item(),)

    return run


def contestants(width: int, members: int, x) -> dict[str, Callable[[], object]]:
    blocks = [b for b in (8, 64) if b * width**2 <= 2**20]
    makers = {
        "ours": ours,
        "products": products,
        "torch loop 1 thread": partial(pytorch_modules, threads=1),
        f"torch loop {CORES} threads": partial(pytorch_modules, threads=CORES),
        "torch 1 thread": partial(pytorch, threads=1),
        f"torch {CORES} threads": partial(pytorch, threads=CORES),
        "jax map": partial(by_hand, block=None, impl="threefry2x32"),
        **{f"jax vmap {b}": partial(by_hand, block=b, impl="threefry2x32") for b in blocks},
        **{f"jax threads {b}": partial(threaded, block=b) for b in (1, *blocks)},
        "jax map rbg": partial(by_hand, block=None, impl="unsafe_rbg"),
    }
    return {name: make(width, members, x) for name, make in makers.items()}


def measure(width: int, members: int, repeats: int) -> None:
    x = jax.random.normal(jax.random.key(1), (INPUTS, DIMENSION))
    runs = contestants(width, members, x)
    wall: dict[str, list[float]] = {name: [] for name in runs}
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    first: dict[str, float] = {}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            time.sleep(REST)
            start = time.perf_counter()
            if repeat == 0:
                jax.block_until_ready(run())
                first[name] = time.perf_counter() - start  # with compilation
                continue
            while time.perf_counter() - start < WARM:
                jax.block_until_ready(run())
            start, start_cpu = time.perf_counter(), time.process_time()
            jax.block_until_ready(run())
            wall[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - start_cpu)
    print(f"\nwidth {width}, {members} members, {repeats} repeats")
    print(f"{'':20s} first s   wall s    cpu s   wall / ours (quartiles)   cpu / ours")
    for name in runs:
        ratio = np.array(wall[name]) / np.array(wall["ours"])
        low, middle, high = np.quantile(ratio, [0.25, 0.5, 0.75])
        used = np.median(np.array(cpu[name]) / np.array(cpu["ours"]))
        print(
            f"{name:20s} {first[name]:7.2f} {np.median(wall[name]):8.4f} "
            f"{np.median(cpu[name]):8.4f}   {middle:6.2f} ({low:.2f} - {high:.2f})   {used:8.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark the sampling of networks.")
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 64, 256])
    options = parser.parse_args()
    for width in options.widths:
        measure(width, options.members, options.repeats)


if __name__ == "__main__":
    main()
