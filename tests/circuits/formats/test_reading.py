"""Hand-written files of each format, the whole language that is supported, and its mistakes."""

import numpy as np
import pytest

from widthwise.circuits import CircuitError, Netlist, parse_circuit, simulate


def outputs(circuit: Netlist) -> list[str]:
    """Each output's truth table, the first input changing fastest."""
    count = len(circuit.inputs)
    inputs = (np.arange(1 << count)[:, None] >> np.arange(count)) & 1
    return ["".join(map(str, column)) for column in simulate(circuit, inputs).T.astype(int)]


def test_aiger() -> None:
    text = "aag 3 2 0 3 1\n2\n4\n6\n7\n1\n6 2 5\ni0 x\ni1 y\no1 not and\nc\nanything\n"
    circuit = parse_circuit(text, "aiger")
    assert (circuit.inputs, circuit.outputs) == (("x", "y"), ("o0", "not and", "o2"))
    assert outputs(circuit) == ["0100", "1011", "1111"]
    binary = b"aig 3 2 0 1 1\n6\n\x01\x03i0 x\n"  # 6 = 5 & 2
    assert outputs(parse_circuit(binary, "aiger")) == ["0100"]
    unordered = "aag 4 2 0 1 2\n2\n4\n8\n8 6 2\n6 2 4\n"
    assert outputs(parse_circuit(unordered, "aiger")) == ["0001"]


BLIF = """
# a comment
.model test
.inputs a b \\
  c
.outputs and2 or_off xnor mux one zero wide same
.names a b and2
11 1
.names a c or_off   # an off-set: false where neither holds
00 0
.names a b xnor
00 1
11 1
.names a b c mux
1-0 1
-11 1
.names one
1
.names zero
.names a b c a b c a wide
1------ 1
-1----- 1
--0---- 1
.names a same
1 1
.end
this is never read
"""


def test_blif() -> None:
    circuit = parse_circuit(BLIF, "blif")
    a, b, c = (np.arange(8) >> place & 1 for place in range(3))
    expected = [a & b, a | c, 1 - a ^ b, np.where(c, b, a), a | 1, a & 0, a | b | (1 - c), a]
    assert outputs(circuit) == ["".join(map(str, column.tolist())) for column in expected]


def test_bench() -> None:
    text = """# comment
INPUT(a)
input( b )
OUTPUT(y)
OUTPUT(z)
OUTPUT(one)
y = nand(a, b, t)
t = BUFF(a)
z = LUT 0x6 ( a, b )
one = vdd
"""
    assert outputs(parse_circuit(text, "bench")) == ["1110", "0110", "1111"]


def test_bristol_in_both_versions() -> None:
    gates = "2 1 0 1 2 XOR\n1 1 1 3 EQ\n1 1 2 4 INV\n4 2 0 2 1 3 5 6 MAND\n1 1 5 7 EQW\n"
    fashion = f"5 9\n2 1 1\n2 1 2\n\n{gates}"
    # Outputs are the last wires: 6 in the first word, 7 and 8 in the second.
    with pytest.raises(CircuitError, match="output 'y1\\[1\\]' is a wire that nothing drives"):
        parse_circuit(fashion, "bristol")
    circuit = parse_circuit(fashion.replace("5 9", "5 8").replace("2 1 2", "1 3"), "bristol")
    assert circuit.inputs == ("x0[0]", "x1[0]")
    assert circuit.outputs == ("y0[0]", "y0[1]", "y0[2]")
    assert outputs(circuit) == ["0001", "0110", "0001"]
    old = "2 4\n1 1 1\n\n2 1 0 1 2 AND\n1 1 2 3 INV\n"
    assert outputs(parse_circuit(old, "bristol")) == ["1110"]


def test_verilog() -> None:
    text = r"""
/* gates */ module top (a, \b[0] , c, y, z, w, p);
  input a, c; input \b[0] ; // ports
  output y, z, w; output [1:0] p;
  wire t, u;
  nand #0 g1 (t, a, c), (u, t, ~c);
  assign y = a & ~\b[0] | c ^ 1'b1, z = a ? c : u;
  assign w = ~(a ~^ c);
  assign p[0] = t; assign p[1] = u;
endmodule
""".replace(" #0", "")
    circuit = parse_circuit(text, "verilog")
    assert circuit.inputs == ("a", "b[0]", "c")
    assert circuit.outputs == ("y", "z", "w", "p[0]", "p[1]")
    a, b, c = (np.arange(8) >> place & 1 for place in range(3))
    t = 1 - a * c
    u = 1 - t * (1 - c)
    expected = [(a & (1 - b)) | (1 - c), np.where(a, c, u), a ^ c, t, u]
    assert outputs(circuit) == ["".join(map(str, column.tolist())) for column in expected]
    ansi = "module m(input [1:0] x, input k, output q); and (q, x[1], x[0], k); endmodule"
    assert parse_circuit(ansi, "verilog").inputs == ("x[0]", "x[1]", "k")


