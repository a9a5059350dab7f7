"""What sweeps cost beside their work: each shard, ten thousand of them, and a second worker.

    python benchmarks/sweeps [--pieces 200] [--shards 10000] [--spin 10]
                             [--parts pieces many scaling]

- pieces: processor time of a shard that does nothing, written and read again; as a part of the 10 s
  that a shard should take at least.
- many: a run of that many shards (their files are copies of one), listed by ``widthwise status``,
  joined by ``combine``, and its page written; in a process of its own, with its memory.
- scaling: sixteen shards of ``--spin`` processor seconds by one process and by two, wall seconds
  each: on a machine that does nothing else.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent))

from spin import Spin

from widthwise.experiments.driver import finish
from widthwise.experiments.folders import SHARDS, open_folder, run_folder
from widthwise.experiments.piece import Piece, compute, pieces_of
from widthwise.experiments.status import progress_of
from widthwise.report import write_page


def opened(study: Spin, out: Path) -> list[Piece]:
    folder = run_folder(study, out)
    open_folder(study, folder)
    return pieces_of(study, folder / SHARDS)


def pieces(count: int, out: Path) -> None:
    made = opened(Spin(shards_count=count), out)
    compute(made[0])
    compute(made[1])  # imports
    start = time.process_time()
    for piece in made[2:]:
        compute(piece)
    wrote = time.process_time()
    finish(made)
    each = [(wrote - start) / (count - 1), (time.process_time() - wrote) / count]
    print(f"a shard: {each[0] * 1e3:.1f} ms to write, {each[1] * 1e3:.1f} ms to join")
    print(f"         {sum(each) / 10:.2%} of 10 s")


def many(count: int, out: Path) -> None:
    made = opened(Spin(shards_count=count, settings=10), out)
    compute(made[0])
    compute(made[1])
    for piece in made[2:]:
        shutil.copy(made[1].path, piece.path)
    begin = time.perf_counter(), time.process_time()

    def told(what: str) -> None:
        wall, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{what:9s} after {cpu:6.1f} cpu s, {wall:6.1f} s; at most {peak:.2f} GB", flush=True)

    state = progress_of(made[0].folder.parent, made[0].study)
    assert state.done == count + 1
    told("listed")
    run = finish(made)
    told("joined")
    write_page(run, run.path.with_name("report.html"))
    told("reported")


def scaling(seconds: float, out: Path) -> None:
    wall = {}
    for workers in (1, 2):
        start = time.perf_counter()
        Spin(shards_count=16, seconds=seconds).run(out / str(workers), workers=workers)
        wall[workers] = time.perf_counter() - start
        print(f"{workers} workers: {wall[workers]:.1f} s")
    print(f"two workers are {wall[1] / wall[2]:.2f} times as fast")


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark the machinery of sweeps.")
    parser.add_argument("--pieces", type=int, default=200)
    parser.add_argument("--shards", type=int, default=10_000)
    parser.add_argument("--spin", type=float, default=10.0)
    parser.add_argument("--parts", nargs="+", default=["pieces", "many", "scaling"])
    parser.add_argument("--child", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        out = Path(folder)
        if options.child:
            many(options.shards, out)
            return
        if "pieces" in options.parts:
            pieces(options.pieces, out)
        if "many" in options.parts:
            print(f"{options.shards} shards", flush=True)
            subprocess.run([sys.executable, *sys.argv, "--child"], check=True)
        if "scaling" in options.parts:
            scaling(options.spin, out)


if __name__ == "__main__":
    main()
