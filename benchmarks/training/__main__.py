"""Training many networks: ours against PyTorch, as ratios in one run.

    python benchmarks/training [--members 128] [--steps 50] [--repeats 5] [--widths 16 64 256]
                                [--threads 1 2]

All contestants train fresh networks (3 hidden tanh layers, one output, mean-field parametrization)
by full-batch gradient descent on half the mean square over 64 inputs of dimension 16, in float32.
They run interleaved in one process, so that the load of the machine hits all alike. The table
gives microseconds for one step of one network, in processor and in wall seconds (medians over the
repeats), and ratios to ours with their quartiles; processor seconds are changed least by other
load.

On a busy machine give PyTorch one thread: its threads wait for each other, busily.

- torch loop: one network after the other, ``backward`` and ``torch.optim.SGD``; the better of one
  and all threads is the peer. It trains a share of the members, which does not change its time
  per network.
- torch vmap: ``torch.func.vmap`` of ``torch.func.grad`` over stacked weights, all members at once,
  or in blocks; the best of those listed is the peer.
- products: the matrix products alone, of forward pass, backward pass and gradients, on every
  core: what is left if all else were free.
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
import optax
import torch
from jax import lax

import widthwise as ww

SAMPLES, DIMENSION, DEPTH, RATE = 64, 16, 3, 0.1
CORES = os.cpu_count() or 1
REST = 0.5  # seconds before every run: threads of the one before it still spin
Run = Callable[[], int]  # trains, and says how many networks


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).standard_normal((SAMPLES, DIMENSION)).astype(np.float32)
    return x, np.sin(x[:, 0])


def shapes(width: int) -> list[tuple[int, int]]:
    return [(width, DIMENSION), *[(width, width)] * (DEPTH - 1), (1, width)]


def multipliers(width: int) -> list[float]:
    return [DIMENSION**-0.5, *[width**-0.5] * (DEPTH - 1), 1 / width]


def ours(width: int, members: int, steps: int) -> Run:
    hidden = [part for _ in range(DEPTH) for part in (ww.Dense(width), ww.Tanh())]
    net = ww.Sequential(*hidden, ww.Dense(1), parametrization=ww.MeanField())
    settings = {"members": members, "steps": steps, "at": [0, steps], "optimizer": optax.sgd}

    def run() -> int:
        key = jax.random.key(0)
        history = ww.train(net, data(), key=key, learning_rates=RATE, **settings)
        assert (history.loss[..., -1] < history.loss[..., 0]).all()
        return members

    return run


def loss_of(weights, x, y, scales):
    h = x
    for index, (weight, scale) in enumerate(zip(weights, scales, strict=True)):
        h = torch.nn.functional.linear(h, weight) * scale
        h = torch.tanh(h) if index < DEPTH else h
    return ((h[:, 0] - y) ** 2).mean() / 2


def loop(width: int, members: int, steps: int, *, threads: int) -> Run:
    x, y = (torch.from_numpy(part) for part in data())

    def run() -> int:
        torch.set_num_threads(threads)
        for _ in range(members):
            weights = [torch.randn(s, requires_grad=True) for s in shapes(width)]
            optimizer = torch.optim.SGD(weights, lr=RATE * width)
            for _ in range(steps):
                optimizer.zero_grad()
                loss_of(weights, x, y, multipliers(width)).backward()
                optimizer.step()
        return members

    return run


def vmapped(width: int, members: int, steps: int, *, threads: int, block: int) -> Run:
    x, y = (torch.from_numpy(part) for part in data())
    scales = multipliers(width)
    gradients = torch.func.vmap(torch.func.grad(lambda weights: loss_of(weights, x, y, scales)))

    @torch.no_grad()
    def run() -> int:
        torch.set_num_threads(threads)
        for _ in range(0, members, block):
            weights = tuple(torch.randn(block, *s) for s in shapes(width))
            for _ in range(steps):
                for weight, gradient in zip(weights, gradients(weights), strict=True):
                    weight.sub_(gradient, alpha=RATE * width)
        return -(-members // block) * block

    return run


def products(width: int, members: int, steps: int) -> Run:
    """A linear network that hardly moves: its products, and next to nothing besides."""
    block = max(1, min(32, 2**16 // sum(a * b for a, b in shapes(width))))
    drawn = [jax.random.normal(jax.random.key(0), (block, *s)) for s in shapes(width)]
    x = jnp.asarray(data()[0].T)

    def step(_, weights):
        hs = [x]
        for weight in weights:
            hs.append(weight @ hs[-1])
        g, moved = hs[-1], []
        for weight, h in zip(weights[::-1], hs[-2::-1], strict=True):
            moved.append(weight + 1e-20 * (g @ h.T))
            g = weight.T @ g if h is not x else g
        return moved[::-1]

    one = jax.jit(jax.vmap(lambda weights: lax.fori_loop(0, steps, step, weights)))
    times = -(-members // (block * CORES))
    pool = ThreadPoolExecutor(CORES)

    def share(_) -> None:
        for _ in range(times):
            jax.block_until_ready(one(drawn))

    def run() -> int:
        list(pool.map(share, range(CORES)))
        return times * CORES * block

    return run


def contestants(width: int, members: int, steps: int, threads: list[int]) -> dict[str, Run]:
    few = max(2, min(members, 2**12 // width**2, 16))
    blocks = {members, *(b for b in (16,) if b < members)}
    makers = {
        "ours": partial(ours, width, members, steps),
        **{f"torch loop, {t} threads": partial(loop, width, few, steps, threads=t)
           for t in threads},
        **{f"torch vmap {b}, {t} threads": partial(vmapped, width, members, steps,
                                                   threads=t, block=b)
           for t in threads for b in sorted(blocks)},
        "products": partial(products, width, members, steps),
    }  # fmt: skip
    return {name: make() for name, make in makers.items()}


def measure(width: int, members: int, steps: int, repeats: int, threads: list[int]) -> None:
    runs = contestants(width, members, steps, threads)
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    wall: dict[str, list[float]] = {name: [] for name in runs}
    first: dict[str, float] = {}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            time.sleep(REST)
            start, start_cpu = time.perf_counter(), time.process_time()
            count = run() * steps
            if repeat == 0:  # compilation
                first[name] = time.perf_counter() - start
                continue
            cpu[name].append((time.process_time() - start_cpu) / count * 1e6)
            wall[name].append((time.perf_counter() - start) / count * 1e6)
    print(f"\nwidth {width}, {members} networks, {steps} steps, {repeats} repeats, {CORES} cores")
    print(
        f"{'':26s} first s    cpu us   wall us   cpu / ours (quartiles)     wall / ours (quartiles)"
    )
    ratios = {}
    for name in runs:
        ratios[name] = [
            np.quantile(np.array(t[name]) / np.array(t["ours"]), [0.25, 0.5, 0.75])
            for t in (cpu, wall)
        ]
        (a, b, c), (d, e, f) = ratios[name]
        print(
            f"{name:26s} {first[name]:7.2f} {np.median(cpu[name]):9.1f}"
            f" {np.median(wall[name]):9.1f}"
            f"   {b:7.2f} ({a:.2f} - {c:.2f})   {e:14.2f} ({d:.2f} - {f:.2f})"
        )
    for peer in ("torch loop", "torch vmap"):
        best = [min(r[i][1] for name, r in ratios.items() if name.startswith(peer)) for i in (0, 1)]
        print(f"best {peer} / ours: processor {best[0]:.1f}, wall {best[1]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark the training of networks.")
    parser.add_argument("--members", type=int, default=128)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, CORES], help="of PyTorch")
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 64, 256])
    options = parser.parse_args()
    for width in options.widths:
        threads = sorted(set(options.threads))
        measure(width, options.members, options.steps, options.repeats, threads)


if __name__ == "__main__":
    main()
