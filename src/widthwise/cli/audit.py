"""``widthwise audit``: what is wrong with a user's own network, layer by layer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from types import ModuleType

    from widthwise.observables.audit import Audit


def audit(
    target: str,
    /,
    *,
    batch: str | None = None,
    loss: str | None = None,
    optimizer: str = "adam",
    learning_rate: float = 1e-3,
    widths: Annotated[tuple[int, ...] | None, Parameter(consume_multiple=True)] = None,
    depths: Annotated[tuple[int, ...] | None, Parameter(consume_multiple=True)] = None,
    one_size: Annotated[bool, Parameter(negative="")] = False,
    parametrization: str | None = None,
    base_width: int | None = None,
    members: int = 3,
    width_argument: str | None = None,
    depth_argument: str | None = None,
    trained: Annotated[bool, Parameter(negative="")] = False,
    apply: Annotated[bool, Parameter(negative="")] = False,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Say what is wrong with your own network, layer by layer, from a few training steps.

    Example: `widthwise audit model.py:GPT --apply`

    Exit status 1 if anything is surely wrong.

    Parameters
    ----------
    target
        `file.py:function` or `package.module:function`, which makes a PyTorch or Equinox module,
        also a class; if it takes a width, several widths are compared. Or a Hugging Face folder.
    batch
        `file.py:function` that returns inputs and targets, or an .npz file with `inputs` and
        `targets`; the target's file may have a function `batch`. Otherwise inputs are drawn.
    loss
        cross_entropy, mean, or `file.py:function` of outputs and targets; the target's file may
        have a function `loss`. Otherwise the targets decide.
    optimizer
        adam, adamw, sgd, or `file.py:function` of the model that returns an optimizer.
    learning_rate
        Of a named optimizer.
    widths
        Widths to compare, such as `--widths 64 128 256`.
    depths
        Depths to compare.
    one_size
        Compare neither widths nor depths.
    parametrization
        Train as mup, completep, spectral, ... say, instead of as it is written.
    base_width
        Width at which the learning rate holds; the smallest.
    members
        Models of each size.
    width_argument
        Name of the target's argument for the width, where it is no usual one.
    depth_argument
        The same for the depth.
    trained
        The weights have been trained: leave out rules about starts.
    apply
        Print only code to paste: how weights start, and the groups of the optimizer.
    out
        Write a page with pictures into this file (html).
    json
        Print one JSON object.
    """
    from widthwise.cli.output import line, print_json
    from widthwise.experiments import keep_compiled
    from widthwise.observables.audit import audit as run

    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(
            f"cannot write {out.name!r}: the page is HTML, give a name ending in .html"
        )
    keep_compiled()
    model, module = _target(target)
    found = run(
        model,
        batch=_batch(batch, module),
        loss=_loss(loss, module),
        optimizer=_named(optimizer) if ":" in optimizer else optimizer,
        learning_rate=learning_rate,
        widths=() if one_size else widths,
        depths=() if one_size else depths,
        parametrization=parametrization,
        base_width=base_width,
        members=members,
        width_argument=width_argument,
        depth_argument=depth_argument,
        trained=trained,
    )
    page = None
    if out is not None:
        from widthwise.report import write_audit_page

        page = write_audit_page(found, out, source=target)
    if apply:
        print(found.paste(), end="")
        return 0
    if json:
        print_json(found.to_dict() | {"page": None if page is None else str(page)})
    else:
        _print(found)
        if page:
            line(f"Page  {page}")
    return 0 if found.healthy else 1


def _target(target: str) -> "tuple[Any, ModuleType | None]":
    if Path(target).is_dir():
        return target, None
    if ":" not in target:
        raise ValueError(
            f"{target!r} is no folder: give file.py:function, package.module:function or a "
            "Hugging Face folder"
        )
    from widthwise.numerics.user_code import load_object

    try:
        return load_object(target)
    except ModuleNotFoundError as error:
        hint = ": pip install 'widthwise[torch]'" if error.name == "torch" else ""
        raise ModuleNotFoundError(
            f"{target} needs a package that is not installed ({error}){hint}"
        ) from None


def _named(target: str) -> Any:
    from widthwise.numerics.user_code import load_object

    return load_object(target)[0]


def _batch(given: str | None, module: "ModuleType | None") -> Any:
    if given is None:
        made = getattr(module, "batch", None)
    elif given.endswith(".npz"):
        return _arrays(Path(given))
    else:
        made = _named(given)
    return made() if callable(made) else made


def _arrays(path: Path) -> tuple[Any, Any]:
    import numpy as np

    if not path.is_file():
        raise ValueError(f"{path} does not exist: give an .npz file with inputs and targets")
    with np.load(path, allow_pickle=False) as archive:
        if not {"inputs", "targets"} <= set(archive.files):
            names = ", ".join(archive.files) or "no arrays"
            raise ValueError(f"{path} holds {names}: give inputs and targets, examples first")
        return archive["inputs"], archive["targets"]


def _loss(given: str | None, module: "ModuleType | None") -> Any:
    if given is None:
        return getattr(module, "loss", None)
    return _named(given) if ":" in given else given


def _print(found: "Audit") -> None:
    from rich.text import Text

    from widthwise.cli.output import line, table

    bad = {one.layer for one in found.faults}
    slopes = found.slopes()
    rows = [
        (
            Text(one.name, style="red" if one.name in bad else "", overflow="fold"),
            one.kind,
            f"{one.signal:.3g}",
            "" if one.gradient is None else f"{one.gradient:.2g}",
            f"{one.speed:.2g}",
            "" if one.std is None else f"{one.std:.3g}",
            *([slopes.get(one.name, "")] if slopes else []),
        )
        for one in found.layers
    ]
    columns = ("layer", "kind", ">signal", ">gradient", ">moves", ">weights")
    power = (">width^",) if slopes else ()
    title = f"{found.name}, {found.title}: root mean squares; change in one step, relative"
    table((*columns, *power), rows, title=title)
    for one in found.findings:
        line(f"{one.layer}: {one.fault}: {one.message}.")
        line(f"    {one.change[:1].upper()}{one.change[1:]}.  {one.certainty}.")
    line(found.headline())
    for note in found.notes:
        line(f"Note: {note}")