WRONG = [
    ("aiger", "aag 1 1 0\n", "1: the header must be"),
    ("aiger", "", "1: the file ends where the header"),
    ("aiger", "aig 1 1 0 0 0 0 0 0 0 0 0", "header must be"),
    ("aiger", "hello world", "begins with 'hello'"),
    ("aiger", "aag 2 1 1 0 0\n2\n4 2\n", "1 latches: only combinational"),
    ("aiger", "aag 1 1 0 1 0\n2\n9\n", "3: literal 9 exceeds 2 M \\+ 1 = 3"),
    ("aiger", "aag 3 2 0 1 1\n2\n4\n6\n", "promises 2 inputs, 1 outputs and 1 gates"),
    ("aiger", "aag 3 2 0 1 1\n2\n4\n6\n6 2 4 4\n", "5: gate 0 has 4 numbers"),
    ("aiger", "aag 3 2 0 1 1\n2\n3\n6\n6 2 4\n", "3: input 1 is literal 3"),
    ("aiger", "aag 3 2 0 1 1\n2\n4\n6\n6 2 6\n", "5: gate 'n3' depends on itself: n3 <- n3"),
    ("aiger", "aag 999999999999999999999 0 0 0 0\n", "whole number is expected"),
    ("aiger", "aag 5 -1 0 0 0\n", "I in the header is '-1'"),
    ("aiger", b"aig 9000000 9000000 0 0 0\n", "at most 1000000 are supported"),
    ("aiger", b"aig 3 2 0 1 1\n6\n\x81", "ends"),
    ("aiger", b"aig 3 2 0 1 1\n6\n\xff\xff\xff\xff\xff\xff", "beyond 32 bits"),
    ("aiger", b"aig 3 2 0 1 1\n6\n\x07\x01", "reads a literal out of order"),
    ("aiger", b"aig 4 2 0 1 1\n6\n\x01\x01", "M = 4 must equal"),
    ("aiger", "aag 1 1 0 0 0\n2\ni7 name\n", "3: symbol 'i7': there are only 1"),
    ("blif", ".model m\n.latch a b\n", "2: '.latch': only combinational"),
    ("blif", ".model m\n.subckt x\n", "2: '.subckt': models within models"),
    ("blif", ".inputs a\n.names a y\n1- 1\n", "3: gate 'y': a row of 2 values for 1 inputs"),
    ("blif", ".inputs a\n.names a y\n1 1\n0 0\n", "4: gate 'y': rows for 0 and rows for 1"),
    ("blif", ".inputs a\n.names a y\n2 1\n", "3: gate 'y': the row '2' has something else"),
    ("blif", ".inputs a\n.names a y\n1 x\n", "3: gate 'y': a row is the values of 1 inputs"),
    ("blif", "1 1\n", "1: '1 1' stands outside"),
    ("blif", ".inputs a a\n", "1: wire 'a' is driven twice"),
    ("blif", ".foo\n", "1: '.foo' is not supported"),
    ("blif", "", "no '.model'"),
    ("bench", "INPUT(a)\nq = DFF(a)\nOUTPUT(q)", "2: gate 'q' is a flip-flop"),
    ("bench", "INPUT(a)\nq = FOO(a)\nOUTPUT(q)", "2: gate 'q' is of unknown kind 'FOO'"),
    ("bench", "INPUT(a)\nq = NOT(a, a)\nOUTPUT(q)", "2: gate 'q': NOT reads 2"),
    ("bench", "INPUT(a)\nq = LUT 0xff (a)\nOUTPUT(q)", "2: gate 'q': LUT needs 2 bits"),
    ("bench", "INPUT(a\n", "1: 'INPUT\\(a' is not"),
    ("bench", "", "no OUTPUT"),
    ("bristol", "1 3\n2 1 1\n1 1\n2 1 0 1 2 FOO", "4: gate 'FOO' is unknown"),
    ("bristol", "2 3\n2 1 1\n1 1\n2 1 0 1 2 AND", "2 gates are promised and 1 follow"),
    ("bristol", "1 3\n2 1 1\n1 1\n2 1 0 7 2 AND", "4: wire 7: there are only 3"),
    ("bristol", "1 3\n2 1 1\n1 1\n2 1 0 1 0 AND", "4: wire 'x0\\[0\\]' is driven twice"),
    ("bristol", "1 3\n2 1 1\n1 1\n1 1 0 1 2 AND", "4: AND with 1 inputs"),
    ("bristol", "1 2\n1 1\n1 1\n1 1 3 1 EQ", "4: EQ assigns 3"),
    ("bristol", "1 1\n2 900000 900000\n1 1\n", "at most|only 1 wires|more than"),
    ("bristol", "1\n", "must begin with"),
    ("verilog", "module m(a); input a; endmodule", "no output"),
    (
        "verilog",
        "module m(a, y); input a; output y; dff f(y, a); endmodule",
        "1: 'dff' stands where",
    ),
    ("verilog", "module m(y);\noutput y;\nreg y;\n", "3: 'reg' stands where combinational"),
    ("verilog", "module m(a, y); input [3:0] a; output y; assign y = a; endmodule", "is a vector"),
    ("verilog", "module m(a, y); input [3:0] a; output y; buf (y, a[4]); endmodule", "no bit 4"),
    ("verilog", "module m(a, y); input a; output y; buf (y, a)", "the file ends where ','"),
    ("verilog", "module m(a, y); input a; output y; assign y = a + a; endmodule", "'\\+' stands"),
    ("verilog", "module m /* a comment without end", "the file ends where"),
    ("verilog", f"module m(y); output y; assign y = {'(' * 500}", "nested too deeply"),
]


@pytest.mark.parametrize(("kind", "text", "said"), WRONG)
def test_mistakes_are_named(kind: str, text: str | bytes, said: str) -> None:
    with pytest.raises(CircuitError, match=f"^file:.*({said})"):
        parse_circuit(text, kind, source="file")
