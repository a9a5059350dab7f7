"""The CKA matrix of many layers: ours against plain NumPy and PyTorch, in one run.

    python benchmarks/alignment [--layers 24] [--samples 10000] [--widths 128] [--repeats 3]
                                 [--threads 1] [--kernel linear|rbf]

Every contestant computes all pairs of layers of random features that follow one another, float32.
Each runs in a process of its own, one after the other, round by round, so that the load of the
machine hits all alike: processor and wall seconds of the second call (after compilation), and the
memory above that of the layers themselves. Values are compared with float64.

- numpy, torch: ``|A^T B|^2`` of each pair of centred layers, no matrix of samples: what one writes.
- numpy grams: centred kernel matrices (samples x samples), a few pairs of which stand for all.
- pytorch-cka: a package, if it is installed, given all samples as one batch; a few pairs stand for
  all. Its estimate is the one without bias.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

Layers = list[np.ndarray]
FEW = 2


def layers_of(count: int, samples: int, width: int) -> Layers:
    rng = np.random.default_rng(0)
    x, found = rng.standard_normal((samples, width), np.float32), []
    for _ in range(count):
        noise = rng.standard_normal((samples, width), np.float32)
        x = np.tanh(x + 0.5 * noise)
        found.append(x)
    return found


def symmetric(count: int, entry: Callable[[int, int], float]) -> np.ndarray:
    values = np.zeros((count, count))
    for i in range(count):
        for j in range(i, count):
            values[i, j] = values[j, i] = entry(i, j)
    norm = np.sqrt(np.diagonal(values))
    return values / np.outer(norm, norm)


def ours(layers: Layers, kernel: str) -> tuple[np.ndarray, float]:
    import widthwise as ww
    from widthwise.observables.alignment import CKA

    return ww.alignment_matrix(layers, measure=CKA(kernel)).values, 1.0


def plain_numpy(layers: Layers, kernel: str) -> tuple[np.ndarray, float]:
    assert kernel == "linear"
    ready = [x - x.mean(axis=0) for x in layers]
    return symmetric(
        len(ready), lambda i, j: float(np.linalg.norm(ready[i].T @ ready[j]) ** 2)
    ), 1.0


def plain_torch(layers: Layers, kernel: str) -> tuple[np.ndarray, float]:
    import torch

    assert kernel == "linear"
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    ready = [torch.from_numpy(x) for x in layers]
    ready = [x - x.mean(dim=0) for x in ready]
    return symmetric(len(ready), lambda i, j: float((ready[i].T @ ready[j]).square().sum())), 1.0


def numpy_grams(layers: Layers, kernel: str) -> tuple[np.ndarray, float]:
    def gram(x: np.ndarray) -> np.ndarray:
        k = x @ x.T
        if kernel == "rbf":
            norms = np.diagonal(k)
            k = np.maximum(norms[:, None] + norms[None] - 2 * k, 0)
            k = np.exp(-k / (2 * np.median(k[::10, ::10])))
        k = k - k.mean(axis=0)
        return k - k.mean(axis=1, keepdims=True)

    few = layers[:FEW]
    found = symmetric(FEW, lambda i, j: float(np.vdot(gram(few[i]), gram(few[j]))))
    return found, len(layers) * (len(layers) + 1) / (FEW * (FEW + 1))


def torch_package(layers: Layers, kernel: str) -> tuple[np.ndarray, float]:
    import torch
    from cka import cka_from_features

    assert kernel == "linear"
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    few = [torch.from_numpy(x) for x in layers[:FEW]]
    found = cka_from_features(few, few)
    return np.asarray(found).squeeze(), (len(layers) / FEW) ** 2


CONTESTANTS = {
    "ours": ours,
    "numpy": plain_numpy,
    "torch": plain_torch,
    "numpy grams": numpy_grams,
    "pytorch-cka": torch_package,
}


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def child(name: str, options: argparse.Namespace, width: int) -> None:
    layers = layers_of(options.layers, options.samples, width)
    run = CONTESTANTS[name]
    run([x[:64] for x in layers], options.kernel)  # imports
    before = peak()
    first = time.process_time()
    found, times = run(layers, options.kernel)
    first = time.process_time() - first
    memory = peak() - before
    cpu, wall = first, float("nan")
    if times == 1.0:
        cpu, wall = time.process_time(), time.perf_counter()
        run(layers, options.kernel)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(
        json.dumps({"cpu": cpu * times, "wall": wall, "memory": memory, "pair": float(found[0, 1])})
    )


def exact(options: argparse.Namespace, width: int) -> float:
    a, b = (x.astype(np.float64) for x in layers_of(2, options.samples, width))
    a, b = a - a.mean(0), b - b.mean(0)
    norms = np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)
    return float(np.linalg.norm(a.T @ b) ** 2 / norms)


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark the CKA of all pairs of layers.")
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--widths", type=int, nargs="+", default=[128])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--kernel", default="linear")
    parser.add_argument("--contestants", nargs="+", default=list(CONTESTANTS))
    parser.add_argument("--child")
    options = parser.parse_args()
    if options.child:
        child(options.child, options, options.widths[0])
        return
    environment = os.environ | {
        "OMP_NUM_THREADS": str(options.threads),
        "OPENBLAS_NUM_THREADS": str(options.threads),
    }
    if options.threads == 1:
        environment["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
    for width in options.widths:
        results: dict[str, list[dict]] = {name: [] for name in options.contestants}
        for _ in range(options.repeats):
            for name in options.contestants:
                command = [sys.executable, *sys.argv, "--child", name, "--widths", str(width)]
                done = subprocess.run(
                    command, env=environment, capture_output=True, text=True, check=False
                )
                if done.returncode:
                    print(f"{name}: {done.stderr.strip().splitlines()[-1][:80]}")
                else:
                    results[name].append(json.loads(done.stdout.splitlines()[-1]))
        reference = exact(options, width) if options.kernel == "linear" else float("nan")
        own = statistics.median(r["cpu"] for r in results["ours"])
        print(
            f"\n{options.layers} layers of {width}, {options.samples} samples, {options.kernel} "
            f"kernel, {options.threads} threads, {options.repeats} repeats"
        )
        print(f"{'':12s}    cpu s   / ours   wall s   memory GB   error of one entry")
        for name, found in results.items():
            if found:
                cpu, wall, memory = (
                    statistics.median(r[key] for r in found) for key in ("cpu", "wall", "memory")
                )
                error = abs(found[0]["pair"] - reference)
                print(
                    f"{name:12s} {cpu:8.1f} {cpu / own:8.1f} {wall:8.1f} {memory:11.2f}   "
                    f"{error:.1e}"
                )


if __name__ == "__main__":
    main()
