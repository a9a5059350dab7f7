"""Time spans and names in the words of the page."""

_ACRONYMS = ("cpu", "dmft")


def duration(seconds: float | int) -> str:
    """Return a time span in the two units that matter.

    Examples
    --------
    >>> duration(4.21), duration(87), duration(7320)
    ('4.2 s', '1 min 27 s', '2 h 2 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def label(name: str) -> str:
    """Return an identifier as the label of a row.

    Examples
    --------
    >>> label("driver_cpu_time"), label("finite-width-dmft")
    ('Driver CPU time', 'Finite width DMFT')
    """
    words = name.replace("_", " ").replace("-", " ")
    for letters in _ACRONYMS:
        words = words.replace(letters, letters.upper())
    return words[:1].upper() + words[1:]
