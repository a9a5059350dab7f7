"""Networks of growing width fitted to four points: ours against a loop in PyTorch, in one run.

    python benchmarks/ensemble_prior [--members 200] [--steps 1000] [--share 1] [--widths 4 16 ...]

Both train networks with one hidden layer of ReLU on the four points of xor, full batch, in
float32, by the same number of steps of gradient descent, and evaluate them on a grid of 41 x 41
before and after. The loop is the usual one: one network after the other, ``backward`` and
``torch.optim.SGD``, on one thread, which is fastest for networks this small; it trains ``share``
networks of each width, since each takes the same time, and is scaled up. The table gives processor
seconds for all members, compilation of ours included, and their ratio; wall seconds depend on what
else the machine does.
"""

import argparse
import time
from collections.abc import Callable

import jax
import numpy as np
import optax
import torch

import widthwise as ww
from widthwise.dynamics import max_learning_rate

X = np.array([[1.0, 1], [1, -1], [-1, -1], [-1, 1]], np.float32)
Y = np.array([1.0, -1, 1, -1], np.float32)
GRID = np.stack(np.meshgrid(*[np.linspace(-2, 2, 41)] * 2), -1).reshape(-1, 2).astype(np.float32)


def network(width: int) -> ww.Sequential:
    return ww.Sequential(
        ww.Dense(width),
        ww.Relu(),
        ww.Dense(1, bias=False),
        parametrization=ww.Standard(2**0.5, bias_std=1.0),
    )


def rate_of(width: int) -> float:
    return 0.15 * max_learning_rate(network(width).kernel(X).ntk, 1)


def ours(width: int, members: int, steps: int) -> float:
    history = ww.train(
        network(width),
        (X, Y),
        test=GRID,
        key=jax.random.key(0),
        members=members,
        steps=steps,
        at=(0, steps),
        optimizer=optax.sgd,
        learning_rates=rate_of(width),
        loss="sum",
    )
    return float((history.loss[..., -1] < 1e-3).mean())


def loop(width: int, members: int, steps: int) -> float:
    torch.set_num_threads(1)
    x, y, grid = (torch.from_numpy(part) for part in (X, Y, GRID))
    fitted = 0
    for _ in range(members):
        net = torch.nn.Sequential(
            torch.nn.Linear(2, width), torch.nn.ReLU(), torch.nn.Linear(width, 1, bias=False)
        )
        torch.nn.init.normal_(net[0].weight, std=1.0)
        torch.nn.init.normal_(net[0].bias, std=1.0)
        torch.nn.init.normal_(net[2].weight, std=(2 / width) ** 0.5)
        optimizer = torch.optim.SGD(net.parameters(), lr=rate_of(width))
        with torch.no_grad():
            net(grid)
        loss = torch.tensor(0.0)
        for _ in range(steps):
            optimizer.zero_grad()
            loss = ((net(x)[:, 0] - y) ** 2).sum() / 2
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            net(grid)
        fitted += float(loss.detach()) < 1e-3
    return fitted / members


def seconds(run: Callable[[], float]) -> tuple[float, float, float]:
    processor, wall = time.process_time(), time.perf_counter()
    fitted = run()
    return time.process_time() - processor, time.perf_counter() - wall, fitted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--share", type=int, default=1)
    widths = [4, 16, 64, 128, 256, 512, 1024]
    parser.add_argument("--widths", type=int, nargs="+", default=widths)
    given = parser.parse_args()
    loop(4, 1, 10)  # PyTorch's own start is not counted
    ours(2, 1, 10)
    print("width   ours [s]   torch loop [s]   ratio   fitted (ours)")
    totals = np.zeros(4)
    for width in given.widths:
        rate_of(width)
        *mine, fitted = seconds(lambda w=width: ours(w, given.members, given.steps))
        *peer, _ = seconds(lambda w=width: loop(w, given.share, given.steps))
        peer = [value * given.members / given.share for value in peer]
        totals += [*mine, *peer]
        print(f"{width:5} {mine[0]:10.2f} {peer[0]:16.1f} {peer[0] / mine[0]:7.1f} {fitted:9.2f}")
    print(f"all   {totals[0]:10.2f} {totals[2]:16.1f} {totals[2] / totals[0]:7.1f}   processor")
    print(f"all   {totals[1]:10.2f} {totals[3]:16.1f} {totals[3] / totals[1]:7.1f}   wall")


if __name__ == "__main__":
    main()
