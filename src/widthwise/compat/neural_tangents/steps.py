"""From a list of layers, forks and joins, as they were written, to one of our layers."""

from dataclasses import dataclass
from typing import Literal

from widthwise.networks import (
    NTK,
    Identity,
    Layer,
    Parallel,
    Parametrization,
    Residual,
    Sequential,
    Standard,
)

Form = Literal["ntk", "standard"]
FORMS: dict[str, Parametrization] = {"ntk": NTK(), "standard": Standard()}
Join = Literal["sum", "product", "concatenation"]


@dataclass(frozen=True)
class Single:
    """A layer that reads one input, and the parametrization it was given if it has weights."""

    layer: Layer
    form: Form | None = None


@dataclass(frozen=True)
class Fork:
    """Copies of one input."""

    count: int


@dataclass(frozen=True)
class Branches:
    """Layers side by side, each with an input of its own."""

    branches: tuple["Steps", ...]


@dataclass(frozen=True)
class Merge:
    """Many inputs become one."""

    join: Join


Step = Single | Fork | Branches | Merge
Steps = tuple[Step, ...]


def network(steps: Steps) -> Sequential:
    """Build the network.

    Raises
    ------
    ValueError
        If forks, branches and joins do not fit, or layers differ in their parametrization.
    """
    form = common_form(steps)
    layers = _layers(steps) or [Identity()]
    return Sequential(*layers, parametrization=FORMS[form or "ntk"])


def common_form(steps: Steps) -> Form | None:
    """Return the parametrization that all layers with weights have; None if there are none.

    Raises
    ------
    ValueError
        If they differ.
    """
    forms = sorted(_forms(steps))
    if len(forms) > 1:
        raise ValueError(
            f"layers with parameterization {' and '.join(map(repr, forms))} were put together: a "
            "network here has one parametrization, so give all layers with weights the same "
            "(GlobalSelfAttention has 'ntk')"
        )
    return forms[0] if forms else None


def _forms(steps: Steps) -> set[Form]:
    found: set[Form] = set()
    for step in steps:
        if isinstance(step, Single) and step.form is not None:
            found.add(step.form)
        elif isinstance(step, Branches):
            found.update(*map(_forms, step.branches))
    return found


def _layers(steps: Steps) -> list[Layer]:
    """Match every fork with its branches and its join; identities have no steps at all."""
    made: list[Layer] = []
    open_branches: list[Steps] | None = None
    for step in steps:
        if isinstance(step, Single):
            if open_branches is not None:
                raise ValueError(
                    f"{step.layer!r} stands between FanOut and FanIn and would read "
                    f"{len(open_branches)} inputs: put it inside stax.parallel"
                )
            made.append(step.layer)
        elif isinstance(step, Fork):
            if open_branches is not None:
                raise ValueError(
                    "FanOut was given several inputs: put it inside a branch of stax.parallel"
                )
            open_branches = [()] * step.count
        elif open_branches is None:
            what = "stax.parallel" if isinstance(step, Branches) else "FanIn"
            raise ValueError(
                f"{what} was given one input: put stax.FanOut(number of branches) before it; "
                "networks of several inputs are not offered"
            )
        elif isinstance(step, Branches):
            if len(step.branches) != len(open_branches):
                raise ValueError(
                    f"stax.parallel has {len(step.branches)} branches and was given "
                    f"{len(open_branches)} inputs: give FanOut the number of branches"
                )
            pairs = zip(open_branches, step.branches, strict=True)
            open_branches = [before + after for before, after in pairs]
        else:
            made.extend(_merged([_layers(branch) for branch in open_branches], step.join))
            open_branches = None
    if open_branches is not None:
        raise ValueError(
            f"the network ends with {len(open_branches)} outputs side by side: end it with "
            "FanInSum, FanInProd or FanInConcat"
        )
    return made


def _merged(branches: list[list[Layer]], join: Join) -> list[Layer]:
    if len(branches) == 1:
        return branches[0]
    full = [Sequential(*layers) for layers in branches if layers]
    identities = len(branches) - len(full)
    if join != "sum" or not identities:
        sides = [Sequential(*layers) if layers else Identity() for layers in branches]
        return [Parallel(*sides, join=join)]
    if identities > 1:
        raise ValueError(
            f"FanInSum adds {identities} copies of the same input, which are not uncorrelated: "
            "keep one Identity() and give the next layer a larger W_std"
        )
    return [Residual(full[0] if len(full) == 1 else Parallel(*full))]
