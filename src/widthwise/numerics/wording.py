"""Numbers in words: rounded by their standard error, with a true minus sign."""

import math

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PLAIN_RANGE = (1e-3, 1e5)
_MOST_DIGITS = 10


def number(value: float, digits: int = 4) -> str:
    """Return a number with some significant digits, in powers of ten where it is extreme.

    Examples
    --------
    >>> number(-0.25), number(1234567.0), number(0.0)
    ('−0.25', '1.235 × 10⁶', '0')
    """
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "not a number")
    exponent = _exponent(abs(value))
    if exponent == 0:
        return f"{value:.{digits}g}".replace("-", "−")
    return f"{value / 10.0**exponent:.{digits}g}{_power(exponent)}".replace("-", "−")


def with_error(value: float, error: float) -> tuple[str, str]:
    """Return a value and its standard error, both cut where the error has two digits.

    Examples
    --------
    >>> with_error(0.123456, 0.00123)
    ('0.1235', '0.0012')
    >>> with_error(2.0e-4, 1.3e-6)
    ('2.000 × 10⁻⁴', '0.013 × 10⁻⁴')
    >>> with_error(0.0, 0.00072)
    ('0', '7.2 × 10⁻⁴')
    """
    if not (value and math.isfinite(value) and math.isfinite(error) and error > 0):
        return number(value, _MOST_DIGITS), number(error, 2)
    exponent = _exponent(max(abs(value), error))
    scale = 10.0**exponent
    decimals = max(0, 1 - math.floor(math.log10(error / scale)))
    if decimals > _MOST_DIGITS - 1:
        return number(value, _MOST_DIGITS), number(error, 2)
    texts = (f"{x / scale:.{decimals}f}{_power(exponent)}" for x in (value, error))
    first, second = (text.replace("-", "−") for text in texts)
    return first, second


def rounded(value: float) -> str:
    """Return a number with three digits, and all of them before the point.

    Examples
    --------
    >>> rounded(1582.3), rounded(-0.01234), rounded(12047.0)
    ('1,582', '−0.0123', '12,047')
    """
    large = 1e3 <= abs(value) < 1e7
    return f"{value:,.0f}".replace("-", "−") if large else number(value, 3)


def _exponent(size: float) -> int:
    """Return the power of ten to take out of a number of this size; 0 for none."""
    low, high = _PLAIN_RANGE
    return 0 if size == 0 or low <= size < high else math.floor(math.log10(size))


def _power(exponent: int) -> str:
    return f" × 10{str(exponent).translate(_RAISED)}" if exponent else ""
