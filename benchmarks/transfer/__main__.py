"""Learning-rate transfer of a small transformer on real text, over width and over depth.

    python benchmarks/transfer width mup --out sweeps/width-mup
    python benchmarks/transfer depth completep --out sweeps/depth-completep

A GPT of 2 blocks and widths 16 to 128, or of width 32 and 2 to 8 blocks, learns the next character
of Shakespeare's plays with Adam. The folder keeps what is finished: the same command goes on after
a kill, and `--sizes` with more sizes adds them. Prints the shifts of the left flank with intervals
of 95 %, and writes the curves as a picture. Minutes on one core; CPU seconds are printed.
"""

import argparse
import time
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from widthwise import data, plotting
from widthwise.networks import GPT
from widthwise.observables import learning_rate_transfer

LENGTH, HEAD = 32, 8
SIZES = {"width": [16, 32, 64, 128], "depth": [2, 4, 8]}
TEXT = data.shakespeare()


def make(width: int, depth: int, key: Array) -> GPT:
    return GPT(
        width, depth, symbols=len(TEXT.alphabet), length=LENGTH, head=HEAD, weight_std=0.2, key=key
    )


def make_silent(width: int, depth: int, key: Array) -> GPT:
    """The same with blocks that add nothing at the start."""
    return eqx.tree_at(
        lambda m: (m.blocks.c_proj.weight, m.blocks.attention.c_proj.weight),
        make(width, depth, key),
        replace_fn=jnp.zeros_like,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("axis", choices=list(SIZES))
    parser.add_argument("parametrization", help="standard, mup, completep, ...")
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--logs", type=int, nargs=2, default=[-12, -4], help="of rates, base 2")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--target", type=float, default=3.2, help="loss that defines the flank")
    parser.add_argument("--silent", action="store_true", help="zero what ends the branches")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    sizes = given.sizes or SIZES[given.axis]
    start = time.process_time()
    sweep = learning_rate_transfer(
        make_silent if given.silent else make,
        TEXT.windows(LENGTH),
        widths=sizes if given.axis == "width" else 32,
        depths=sizes if given.axis == "depth" else 2,
        learning_rates=2.0 ** np.arange(given.logs[0], given.logs[1] + 1),
        steps=given.steps,
        batch_size=8,
        parametrization=given.parametrization,
        members=given.members,
        out=given.out,
    )
    print(f"{sweep.title}: doublings of the rate that reaches a loss of {given.target}")
    for s in sweep.shifts(target=given.target):
        theory = "" if s.predicted is None else f"  theory {s.predicted}  {s.verdict}"
        print(f"{s.start} to {s.stop}: {s.value:+.2f} ({s.lower:+.2f} to {s.upper:+.2f}){theory}")
    for size in sizes:
        print(f"{size}: mean losses {np.round(sweep.final(size).mean(axis=0), 2)}")
    print(f"{time.process_time() - start:.0f} CPU seconds")
    plotting.save(sweep.picture(), given.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
