"""Mean-field dynamics: the solver against the equations written down directly, at equal error.

    python benchmarks/dmft [--repeats 5] [--scaling]

Two-hidden-layer tanh networks under gradient descent, float64. Errors are root-mean-square
deviations of the outputs and the feature and gradient kernels, over all times, from a solution with
2^19 sites; sampling errors fall as one over the root of the sites, so that seconds times squared
error does not depend on how many there are. The ratio of that number is the ratio of costs at equal
error. Runs are interleaved in one process; times are processor seconds, and medians over seeds.

- direct: explicit responses from every site's own derivatives, in NumPy (direct.py).
- ours: `ww.dmft`, method "sampled".

With --scaling, the cost of ours as steps, points and sites double.
"""

import argparse
import time

import jax
import numpy as np
from direct import solve as direct

import widthwise as ww

DEPTH, RICHNESS = 2, 2.0
NAMES = ("output", "feature_kernel", "gradient_kernel")


def network() -> ww.Sequential:
    hidden = [layer for _ in range(DEPTH) for layer in (ww.Dense(64), ww.Tanh())]
    return ww.Sequential(*hidden, ww.Dense(1), parametrization=ww.MeanField())


def problem(points: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((points, 8)), rng.standard_normal(points)


def ours(x, y, *, steps: int, sites: int | None, seed: int):
    found = ww.dmft(
        network(), (x, y), steps=steps, learning_rate=0.5 / len(y), richness=RICHNESS,
        sites=sites, key=jax.random.key(seed), method="sampled", tolerance=10.0,
    )  # fmt: skip
    return [getattr(found, name) for name in NAMES]


def by_hand(x, y, *, steps: int, sites: int, seed: int):
    return direct(
        x @ x.T / x.shape[1], y, depth=DEPTH, steps=steps, learning_rate=0.5 / len(y),
        richness=RICHNESS, sites=sites, seed=seed,
    )  # fmt: skip


def timed(run) -> tuple[float, list[np.ndarray]]:
    start = time.process_time()
    found = run()
    return time.process_time() - start, found


def compare(points: int, steps: int, repeats: int) -> None:
    x, y = problem(points)
    reference = ours(x, y, steps=steps, sites=2**19, seed=1000)
    sites = {"direct": max(500, 200_000 // (points * steps) ** 2), "ours": None}
    runs = {
        "direct": lambda seed: by_hand(x, y, steps=steps, sites=sites["direct"], seed=seed),
        "ours": lambda seed: ours(x, y, steps=steps, sites=None, seed=seed),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    errors: dict[str, list[list[float]]] = {name: [] for name in runs}
    for seed in range(repeats):
        for name, run in runs.items():
            spent, found = timed(lambda run=run, seed=seed: run(seed))
            seconds[name].append(spent)
            pairs = zip(found, reference, strict=True)
            errors[name].append([float(np.mean((f.reshape(r.shape) - r) ** 2)) for f, r in pairs])
    print(f"\n{points} points, {steps} steps, {repeats} seeds")
    print(f"{'':8s}  cpu s   rms error of outputs, feature kernels, gradient kernels")
    cost = {}
    for name in runs:
        squares, spent = np.mean(errors[name], axis=0), float(np.median(seconds[name]))
        cost[name] = spent * squares
        print(f"{name:8s} {spent:6.2f}   " + "  ".join(f"{e:.1e}" for e in np.sqrt(squares)))
    ratio = cost["direct"] / cost["ours"]
    print("cost at equal error, direct / ours:  " + "  ".join(f"{r:.0f}" for r in ratio))


def scaling() -> None:
    base = {"points": 2, "steps": 16, "sites": 2**15}
    print("\ncost of ours, cpu s relative to 2 points, 16 steps, 2^15 sites")

    def cost(points: int, steps: int, sites: int) -> float:
        x, y = problem(points)
        spent = [timed(lambda: ours(x, y, steps=steps, sites=sites, seed=0))[0] for _ in range(4)]
        return float(np.median(spent[1:]))

    unit = cost(**base)
    for name in base:
        row = [cost(**(base | {name: base[name] * 2**k})) / unit for k in (1, 2)]
        print(f"{name:8s} x2: {row[0]:5.1f}   x4: {row[1]:5.1f}")
    print(f"one unit: {unit:.2f} cpu s")


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark mean-field dynamics.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scaling", action="store_true")
    options = parser.parse_args()
    for points, steps in ((1, 10), (1, 20), (3, 8)):
        compare(points, steps, options.repeats)
    if options.scaling:
        scaling()


if __name__ == "__main__":
    main()
