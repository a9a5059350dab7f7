"""Readers and writers of the circuit formats people have."""

from widthwise.circuits.formats.files import FORMATS as FORMATS
from widthwise.circuits.formats.files import parse_circuit as parse_circuit
from widthwise.circuits.formats.files import read_circuit as read_circuit
from widthwise.circuits.formats.files import write_circuit as write_circuit
from widthwise.circuits.formats.yosys import read_with_yosys as read_with_yosys
