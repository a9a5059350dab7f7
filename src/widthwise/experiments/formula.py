"""Closed forms of predictions: arithmetic in the parameters of a study, and nothing else.

A formula is stored with a claim as text and evaluated again wherever the run is shown, for any
values of the parameters. It is never executed: it is read into a tree of numbers, names and
functions, which Python evaluates here and a page by the same rules.
"""

import ast
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from widthwise.experiments.parameters import nearest

Tree = float | str | list[Any]
"""A number, the name of a parameter, or a function with its arguments: ``["+", "depth", 1.0]``."""

CONSTANTS = {"pi": math.pi, "e": math.e}
ACCURACY = 1e-6
"""Relative distance of a formula from the prediction that it is a closed form of, at most."""

_LONGEST = 2000
_OPERATORS: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.USub: "neg",
}
_ONE_ARGUMENT = (
    "sqrt", "exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"
)  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": math.pow,
    "neg": operator.neg,
    "abs": abs,
    "min": min,
    "max": max,
    **{name: getattr(math, name) for name in _ONE_ARGUMENT},
}


@dataclass(frozen=True)
class Formula:
    """An expression such as ``"a * (1 - b**depth) / (1 - b)"`` with numbers for a and b.

    Numbers, names of parameters, ``pi`` and ``e``; ``+ - * / **``; ``sqrt``, ``exp``, ``log``,
    ``abs``, ``min``, ``max``, and the trigonometric and hyperbolic functions by their names in
    Python's ``math``.

    Raises
    ------
    ValueError
        If there is anything else in it.

    Examples
    --------
    >>> Formula("sqrt(2 / width)").value({"width": 8})
    0.5
    """

    text: str

    def __post_init__(self) -> None:
        _ = self.tree

    @property
    def tree(self) -> Tree:
        """The expression as nested lists, as a page reads it."""
        if len(self.text) > _LONGEST:
            raise ValueError(
                f"a formula has at most {_LONGEST} characters, not {len(self.text)}: "
                "store the prediction instead"
            )
        try:
            return _read(ast.parse(self.text.strip(), mode="eval").body)
        except (SyntaxError, RecursionError, MemoryError):
            raise ValueError(f"formula {self.text!r} is no expression") from None

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters in it, each once."""
        return tuple(dict.fromkeys(_names(self.tree)))

    def value(self, parameters: Mapping[str, Any]) -> float:
        """Return the number at some values of the parameters; nan where there is none.

        Raises
        ------
        ValueError
            If a name in the formula is no parameter with a number.
        """
        for name in self.names:
            given = parameters.get(name)
            if not isinstance(given, int | float) or isinstance(given, bool):
                hint = nearest(name, list(parameters))
                raise ValueError(f"formula {self.text!r}: {name} is no number{hint}")
        try:
            return _value(self.tree, parameters)
        except (ValueError, ZeroDivisionError, OverflowError):
            return math.nan


def disagreement(formula: str, predicted: float, parameters: Mapping[str, Any]) -> str:
    """Say in words why a formula is no closed form of a prediction; empty if it is one."""
    try:
        found = Formula(formula).value(parameters)
    except ValueError as error:
        return str(error)
    if math.isclose(found, predicted, rel_tol=ACCURACY, abs_tol=1e-300):
        return ""
    return f"formula {formula!r} is {found:.9g} where {predicted:.9g} is predicted"


def _read(node: ast.expr) -> Tree:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float(number)
        case ast.Name(id=name):
            return CONSTANTS.get(name, name)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return [_OPERATORS[type(op)], _read(left), _read(right)]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return ["neg", _read(operand)]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if _takes(name, args):
            return [name, *map(_read, args)]
    raise ValueError(
        f"a formula cannot contain {ast.unparse(node)!r}: it has numbers, parameters, + - * / **, "
        f"{', '.join((*CONSTANTS, 'abs', 'min', 'max', *_ONE_ARGUMENT))}"
    )


def _takes(name: str, arguments: Sequence[ast.expr]) -> bool:
    """Say whether there is a function of that name with so many arguments."""
    if name in ("min", "max"):
        return len(arguments) >= 2
    return (name == "abs" or name in _ONE_ARGUMENT) and len(arguments) == 1


def _names(tree: Tree) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, list):
        for branch in tree[1:]:
            yield from _names(branch)


def _value(tree: Tree, parameters: Mapping[str, Any]) -> float:
    if isinstance(tree, list):
        return _FUNCTIONS[tree[0]](*(_value(branch, parameters) for branch in tree[1:]))
    return float(parameters[tree]) if isinstance(tree, str) else tree
