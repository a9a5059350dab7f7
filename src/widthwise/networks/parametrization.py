"""Parametrizations: how a layer's sizes set its initial scale, multiplier and learning rate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax

from widthwise.numerics.choices import check_choice

Role = Literal["input", "hidden", "output", "bias"]
Real = float | jax.Array


class Power(NamedTuple):
    """The factor ``fan_in ** power * fan_out ** power``, with a power of each."""

    fan_in: float = 0.0
    fan_out: float = 0.0

    def __call__(self, fan_in: int, fan_out: int) -> float:
        """Evaluate at the two sizes of a layer."""
        return float(fan_in) ** self.fan_in * float(fan_out) ** self.fan_out


ONE = Power()
Factor = Callable[[int, int], float]
"""A function of fan_in and fan_out: :class:`Power`, or another."""


class Rule(NamedTuple):
    """One row of the table: functions of the layer's sizes.

    The weight that acts is ``multiplier * w``, where ``w`` starts as N(0, init^2) and is trained
    with the global learning rate times ``sgd``, ``adam`` or ``muon``.
    """

    init: Factor = ONE
    multiplier: Factor = ONE
    sgd: Factor = ONE
    adam: Factor = ONE
    muon: Factor = ONE


class Scale(NamedTuple):
    """A rule evaluated for one array of parameters: plain numbers."""

    role: Role
    init_std: Real
    multiplier: Real
    sgd: float
    adam: float
    muon: float


@dataclass(frozen=True)
class Parametrization:
    r"""The table that turns roles and sizes into scales.

    A weight whose input axis does not grow with the width has role ``"input"``; one whose input
    grows and whose output does not, ``"output"``; otherwise ``"hidden"``. In the powers of the
    table, ``fan_out`` counts as 1 for an array whose output axis does not grow.

    Parameters
    ----------
    name
        What ``repr`` shows.
    input, hidden, output, bias
        The table: the rule of each role.
    weight_std, bias_std
        Gains of weights and biases; ``bias_std=None`` means no biases, 0 means biases that start
        at zero and are trained.
    gain
        Whether the gains multiply the initial weights (``"init"``) or the multiplier, so that
        the trained numbers are N(0, 1) whatever the gain (``"multiplier"``).
    branch, branch_sgd, branch_adam
        Powers of the number of residual branches in the network that multiply each branch's
        output, and the learning rate inside it: under gradient descent, and under optimizers
        whose updates do not depend on the size of the gradients (Adam, sign, Muon).
    counts_outputs
        Whether the number of outputs is the ``fan_out`` of the output layer, instead of 1.

    Notes
    -----
    Sources: the standard and NTK forms as in Sohl-Dickstein et al. (2020, arXiv:2001.07301);
    muP as in Yang & Hu (2021, arXiv:2011.14522) in the spectral form of Yang, Simon & Bernstein
    (2023, arXiv:2310.17813); mean field as in Bordelon & Pehlevan (2022, arXiv:2205.09653);
    depth-muP as in Yang, Yu, Zhu & Hayou (2023, arXiv:2310.02244); CompleteP as in Dey et al.
    (2025, arXiv:2505.01618).

    ``adam`` holds for every optimizer whose updates have entries of size one whatever the size of
    the gradients (Adam, AdamW, Lion, sign), ``muon`` for orthogonalized updates, whose singular
    values are one; vectors are then trained by Adam.
    """

    name: str
    input: Rule
    hidden: Rule
    output: Rule
    bias: Rule
    weight_std: Real = 1.0
    bias_std: Real | None = None
    gain: Literal["init", "multiplier"] = "init"
    branch: float = 0.0
    branch_sgd: float = 0.0
    branch_adam: float = 0.0
    counts_outputs: bool = False

    def __post_init__(self) -> None:
        check_std("weight_std", self.weight_std)
        check_std("bias_std", self.bias_std)

    def __repr__(self) -> str:
        return f"{self.name}(weight_std={self.weight_std}, bias_std={self.bias_std})"

    def scale(self, role: Role, fan_in: int, fan_out: int, *, std: Real, depth: int = 0) -> Scale:
        """Evaluate the rule of ``role``.

        Parameters
        ----------
        role
            Row of the table.
        fan_in, fan_out
            Sizes of the layer; ``fan_out=1`` where the output axis does not grow.
        std
            The gain of this array.
        depth
            Number of residual branches if the array lies inside one, otherwise 0.
        """
        rule: Rule = getattr(self, role)
        init, multiplier = rule.init(fan_in, fan_out), rule.multiplier(fan_in, fan_out)
        sgd, adam = (
            depth**power if depth else 1.0 for power in (self.branch_sgd, self.branch_adam)
        )
        return Scale(
            role,
            init_std=init * std if self.gain == "init" else init,
            multiplier=multiplier * std if self.gain == "multiplier" else multiplier,
            sgd=rule.sgd(fan_in, fan_out) * sgd,
            adam=rule.adam(fan_in, fan_out) * adam,
            muon=rule.muon(fan_in, fan_out) * adam,
        )


def check_std(name: str, value: Real | None) -> None:
    """Refuse a gain that is negative or not a number."""
    if isinstance(value, int | float) and not 0.0 <= value < float("inf"):
        raise ValueError(f"{name} is {value}: give a finite number of at least 0")


_LECUN = Rule(init=Power(fan_in=-0.5))
_UNIT = Rule(multiplier=Power(fan_in=-0.5))


def Standard(weight_std: Real = 1.0, bias_std: Real | None = None) -> Parametrization:
    r"""Weights N(0, weight_std^2 / fan_in), multiplier 1, one learning rate for all."""
    return Parametrization("Standard", _LECUN, _LECUN, _LECUN, Rule(), weight_std, bias_std)


def NTK(weight_std: Real = 1.0, bias_std: Real | None = None) -> Parametrization:
    r"""Weights N(0, 1), multiplier weight_std / sqrt(fan_in), one learning rate for all."""
    return Parametrization(
        "NTK", _UNIT, _UNIT, _UNIT, Rule(), weight_std, bias_std, gain="multiplier"
    )


def MeanField(weight_std: Real = 1.0, bias_std: Real | None = None) -> Parametrization:
    r"""The NTK form with the output divided by a further sqrt(width), learning rates times width.

    Under gradient descent it trains exactly as :func:`MuP` does (at unit gains).
    """
    inner = Rule(
        multiplier=Power(-0.5),
        sgd=Power(fan_out=1.0),
        adam=Power(-0.5),
        muon=Power(fan_out=0.5),
    )
    output = Rule(multiplier=Power(-1.0), sgd=Power(1.0), muon=Power(0.5))
    bias = Rule(sgd=Power(fan_out=1.0))
    return Parametrization(
        "MeanField", inner, inner, output, bias, weight_std, bias_std, gain="multiplier"
    )


def MuP(weight_std: Real = 1.0, bias_std: Real | None = None) -> Parametrization:
    r"""Maximal update: multiplier 1, output weights N(0, weight_std^2 / fan_in^2).

    Learning rates are fan_out / fan_in for gradient descent, 1 / fan_in for Adam and
    sqrt(fan_out / fan_in) for Muon.
    """
    return Parametrization("MuP", *_mup(), weight_std, bias_std)


def DepthMuP(weight_std: Real = 1.0, bias_std: Real | None = None) -> Parametrization:
    r""":func:`MuP` with every residual branch multiplied by 1 / sqrt(number of branches)."""
    return Parametrization("DepthMuP", *_mup(), weight_std, bias_std, branch=-0.5, branch_adam=-0.5)


def CompleteP(weight_std: Real = 1.0, bias_std: Real | None = None) -> Parametrization:
    r""":func:`MuP` with every residual branch multiplied by 1 / (number of branches).

    Learning rates inside branches do not depend on depth under Adam, and are proportional to it
    under gradient descent.
    """
    return Parametrization("CompleteP", *_mup(), weight_std, bias_std, branch=-1.0, branch_sgd=1.0)


def Spectral(weight_std: Real = 1.0, bias_std: Real | None = None) -> Parametrization:
    r"""Every weight and update of spectral norm of the order sqrt(fan_out / fan_in).

    Initial weights are N(0, weight_std^2 min(1, fan_out / fan_in) / fan_in), learning rates those
    of :func:`MuP`, to which it is equal up to factors that do not grow with the width.
    """
    rule = Rule(init=_narrowest, sgd=Power(-1.0, 1.0), adam=Power(-1.0), muon=Power(-0.5, 0.5))
    bias = Rule(sgd=Power(fan_out=1.0))
    return Parametrization(
        "Spectral", rule, rule, rule, bias, weight_std, bias_std, counts_outputs=True
    )


def named(name: str) -> Parametrization:
    """Return the parametrization of a name, such as ``"mup"``, at unit gains.

    Raises
    ------
    ValueError
        If there is none.
    """
    check_choice("parametrization", name, tuple(NAMED))
    return NAMED[name]()


NAMED: dict[str, Callable[..., Parametrization]] = {
    "standard": Standard,
    "ntk": NTK,
    "mean_field": MeanField,
    "mup": MuP,
    "depth_mup": DepthMuP,
    "completep": CompleteP,
    "spectral": Spectral,
}


def _narrowest(fan_in: int, fan_out: int) -> float:
    return min(1.0, (fan_out / fan_in) ** 0.5) / fan_in**0.5


def _mup() -> tuple[Rule, Rule, Rule, Rule]:
    inner = Rule(init=Power(-0.5), sgd=Power(-1.0, 1.0), adam=Power(-1.0), muon=Power(-0.5, 0.5))
    output = Rule(init=Power(-1.0), sgd=Power(-1.0), adam=Power(-1.0), muon=Power(-0.5))
    return inner, inner, output, Rule(sgd=Power(fan_out=1.0))
