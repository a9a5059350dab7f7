"""One door for circuit files: the format follows from the suffix, or is given."""

import difflib
from collections.abc import Callable
from pathlib import Path

from widthwise.circuits.formats.aiger import read_aiger, write_aiger
from widthwise.circuits.formats.bench import read_bench, write_bench
from widthwise.circuits.formats.blif import read_blif, write_blif
from widthwise.circuits.formats.bristol import read_bristol, write_bristol
from widthwise.circuits.formats.verilog import BeyondGates, read_verilog
from widthwise.circuits.formats.verilog_writer import write_verilog
from widthwise.circuits.formats.yosys import has_yosys, read_with_yosys
from widthwise.circuits.netlist import Netlist

FORMATS = ("aiger", "blif", "bristol", "bench", "verilog", "yosys")
_SUFFIXES = {
    ".aag": "aiger",
    ".aig": "aiger",
    ".blif": "blif",
    ".txt": "bristol",
    ".bristol": "bristol",
    ".bench": "bench",
    ".v": "verilog",
    ".sv": "yosys",
}
_TEXT: dict[str, Callable[[str, str], Netlist]] = {
    "blif": read_blif,
    "bristol": read_bristol,
    "bench": read_bench,
    "verilog": read_verilog,
}


def read_circuit(path: str | Path, format: str | None = None) -> Netlist:  # noqa: A002
    """Read a Boolean circuit from a file.

    Parameters
    ----------
    path
        AIGER (``.aag``, ``.aig``), BLIF (``.blif``), Bristol Fashion or the older Bristol Format
        (``.txt``, ``.bristol``), BENCH (``.bench``), Verilog (``.v``, ``.sv``).
    format
        One of ``aiger``, ``blif``, ``bristol``, ``bench``, ``verilog`` (gates and assignments of
        single bits, read here) and ``yosys`` (all of Verilog, read by yosys). By default that of
        the suffix; a Verilog file beyond gates goes to yosys where it is installed.

    Returns
    -------
    Netlist

    Raises
    ------
    CircuitError
        If the file is not what the format says; the message names file and line.
    OSError
        If it cannot be read.
    """
    path = Path(path)
    chosen = _format(path) if format is None else format
    if chosen not in FORMATS:
        near = difflib.get_close_matches(str(chosen), FORMATS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"format is {chosen!r}: give one of {', '.join(FORMATS)}{hint}")
    if chosen == "yosys":
        return read_with_yosys(path)
    data = path.read_bytes()
    try:
        return parse_circuit(data, chosen, source=str(path))
    except BeyondGates:
        if format is not None or not has_yosys():
            raise
        return read_with_yosys(path)


def parse_circuit(data: bytes | str, format: str, *, source: str = "") -> Netlist:  # noqa: A002
    r"""Read a Boolean circuit from what stands in a file.

    Examples
    --------
    >>> parse_circuit("INPUT(a)\nINPUT(b)\nOUTPUT(c)\nc = NAND(a, b)", "bench").gates
    ('c',)
    """
    if format == "aiger":
        return read_aiger(data.encode() if isinstance(data, str) else data, source)
    if format not in _TEXT:
        raise ValueError(f"format is {format!r}: give one of aiger, {', '.join(_TEXT)}")
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    return _TEXT[format](text, source)


def _format(path: Path) -> str:
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise ValueError(
            f"{path.name!r}: the format does not follow from the suffix; known are "
            f"{', '.join(_SUFFIXES)}. Say which it is: {', '.join(FORMATS)}"
        )
    return found


def write_circuit(netlist: Netlist, path: str | Path) -> Path:
    """Write a circuit in the format of the file's suffix: aag, aig, blif, bristol, bench or v.

    Raises
    ------
    ValueError
        If the suffix is another one, or the format cannot say what the circuit is.
    """
    path = Path(path)
    writers: dict[str, Callable[[Netlist], bytes | str]] = {
        ".aag": lambda circuit: write_aiger(circuit, binary=False),
        ".aig": write_aiger,
        ".blif": write_blif,
        ".txt": write_bristol,
        ".bristol": write_bristol,
        ".bench": write_bench,
        ".v": write_verilog,
    }
    write = writers.get(path.suffix.lower())
    if write is None:
        raise ValueError(f"cannot write {path.name!r}: the suffix must be {', '.join(writers)}")
    made = write(netlist)
    path.write_bytes(made.encode() if isinstance(made, str) else made)
    return path
