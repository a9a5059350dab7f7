"""What a pickle says, without doing what it says.

A pickle is a program: Python's own reader imports and calls what it names. Here each step of the
program makes plain data only. Nothing is imported, no class is made and no function is called; what
would have been an object or a call becomes a record of its name and its arguments.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_MOST_BYTES = 64 * 2**20
_MOST_STEPS = 5_000_000
_KEYS = (str, int, float, bool, bytes, type(None))


@dataclass(frozen=True)
class Named:
    """A class or function that the pickle names."""

    name: str


@dataclass(frozen=True, eq=False)
class Call:
    """A function that the pickle would have called."""

    name: str
    arguments: tuple


@dataclass(eq=False)
class Thing:
    """An object that the pickle would have made, with its attributes."""

    name: str
    attributes: dict = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Outside:
    """What the pickle leaves to others, by its key: the numbers of an array."""

    key: Any


def read_pickle(program: bytes, *, harmless: frozenset[str]) -> Any:
    """Return what a pickle describes, as dictionaries, lists, tuples, numbers, text and records.

    Parameters
    ----------
    program
        The pickle.
    harmless
        Functions that it may ask for, such as ``torch._utils._rebuild_tensor_v2``.

    Raises
    ------
    ValueError
        If it asks for a function that is not among these, is damaged, or far too long.
    """
    if len(program) > _MOST_BYTES:
        raise ValueError(f"its pickle has {len(program)} bytes: names and shapes need far fewer")
    reader = _Reader(harmless)
    for count, (opcode, argument, _) in enumerate(pickletools.genops(program)):
        if count > _MOST_STEPS:
            raise ValueError("its pickle has far more steps than names and shapes need")
        if opcode.name == "STOP":
            return reader.stack.pop()
        reader.step(opcode.name, argument)
    raise ValueError("its pickle ends too early")


class _Reader:
    """The stack and the memory of a pickle's program."""

    def __init__(self, harmless: frozenset[str]) -> None:
        self.harmless = harmless
        self.stack: list = []
        self.marks: list[list] = []
        self.memory: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            self.stack.append(argument)
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memory[argument] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memory[len(self.memory)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            self.stack.append(self.memory[argument])
        elif name == "GLOBAL":
            self.stack.append(Named(argument.replace(" ", ".", 1)))
        elif name not in ("PROTO", "FRAME"):
            action = _ACTIONS.get(name)
            if action is None:
                raise ValueError(f"its pickle has the step {name}, which no weights need")
            action(self)

    def marked(self) -> list:
        """Take everything above the last mark."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def tuple_of(self, count: int) -> None:
        items = tuple(self.stack[len(self.stack) - count :])
        if len(items) < count:
            raise ValueError("its pickle takes more than there is")
        del self.stack[-count:]
        self.stack.append(items)

    def extend(self, items: list) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Thing | Call):  # a set, say
            raise ValueError("its pickle appends to what is no list")

    def dictionary(self) -> None:
        items = self.marked()
        self.stack.append({})
        self.set_items(items)

    def set_items(self, items: list) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise ValueError("its pickle gives entries to what is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_as_key(key)] = value

    def named(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise ValueError("its pickle names a function by what is no text")
        self.stack.append(Named(f"{module}.{name}"))

    def call(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not (isinstance(function, Named) and isinstance(arguments, tuple)):
            raise ValueError("its pickle calls what is no function")
        if function.name == "collections.OrderedDict" and not arguments:
            self.stack.append({})
        elif function.name in self.harmless:
            self.stack.append(Call(function.name, arguments))
        else:
            raise ValueError(
                f"it asks to run {function.name[:100]!r}, and nothing of it was run; save the "
                "arrays alone (a state_dict), or in .safetensors"
            )

    def new(self) -> None:
        _, kind = self.stack.pop(), self.stack.pop()
        if not isinstance(kind, Named):
            raise ValueError("its pickle makes an object of what is no class")
        self.stack.append(Thing(kind.name))

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(state, tuple) and len(state) == 2:
            state = state[0]
        if isinstance(target, Thing) and isinstance(state, dict):
            target.attributes.update(state)

    def outside(self) -> None:
        self.stack.append(Outside(self.stack.pop()))


def _as_key(key: Any) -> Any:
    """Return a key that costs nothing to compare; others become their type."""
    return key if isinstance(key, _KEYS) else f"<{type(key).__name__}>"


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": list,
}
_LITERALS = frozenset(
    [
        "BININT",
        "BININT1",
        "BININT2",
        "INT",
        "LONG",
        "LONG1",
        "LONG4",
        "BINFLOAT",
        "FLOAT",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "UNICODE",
        "BINSTRING",
        "SHORT_BINSTRING",
        "STRING",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
    ]
)
_ACTIONS: dict[str, Callable[[_Reader], object]] = {
    "MARK": _Reader.mark,
    "POP": lambda reader: reader.stack.pop(),
    "POP_MARK": _Reader.marked,
    "DUP": lambda reader: reader.stack.append(reader.stack[-1]),
    "TUPLE": lambda reader: _push(reader, tuple(reader.marked())),
    "TUPLE1": lambda reader: reader.tuple_of(1),
    "TUPLE2": lambda reader: reader.tuple_of(2),
    "TUPLE3": lambda reader: reader.tuple_of(3),
    "LIST": lambda reader: _push(reader, reader.marked()),
    "DICT": lambda reader: reader.dictionary(),
    "APPEND": lambda reader: reader.extend([reader.stack.pop()]),
    "APPENDS": lambda reader: reader.extend(reader.marked()),
    "ADDITEMS": lambda reader: reader.extend(reader.marked()),
    "SETITEM": lambda reader: reader.set_items([reader.stack.pop(), reader.stack.pop()][::-1]),
    "SETITEMS": lambda reader: reader.set_items(reader.marked()),
    "STACK_GLOBAL": _Reader.named,
    "REDUCE": _Reader.call,
    "NEWOBJ": _Reader.new,
    "BUILD": _Reader.build,
    "BINPERSID": _Reader.outside,
}


def _push(reader: _Reader, value: Any) -> None:
    reader.stack.append(value)
