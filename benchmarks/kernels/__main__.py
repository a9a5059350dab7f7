"""Kernels of infinite width against neural-tangents 0.6.5, as ratios in one run.

    python benchmarks/kernels [--points 4000] [--rounds 5] [--only relu] [--environment DIR]

One command: it makes an environment with this library, JAX and the archived one, measures each case
in float32 and float64 with both in turn in one process, and prints a table (and writes it, with all
times, to DIR/kernels.json). Ratios are medians over rounds with their quartiles.
"""

import argparse
import json
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
PEER = "neural-tangents==0.6.5"
NEEDS = ("jax==0.10.2", "frozendict")  # what the archived library needs beside ours


def main() -> None:
    parser = argparse.ArgumentParser(description="Kernels against the archived library.")
    parser.add_argument("--points", type=int, default=4000, help="inputs of the dense networks")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--environment", type=Path, default=Path("build/benchmark-kernels"))
    options = parser.parse_args()
    python = environment(options.environment)
    lines = [
        line
        for dtype in ("float32", "float64")
        for line in measure(python, dtype, options.points, options.rounds, options.only)
    ]
    (options.environment / "kernels.json").write_text(json.dumps(lines, indent=1))


def environment(folder: Path) -> Path:
    """Make the environment, once."""
    python = folder / "bin" / "python"
    done = folder / "complete"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "-q"]
        subprocess.run([*install, "-e", str(HERE.parent.parent), *NEEDS], check=True)
        subprocess.run([*install, "--no-deps", PEER], check=True)  # without TensorFlow
        done.touch()
    return python


def measure(python: Path, dtype: str, points: int, rounds: int, only: str) -> list[dict]:
    command = [str(python), str(HERE / "measure.py"), "--dtype", dtype, "--only", only]
    command += ["--points", str(points), "--rounds", str(rounds)]
    print(
        f"\n{dtype:16s}    n   CPU s      peer / ours, CPU       wall   ours / product"
        "   / pass   first call   peer's   difference"
    )
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for text in process.stdout or ():
            lines.append(json.loads(text))
            print(row(lines[-1]), flush=True)
    if process.returncode:
        sys.exit(process.returncode)
    return lines


def row(line: dict) -> str:
    cpu = {which: np.array(times) for which, times in line["cpu"].items()}
    wall = {which: np.array(times) for which, times in line["wall"].items()}
    low, middle, high = np.quantile(cpu["peer"] / cpu["ours"], [0.25, 0.5, 0.75])
    return (
        f"{line['case']:16s} {line['n']:5d} {np.median(cpu['ours']):7.3f}"
        f"   {middle:7.1f} ({low:.1f} - {high:.1f})"
        f" {np.median(wall['peer'] / wall['ours']):8.1f}"
        f" {np.median(cpu['ours'] / cpu['product']):10.1f}"
        f" {np.median(cpu['ours'] / cpu['pass']):10.1f}"
        f" {line['first']['ours']:10.1f} s {line['first']['peer']:7.1f} s"
        f" {line['difference']:11.1e}"
    )


if __name__ == "__main__":
    main()
