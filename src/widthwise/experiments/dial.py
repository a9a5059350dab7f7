"""A number beside what is allowed, as a drawing in one line of a table."""

import math

from widthwise.numerics.wording import number

_WIDTH, _HEIGHT = 168, 26


def dial(
    expected: float,
    allowed: tuple[float, float],
    *,
    measured: float,
    standard_error: float,
    quantile: float,
    tone: str,
) -> str:
    """Draw what is allowed as a band, and the measured interval over it, as SVG text.

    Parameters
    ----------
    expected
        Where the tick in the middle stands.
    allowed
        Ends of the band; may be infinite.
    measured, standard_error
        The dot and its thick bar.
    quantile
        Standard errors of the thin bar.
    tone
        Verdict whose colour the dot has.
    """
    low, high = allowed
    if math.isfinite(measured) and math.isfinite(standard_error):
        ends = [measured - quantile * standard_error, measured + quantile * standard_error]
    else:
        ends = []
    reach = max(abs(x - expected) for x in (expected, *ends, *filter(math.isfinite, allowed)))
    scale = (_WIDTH / 2 - 5) / reach if reach > 0 else 0.0

    def place(x: float) -> float:
        return min(max(_WIDTH / 2 + (x - expected) * scale, 0.0), float(_WIDTH))

    band = max(place(high) - place(low), 2.0)
    middle = _HEIGHT / 2
    shapes = [
        f'<rect x="{place(low):.1f}" y="5" width="{band:.1f}" height="{_HEIGHT - 10}" rx="2" '
        'fill="currentColor" fill-opacity="0.13"/>',
        f'<path d="M{_WIDTH / 2} 2V{_HEIGHT - 2}" stroke="currentColor" stroke-width="1.5"/>',
    ]
    if ends:
        thin, thick = (
            f"M{place(measured - half):.1f} {middle}H{place(measured + half):.1f}"
            for half in (quantile * standard_error, standard_error)
        )
        stroke = f'stroke="var(--{tone}, #555)"'
        shapes += [
            f'<path d="{thin}" {stroke} stroke-width="1.5"/>',
            f'<path d="{thick}" {stroke} stroke-width="4"/>',
            f'<circle cx="{place(measured):.1f}" cy="{middle}" r="4.5" '
            f'fill="var(--{tone}, #555)"/>',
        ]
    words = f"measured {number(measured)}, allowed {number(low)} to {number(high)}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{words}">'
        + "".join(shapes)
        + "</svg>"
    )
