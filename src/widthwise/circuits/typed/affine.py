"""Affine expressions over the values of a circuit or of a network: what costs no neuron."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Number = int | float


@dataclass(frozen=True)
class Affine:
    """``constant + sum_i terms[i] * value_i``, with coefficients that binary floats hold exactly.

    Attributes
    ----------
    terms
        Coefficient of each value, by its number; none is zero.
    constant
        What is added.
    """

    terms: Mapping[int, Number]
    constant: Number = 0

    @classmethod
    def of(cls, value: int) -> "Affine":
        """Return the expression that is one value."""
        return cls({value: 1})

    def __add__(self, other: "Affine | Number") -> "Affine":
        if not isinstance(other, Affine):
            return Affine(self.terms, self.constant + other)
        terms = dict(self.terms)
        for value, coefficient in other.terms.items():
            total = terms.get(value, 0) + coefficient
            if total:
                terms[value] = total
            else:
                del terms[value]
        return Affine(terms, self.constant + other.constant)

    def __radd__(self, other: Number) -> "Affine":
        return self + other

    def __neg__(self) -> "Affine":
        return self * -1

    def __sub__(self, other: "Affine | Number") -> "Affine":
        return self + -other

    def __rsub__(self, other: Number) -> "Affine":
        return -self + other

    def __mul__(self, factor: Number) -> "Affine":
        if factor == 1:
            return self
        if factor == 0:
            return Affine({}, 0)
        terms = {value: coefficient * factor for value, coefficient in self.terms.items()}
        return Affine(terms, self.constant * factor)

    __rmul__ = __mul__

    def replace(self, expressions: Sequence["Affine"]) -> "Affine":
        """Put an expression in the place of each value."""
        total: dict[int, Number] = {}
        constant = self.constant
        for value, coefficient in self.terms.items():
            put = expressions[value]
            constant += coefficient * put.constant
            for inner, weight in put.terms.items():
                total[inner] = total.get(inner, 0) + coefficient * weight
        return Affine({value: weight for value, weight in total.items() if weight}, constant)

    @classmethod
    def sum(cls, expressions: Iterable["Affine"], constant: Number = 0) -> "Affine":
        """Add many expressions at once."""
        parts = list(expressions)
        return cls(dict.fromkeys(range(len(parts)), 1), constant).replace(parts)

    def interval(self, ranges: Sequence[tuple[Number, Number]]) -> tuple[Number, Number]:
        """Return the least interval that holds it whatever its values are within their ranges."""
        low = high = self.constant
        for value, coefficient in self.terms.items():
            ends = [coefficient * end for end in ranges[value]]
            low, high = low + min(ends), high + max(ends)
        return low, high
