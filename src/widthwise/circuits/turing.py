"""A Turing machine stopped after T steps, as a network with one ReLU layer for each step.

The tape has ``C`` cells. ``h[i, q]`` is 1 where the head is on cell ``i`` in state ``q``, and
``s[i, a]`` is 1 where cell ``i`` has symbol ``a``. One step is one layer,

    p[i, q, a] = relu(h[i, q] + s[i, a] - 1)          the head reads a in state q
    keep[i, a] = relu(s[i, a] - sum_q h[i, q])        the head is elsewhere

after which the new ``s`` and ``h`` are sums of them. That is ``T C |symbols| (|states| + 1)``
neurons, and with ``C = 2 T + 1`` cells, all that the head can reach, quadratic in ``T``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

from widthwise.circuits.program import Names, ReluProgram

_MOVES = {"L": -1, "R": 1, "S": 0}


@dataclass(frozen=True)
class Configuration:
    """Where a machine stands.

    Attributes
    ----------
    tape
        Symbols of the cells.
    head
        Cell of the head, from 0.
    state
        Name of the state.
    """

    tape: tuple[int, ...]
    head: int
    state: str


@dataclass(frozen=True)
class TuringMachine:
    """A machine with one tape.

    Attributes
    ----------
    rules
        ``rules[state, symbol] = (written, move, next state)`` with moves ``"L"``, ``"R"`` and
        ``"S"`` (stay). Where there is no rule the machine has halted: nothing changes any more.
    symbols
        Number of symbols; 0 is the blank.
    start
        First state.

    Raises
    ------
    ValueError
        If a rule names an unknown symbol or move.

    Examples
    --------
    >>> machine = TuringMachine.from_text("1RB1LB_1LA1RH")  # the busy beaver of two states
    >>> machine.run(6).tape, machine.neurons(6)
    ((0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0), 624)
    """

    rules: Mapping[tuple[str, int], tuple[int, str, str]]
    symbols: int = 2
    start: str = "A"

    def __post_init__(self) -> None:
        for (state, symbol), (written, move, _) in self.rules.items():
            if not (0 <= symbol < self.symbols and 0 <= written < self.symbols):
                raise ValueError(
                    f"the rule of state {state!r} at symbol {symbol} writes {written}: symbols are "
                    f"0 to {self.symbols - 1}"
                )
            if move not in _MOVES:
                raise ValueError(
                    f"the rule of state {state!r} at symbol {symbol} moves {move!r}: give L, R or S"
                )

    @classmethod
    def from_text(cls, text: str) -> "TuringMachine":
        """Read the usual notation of busy beavers.

        Parameters
        ----------
        text
            For each state A, B, ..., separated by ``_``, and each symbol: written symbol, move and
            next state, or ``---`` for none.

        Raises
        ------
        ValueError
            If a state has another number of symbols than the first, or an entry is no rule.
        """
        rows = text.strip().split("_")
        width = len(rows[0])
        rules = {}
        for state, row in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", rows, strict=False):
            if len(row) != width or width % 3:
                raise ValueError(f"state {state} has the rules {row!r}: give 3 letters a symbol")
            for symbol in range(width // 3):
                entry = row[3 * symbol : 3 * symbol + 3]
                if entry != "---":
                    if not entry[0].isdigit():
                        raise ValueError(f"{entry!r} of state {state} is no rule, such as 1RB")
                    rules[state, symbol] = (int(entry[0]), entry[1], entry[2])
        return cls(rules, symbols=width // 3)

    @property
    def states(self) -> tuple[str, ...]:
        """Names of all states, the first one first."""
        named = [self.start]
        for (state, _), (_, _, then) in self.rules.items():
            named += [name for name in (state, then) if name not in named]
        return tuple(dict.fromkeys(named))

    def neurons(self, steps: int, cells: int | None = None) -> int:
        """Return the size of the network: ``steps cells symbols (states + 1)``."""
        return steps * (cells or 2 * steps + 1) * self.symbols * (len(self.states) + 1)

    def initial(self, steps: int, tape: Sequence[int] = ()) -> Configuration:
        """Return the start on a tape that ``steps`` steps cannot leave.

        Parameters
        ----------
        steps
            Number of steps.
        tape
            Symbols from the cell of the head on to the right; all other cells are blank.
        """
        length = 2 * steps + 1
        if len(tape) > steps + 1:
            raise ValueError(f"{len(tape)} symbols; {steps} steps reach {steps + 1} of them")
        cells = [0] * length
        cells[steps : steps + len(tape)] = tape
        return Configuration(tuple(cells), steps, self.start)

    def run(self, steps: int, start: Configuration | None = None) -> Configuration:
        """Run the machine itself, rule by rule.

        Parameters
        ----------
        steps
            Number of steps, after which it is stopped if it has not halted.
        start
            Where it begins: a blank tape of ``2 steps + 1`` cells if left out.

        Raises
        ------
        ValueError
            If the head leaves the tape.
        """
        begin = start or self.initial(steps)
        tape, head, state = list(begin.tape), begin.head, begin.state
        for step in range(steps):
            rule = self.rules.get((state, tape[head]))
            if rule is None:
                break
            tape[head], move, state = rule
            head += _MOVES[move]
            if not 0 <= head < len(tape):
                raise ValueError(f"the head leaves the tape of {len(tape)} cells in step {step}")
        return Configuration(tuple(tape), head, state)


def stopped_machine(machine: TuringMachine, steps: int, cells: int | None = None) -> ReluProgram:
    """Return the network that runs a machine for ``steps`` steps.

    Parameters
    ----------
    machine
        The machine.
    steps
        Number of steps and layers, at least 1.
    cells
        Number of cells; all that the head can reach, ``2 steps + 1``, if left out.

    Returns
    -------
    ReluProgram
        Inputs and outputs are a configuration, head first: see `encode` and `decode`.

    Raises
    ------
    ValueError
        If a number is below 1.
    """
    cells = 2 * steps + 1 if cells is None else cells
    if steps < 1 or cells < 1:
        raise ValueError(f"{steps} steps on {cells} cells: give at least 1 of each")
    inputs = cells * (len(machine.states) + machine.symbols)
    entries, relu, bias = _one_step(machine, cells)
    block = len(bias)
    # Every step is the same rows; step t reads from node t * block on.
    shift = block * np.repeat(np.arange(steps), len(entries))
    rows, columns, weights = np.tile(entries, (steps, 1)).T
    nodes = inputs + block * steps
    # Where the head cannot be, nothing is summed: such a zero is not read.
    some = np.ones(nodes)
    some[inputs:] = np.tile(np.isin(np.arange(block), entries[:, 0]), steps)
    rows, columns = (rows + shift).astype(int), (columns + shift).astype(int)
    matrix = sp.coo_array((weights * some[columns], (rows, columns)), shape=(block * steps, nodes))
    last = np.arange(nodes - inputs, nodes)
    outputs = sp.coo_array((some[last], (np.arange(inputs), last)), shape=(inputs, nodes))
    names = _names(machine, cells)
    places = [*(f".cell[{i}]" for i in range(cells)), ""]
    gates = tuple(f"step[{t}]{place}" for t in range(steps) for place in places)
    neurons = int(np.count_nonzero(relu))
    within = np.arange(cells + 1) * (neurons // cells)
    starts = inputs + np.add.outer(block * np.arange(steps), within).ravel()
    return ReluProgram.from_rows(
        matrix,
        outputs,
        relu=np.tile(relu, steps),
        bias=np.tile(bias, steps),
        output_bias=np.zeros(inputs),
        ranges=(np.zeros(nodes), np.ones(nodes)),
        names=Names(names, names, gates, np.append(starts, nodes)),
    )


def _one_step(
    machine: TuringMachine, cells: int
) -> tuple[Float[np.ndarray, "entries 3"], np.ndarray, np.ndarray]:
    """Return (row, column, weight) of one step, whether rows are neurons, and their biases.

    Columns are the configuration ``h, s`` and then the rows: cell by cell ``p`` and ``keep``, then
    the next ``h, s``.
    """
    q, a = len(machine.states), machine.symbols
    own, tape, after = q * a + a, cells * q, cells * (q + a)
    entries: list[tuple[int, int, float]] = []

    def read(cell: int, state: int, symbol: int) -> int:
        return cell * own + state * a + symbol

    def keep(cell: int, symbol: int) -> int:
        return cell * own + q * a + symbol

    for i in range(cells):
        for symbol in range(a):
            there = tape + i * a + symbol
            entries += [(keep(i, symbol), i * q + state, -1) for state in range(q)]
            entries.append((keep(i, symbol), there, 1))
            written = cells * own + tape + i * a + symbol
            entries.append((written, after + keep(i, symbol), 1))
            for state, name in enumerate(machine.states):
                row = read(i, state, symbol)
                entries += [(row, i * q + state, 1), (row, there, 1)]
                write, move, then = machine.rules.get((name, symbol), (symbol, "S", name))
                entries.append((cells * own + tape + i * a + write, after + row, 1))
                to = i + _MOVES[move]
                if 0 <= to < cells:  # else the head is lost, which `decode` reports
                    target = cells * own + to * q + machine.states.index(then)
                    entries.append((target, after + row, 1))
    bias = np.zeros(cells * (own + q + a))
    bias[: cells * own].reshape(cells, own)[:, : q * a] = -1
    return np.array(entries, float), np.arange(len(bias)) < cells * own, bias


def _names(machine: TuringMachine, cells: int) -> tuple[str, ...]:
    """Return the names of the numbers that are a configuration."""
    heads = [f"head[{i}]={state}" for i in range(cells) for state in machine.states]
    return (*heads, *(f"cell[{i}]={a}" for i in range(cells) for a in range(machine.symbols)))


def encode(machine: TuringMachine, configuration: Configuration) -> Float[np.ndarray, " numbers"]:
    """Return a configuration as the zeros and ones that the network reads.

    Raises
    ------
    ValueError
        If the state is unknown.
    """
    if configuration.state not in machine.states:
        known = ", ".join(machine.states)
        raise ValueError(f"state {configuration.state!r} is unknown: the machine has {known}")
    cells = len(configuration.tape)
    head = np.zeros((cells, len(machine.states)))
    head[configuration.head, machine.states.index(configuration.state)] = 1
    tape = np.eye(machine.symbols)[list(configuration.tape)]
    return np.concatenate([head.ravel(), tape.ravel()])


def decode(machine: TuringMachine, numbers: Float[np.ndarray, " numbers"]) -> Configuration:
    """Return the configuration that the network gave.

    Raises
    ------
    ValueError
        If the head has left the tape.
    """
    states, symbols = len(machine.states), machine.symbols
    cells = len(numbers) // (states + symbols)
    head = numbers[: cells * states].reshape(cells, states)
    if not head.any():
        raise ValueError(f"the head left the tape of {cells} cells: give more cells")
    at, state = np.unravel_index(int(np.argmax(head)), head.shape)
    tape = np.argmax(numbers[cells * states :].reshape(cells, symbols), axis=1)
    return Configuration(tuple(tape.tolist()), int(at), machine.states[int(state)])
