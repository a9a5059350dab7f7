"""Fits of permutation-invariant models: against dense projectors, and against reading the data.

    python benchmarks/weights [--count 1000] [--size 256] [--repeats 5] [--large 4096]

All ways run in one process. Fit and read are interleaved, so that the load of the machine hits both
alike; the dense ways come after, because the threads of BLAS keep waiting busily for a while after
a product. The table gives medians in processor and wall seconds, and ratios with their quartiles.

- fit: `widthwise.weights.fit` of the 13-parameter family to float32 matrices.
- read: the sum of squares of all entries by BLAS on all cores: one pass over memory.
- dense: W as a vector of D^2 numbers, multiplied by the D^2 x D^2 projector of each of the four
  irreducible parts (rank one and vectors apart), as the formulas stand on paper; measured at small
  D, extrapolated by D^4 per matrix, as the projectors of D = 256 would take 69 GB.

With --large, the memory that a fit of one matrix of that size takes beyond the matrix itself.
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from widthwise import weights
from widthwise.numerics.threads import cores, one_thread_per_core
from widthwise.weights.components import tied_components

DENSE = (8, 12, 16, 24)
DENSE_COUNT = 200
WARM_UP = 2


def projectors(d: int) -> np.ndarray:
    """Projectors (part, D^2, D^2) of the trivial, standard, symmetric and antisymmetric parts."""
    eye, e = np.eye(d), np.eye(d) - 1 / d
    one = np.ones((d, d)) / d
    trivial = np.einsum("ij,kl->ijkl", one, one) + np.einsum("ij,kl->ijkl", e, e) / (d - 1)
    anti = (np.einsum("ik,jl->ijkl", e, e) - np.einsum("il,jk->ijkl", e, e)) / 2
    beyond = np.einsum("ip,ij->ijp", eye, eye) - (eye[:, None, :] + eye[None, :, :]) / d
    kinds = (
        np.broadcast_to(eye[None], (d, d, d)) / d**0.5,
        np.broadcast_to(eye[:, None], (d, d, d)) / d**0.5,
        beyond * (d / (d - 2)) ** 0.5,
    )
    u = np.einsum("aijp,pq->aijq", np.stack(kinds), e)
    standard = np.einsum("aijp,aklp->ijkl", u, u)
    rest = np.einsum("ik,jl->ijkl", eye, eye) - trivial - standard - anti
    return np.stack([trivial, standard, rest, anti]).reshape(4, d * d, d * d)


def dense(w: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Sums of squares of every part of every matrix."""
    flat = w.reshape(len(w), -1)
    return np.stack([np.sum((flat @ part) ** 2, axis=1) for part in p])


def read(w: np.ndarray) -> float:
    """Sum of squares, on all cores: one long product on each."""
    with one_thread_per_core() as pool:
        return sum(
            pool.map(lambda part: float(np.dot(part, part)), np.array_split(w.ravel(), cores()))
        )


def timed(run: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def quartiles(values: list[float]) -> str:
    low, middle, high = np.percentile(values, [25, 50, 75])
    return f"{middle:10.3g}  ({low:.3g} to {high:.3g})"


def main() -> None:
    parser = argparse.ArgumentParser(description="Fits of permutation-invariant models")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--large", type=int, default=0)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    w = rng.standard_normal((given.count, given.size, given.size), dtype=np.float32)
    ways: dict[str, Callable[[], object]] = {
        "fit": lambda: weights.fit(w),
        "read": lambda: read(w),
    }
    small = {d: rng.standard_normal((DENSE_COUNT, d, d)) for d in DENSE}
    matrices = {d: projectors(d) for d in DENSE}
    for d in DENSE:
        parts = tied_components(small[d])
        ours = np.stack([np.trace(x, axis1=1, axis2=2) for x in parts.squares])
        np.testing.assert_allclose(dense(small[d], matrices[d])[1:], ours, rtol=1e-9)
        ways[f"dense {d}"] = lambda d=d: dense(small[d], matrices[d])
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for names in (("fit", "read"), [f"dense {d}" for d in DENSE]):
        for _ in range(WARM_UP):
            for name in names:
                ways[name]()
        for _ in range(given.repeats):
            for name in names:
                times[name].append(timed(ways[name]))
    print(f"{given.count} matrices of {given.size} x {given.size}, float32")
    for which, label in enumerate(("wall", "processor")):
        fit = [t[which] for t in times["fit"]]
        ratio = [f / t[which] for f, t in zip(fit, times["read"], strict=True)]
        print(f"{label:9} seconds: fit {np.median(fit):.3g}, read once "
              f"{np.median([t[which] for t in times['read']]):.3g};"
              f" fit / read {quartiles(ratio)}")  # fmt: skip
        per = [np.median([t[which] for t in times[f"dense {d}"]]) / DENSE_COUNT for d in DENSE]
        power = np.polyfit(np.log(DENSE), np.log(per), 1)[0]
        far = per[-1] * (given.size / DENSE[-1]) ** 4 * given.count
        print(f"{label:9} seconds: dense projectors {far:.3g} (measured to D = {DENSE[-1]}, "
              f"where time grows as D^{power:.1f}; then as D^4): {far / np.median(fit):.3g} "
              "times the fit")  # fmt: skip
    if given.large:
        one = rng.standard_normal((given.large, given.large))
        tracemalloc.start()
        _, cpu = timed(lambda: weights.fit(one))
        peak = tracemalloc.get_traced_memory()[1]
        print(f"D = {given.large}: {cpu:.3g} processor seconds, at most "
              f"{peak / one.nbytes:.2g} times the matrix's own memory "
              f"({one.nbytes / 2**20:.0f} MiB; D^4 numbers would be "
              f"{8 * given.large**4 / 2**40:.3g} TiB)")  # fmt: skip


if __name__ == "__main__":
    main()
