"""Which inputs of a traced program reach which of its values."""

from typing import Any

_WRAPPERS = ("jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call", "remat2")


def reached(jaxpr: Any, given: list[int], cut: int | None = None) -> dict[int, int]:
    """Send marks from the inputs of a program through all of its values.

    Parameters
    ----------
    jaxpr
        The program, of ``jax.make_jaxpr``.
    given
        Marks of its inputs, each a set of bits.
    cut
        The ``id`` of a variable that lets nothing pass.

    Returns
    -------
    dict
        Marks by the ``id`` of a variable; what is missing has none. Loops and other programs
        inside the program are taken to mix all that enters them.
    """
    marks = {id(v): mark for v, mark in zip(jaxpr.invars, given, strict=True)}
    for step in jaxpr.eqns:
        entering = [marks.get(id(v), 0) for v in step.invars]
        for v, mark in zip(step.outvars, _through(step, entering), strict=True):
            marks[id(v)] = 0 if id(v) == cut else mark
    return marks


def _through(step: Any, entering: list[int]) -> list[int]:
    inner = step.params.get("jaxpr", step.params.get("call_jaxpr"))
    inner = getattr(inner, "jaxpr", inner)
    if step.primitive.name in _WRAPPERS and inner is not None and _fits(inner, step):
        marks = reached(inner, entering)
        return [marks.get(id(v), 0) for v in inner.outvars]
    mixed = 0
    for mark in entering:
        mixed |= mark
    return [mixed] * len(step.outvars)


def _fits(inner: Any, step: Any) -> bool:
    """Tell whether a program takes and returns what the step that holds it does."""
    return len(inner.invars) == len(step.invars) and len(inner.outvars) == len(step.outvars)
