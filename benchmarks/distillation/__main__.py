"""The phase diagram of distillation: 10 x 10 cells of load and fraction, 10 teachers each.

    python benchmarks/distillation [--inputs 100] [--teachers 10] [--share 1] [--steps 2000]

Ours is the first part of the study memorized-distillation: teachers are solved exactly, and the
students of all fractions come from one factorization. The loop is the usual one in PyTorch: per
teacher, full-batch Adam on the logistic loss, then for each cell a pseudo-inverse on the soft
labels of the samples that the student sees. It makes ``share`` teachers of each load and is scaled
up. Both take one thread; the table gives processor seconds.
"""

import argparse
import time

import jax
import numpy as np
import torch

from widthwise.ensembles.distillation import random_labels, split_classes
from widthwise.experiments import Shard
from widthwise.studies import MemorizedDistillation
from widthwise.studies.memorized_distillation import linear


def ours(study: MemorizedDistillation, load: float) -> np.ndarray:
    """Return mean held-out accuracy at all fractions."""
    shard = Shard("linear", {"load": load}, (0, study.teachers))
    return linear.measure(study, shard, jax.random.key(0)).accuracy.mean("member").values


def loop(inputs: int, load: float, teachers: int, steps: int) -> np.ndarray:
    """Return the same of a loop over teachers, trained by Adam, and cells."""
    torch.set_num_threads(1)
    found = np.zeros((teachers, len(linear.FRACTIONS)))
    for member in range(teachers):
        rng = np.random.default_rng(member)
        x, y = random_labels(rng, 2 * round(load * inputs / 2), inputs=inputs)
        data = torch.from_numpy(x.astype(np.float32) * inputs**0.5)
        labels = torch.from_numpy(y.astype(np.float32))
        model = torch.nn.Linear(inputs, 1, bias=False)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(steps):
            optimizer.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(data)[:, 0], labels)
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            z = model(data)
            for j, fraction in enumerate(linear.FRACTIONS):
                split = split_classes(rng, y, float(fraction))
                student = torch.linalg.pinv(data[split.seen]) @ z[split.seen]
                right = (data[split.held_out] @ student)[:, 0] > 0
                found[member, j] = (right.numpy() == y[split.held_out]).mean()
    return found.mean(axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100)
    parser.add_argument("--teachers", type=int, default=10)
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--loads", type=float, nargs="+", default=None)
    given = parser.parse_args()
    study = MemorizedDistillation(
        inputs=given.inputs, teachers=given.teachers, phase_teachers=given.teachers
    )
    loop(40, 1.0, 1, 10)  # PyTorch's own start is not counted
    totals = np.zeros(2)
    print("n/d    ours [s]   torch loop [s]   ratio   mean accuracy: ours, loop")
    for load in given.loads or study.loads:
        begin = time.process_time()
        mine = ours(study, load)
        middle = time.process_time()
        peer = loop(given.inputs, load, given.share, given.steps)
        scale = given.teachers / given.share
        taken = np.array([middle - begin, (time.process_time() - middle) * scale])
        totals += taken
        print(
            f"{load:4g} {taken[0]:10.2f} {taken[1]:14.1f} {taken[1] / taken[0]:9.1f}"
            f"{mine.mean():12.3f} {peer.mean():8.3f}",
            flush=True,
        )
    print(f"all  {totals[0]:10.2f} {totals[1]:14.1f} {totals[1] / totals[0]:9.1f}")


if __name__ == "__main__":
    main()
