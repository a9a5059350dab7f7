"""Powers of the width: what a step changes, and which infinite-width limit a rule has."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from widthwise.networks.parametrization import Parametrization, Role, Rule
from widthwise.networks.scaling.plan import column_of

_N = 2.0**40
Kind = Literal["feature learning", "kernel", "trivial", "unstable"]


class RoleExponents(NamedTuple):
    """Powers of the width n of one role's effective weights (multiplier times weight).

    Parameters
    ----------
    init
        Of their initial entries.
    rate
        Of the learning rate of the effective weights.
    fan_in, fan_out
        Of their numbers of inputs and outputs: 1 or 0.
    """

    init: float | int
    rate: float | int
    fan_in: int
    fan_out: int

    def own_change(self, optimizer: str, signal: float | int) -> float:
        """Power of n by which one step on these weights alone changes their outputs.

        Parameters
        ----------
        optimizer
            ``"sgd"``, ``"adam"`` or ``"muon"``.
        signal
            Power of n of the derivative of the loss by one of their outputs.

        Notes
        -----
        Gradients are sums of few outer products, so updates are aligned with the inputs: the
        change is rate * fan_in * signal under gradient descent, rate * fan_in for entries of one,
        and rate * sqrt(fan_in / fan_out) for singular values of one.
        """
        if optimizer == "muon":
            return self.rate + (self.fan_in - self.fan_out) / 2
        return self.rate + self.fan_in + (signal if optimizer == "sgd" else 0.0)


def role_exponents(
    parametrization: Parametrization, role: Role, optimizer: str, *, rate: float | int = 0.0
) -> RoleExponents:
    """Powers of the width of one role.

    Parameters
    ----------
    parametrization
        The rules.
    role
        ``"input"``, ``"hidden"`` or ``"output"``.
    optimizer
        As for :func:`~widthwise.networks.scaling.parametrize`.
    rate
        Power of the width in the global learning rate.
    """
    column = column_of(optimizer)
    rule: Rule = getattr(parametrization, role)
    fan_in, fan_out = {"input": (0, 1), "hidden": (1, 1), "output": (1, 0)}[role]

    def power(name: str) -> float:
        factor = getattr(rule, name)
        ratio = factor(int(_N**fan_in), int(_N**fan_out)) / factor(1, 1)
        return round(math.log(ratio) / math.log(_N), 9)

    multiplier = power("multiplier")
    squared = 2 if column == "sgd" else 1
    return RoleExponents(
        power("init") + multiplier,
        power(column) + squared * multiplier + rate,
        fan_in,
        fan_out,
    )


class ChangeExponent(NamedTuple):
    """Power of the width by which a layer's outputs change.

    Parameters
    ----------
    leading
        The largest of its contributions, which rules as the width grows.
    least
        That of the contribution half a power of the width below it, if there is one: the sum of
        the two comes to the leading power only slowly. Otherwise the leading one.
    """

    leading: float | int
    least: float | int


def change_exponents(
    parametrization: Parametrization,
    roles: Sequence[str],
    *,
    optimizer: str = "adam",
    rate: float | int = 0.0,
) -> list[ChangeExponent]:
    """Powers of the width by which one small step from the start changes each layer's outputs.

    Parameters
    ----------
    parametrization
        The rules.
    roles
        Of the layers' weights in the order of the forward pass: ``"input"``, ``"hidden"`` and
        ``"output"``; other roles pass changes on.
    optimizer, rate
        See :func:`role_exponents`.

    Returns
    -------
    One for each layer; to first order in the learning rate, for output weights that are not zero.

    Notes
    -----
    A layer passes on the changes that enter it at their own power, since hidden weights are random
    to them, and adds its own. The output weights are aligned with the changes of the last
    features: these enter with weight * n. Yang & Hu (2021, arXiv:2011.14522), appendix H, for
    gradient descent.

    Examples
    --------
    >>> from widthwise.networks import Standard
    >>> [c.leading for c in change_exponents(Standard(), ["input", "hidden", "output"])]
    [0.0, 1.0, 1.5]
    """
    column = column_of(optimizer)
    output = role_exponents(parametrization, "output", optimizer, rate=rate)
    entered: list[float] = []
    found = []
    for role in roles:
        if role == "output":
            parts = [output.own_change(column, 0.0), *(output.init + 1 + e for e in entered)]
            found.append(_change(parts))
            continue
        if role in ("input", "hidden"):
            own = role_exponents(parametrization, role, optimizer, rate=rate)
            entered.append(own.own_change(column, output.init))
        found.append(_change(entered or [0.0]))
    return found


def _change(parts: Sequence[float]) -> ChangeExponent:
    leading = max(parts)
    near = [p for p in parts if leading - 0.5 - 1e-6 < p]
    return ChangeExponent(leading, min(near))


@dataclass(frozen=True)
class Limit:
    """What a network becomes as its width grows, at a fixed number of steps.

    Attributes
    ----------
    kind
        ``"feature learning"``; ``"kernel"``: the function moves and the features do not;
        ``"trivial"``: nothing moves; ``"unstable"``: something grows without bound.
    features
        The number r: features change like n^-r.
    reason
        Why it is unstable; otherwise empty.
    """

    kind: Kind
    features: float | int
    reason: str = ""


def limit(
    parametrization: Parametrization,
    *,
    hidden_layers: int,
    optimizer: str = "sgd",
    rate: float | int = 0.0,
) -> Limit:
    """Classify the infinite-width limit of a fully connected network.

    Parameters
    ----------
    parametrization
        The rules.
    hidden_layers
        Number of hidden layers.
    optimizer, rate
        See :func:`role_exponents`.

    Notes
    -----
    Theorem 3.2 and corollary 3.9 of Yang & Hu (2021, arXiv:2011.14522), with a learning rate of
    its own for each role; for Adam and Muon the same argument with their updates.

    Examples
    --------
    >>> from widthwise.networks import NTK, MuP, Standard
    >>> [limit(p, hidden_layers=3).kind for p in (NTK(), MuP(), Standard())]
    ['kernel', 'feature learning', 'unstable']
    """
    if hidden_layers < 1:
        raise ValueError(f"hidden_layers is {hidden_layers}: give at least 1")
    column = column_of(optimizer)
    names: list[Role] = ["input", *(["hidden"] if hidden_layers > 1 else []), "output"]
    *below, output = (role_exponents(parametrization, n, optimizer, rate=rate) for n in names)
    own_output = output.own_change(column, 0.0)
    # After one step output weights are as large as at the start, or as their update.
    update = own_output - 1
    signal = max(output.init, update)
    features = max(layer.own_change(column, signal) for layer in below)
    function = max(own_output, output.init + 1 + features)
    reasons = [
        f"the first layer grows like n^{below[0].init:g}" if abs(below[0].init) > 1e-6 else "",
        *(
            f"hidden layers scale like n^{layer.init + 0.5:g}"
            for layer in below[1:]
            if abs(layer.init + 0.5) > 1e-6
        ),
        f"outputs start like n^{output.init + 0.5:g}" if output.init > -0.5 + 1e-6 else "",
        f"features change like n^{features:g}" if features > 1e-6 else "",
        f"outputs change like n^{function:g}" if function > 1e-6 else "",
    ]
    reason = next((r for r in reasons if r), "")
    if reason:
        return Limit("unstable", 0.0 - features, reason)
    if function < -1e-6:
        return Limit("trivial", 0.0 - features)
    return Limit("feature learning" if features > -1e-6 else "kernel", 0.0 - features)
