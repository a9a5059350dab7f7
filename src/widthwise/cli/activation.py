"""``widthwise activation``: what depth makes of the similarity of inputs, for one function."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from widthwise.activations.verdict import Verdict


def activation(
    name: str,
    /,
    *,
    variance: float = 1.0,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Print the verdict on one activation: what depth makes of two inputs, and how fast.

    Example: `widthwise activation gelu --out gelu.svg`

    Parameters
    ----------
    name
        Such as gelu, `leaky_relu(0.2)`, relu.centered, or `module:function` for a JAX function.
    variance
        Variance of the pre-activations.
    out
        Draw the correlation map with its cobweb into this file (svg, pdf or png).
    json
        Print one JSON object.
    """
    import jax

    from widthwise import activations, plotting
    from widthwise.activations.cobweb import cobweb
    from widthwise.cli.output import line, print_json
    from widthwise.experiments import keep_compiled

    keep_compiled()
    with jax.enable_x64(True):
        phi = activations.get(name)
        verdict = phi.verdict(variance)
        picture = plotting.save(cobweb(phi, variance=variance), out) if out else None
    if json:
        print_json(verdict.to_dict() | ({"picture": str(picture)} if picture else {}))
        return
    _print_table(verdict)
    for sentence in verdict.sentences():
        line(sentence[:1].upper() + sentence[1:])
    if picture:
        line(f"Picture  {picture}")


def _print_table(verdict: "Verdict") -> None:
    from widthwise.cli.output import table

    weights = "  ".join(f"{weight:.6f}" for weight in verdict.b[:5])
    points = "  ".join(
        f"{point.value:.6f} (slope {point.slope:.6f}, {'stable' if point.stable else 'unstable'})"
        for point in verdict.fixed_points
    )
    rows = [
        ("mean E[s]", f"{verdict.mean:.12g}"),
        ("second moment E[s²]", f"{verdict.second_moment:.12g}"),
        ("parity", verdict.parity or "neither odd nor even"),
        ("Hermite weights b₀ … b₄", weights),
        ("chi_perp, slope of the correlation map at 1", f"{verdict.chi_perp:.10g}"),
        ("chi_par, slope of the variance map", f"{verdict.chi_par:.10g}"),
        ("fixed points of the correlation", points),
        ("verdict", verdict.kind),
    ]
    title = f"{verdict.name} at pre-activation variance {verdict.variance:g}"
    table(("property", "value"), rows, title=title)
