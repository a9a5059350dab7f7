"""What the rules of a parametrization say of one array, relative to a base."""

from dataclasses import dataclass

from widthwise.networks.parametrization import Factor, Parametrization, Rule
from widthwise.networks.scaling.plan import ScaledParameter
from widthwise.networks.scaling.sites import Site


@dataclass(frozen=True)
class Change:
    """From a base to the model that is meant.

    Parameters
    ----------
    rules
        The parametrization.
    column
        Which learning rates: ``"sgd"``, ``"adam"`` or ``"muon"``.
    growth, depth
        Width and depth over those of the base; without a base, themselves.
    decay
        ``"width"`` or ``"keep"``, see :func:`~widthwise.networks.scaling.parametrize`.
    explicit
        Whether multipliers stand in the model.
    """

    rules: Parametrization
    column: str
    growth: float | int
    depth: float | int
    decay: str
    explicit: bool

    @property
    def branch(self) -> float:
        """Multiplier of residual branches."""
        return self.depth**self.rules.branch

    @property
    def output(self) -> float:
        """Change of the entries of the output weights, and so of gradients further down."""
        rule = self.rules.output
        sizes = max(round(self.growth * 2**20), 1), 1
        base = (2**20, 1)
        if self.growth == 1:
            return 1.0
        return _ratio(rule.init, sizes, base) * _ratio(rule.multiplier, sizes, base)

    def row(
        self,
        site: Site,
        base: Site | None,
        *,
        ends: bool,
        spread: float | int,
        base_spread: float | int,
    ) -> ScaledParameter:
        """Evaluate the rules for one array.

        Parameters
        ----------
        site, base
            The array, and the same one in the base model; None to use the rules as they stand.
        ends
            Whether it ends a residual branch.
        spread, base_spread
            Standard deviations of what ``make`` draws here and in the base model.
        """
        rule = Rule() if site.role == "fixed" else getattr(self.rules, site.role)
        column = "adam" if self.column == "muon" and site.role == "bias" else self.column
        sizes, base_sizes = self._sizes(site), None if base is None else self._sizes(base)
        init = _ratio(rule.init, sizes, base_sizes)
        own = _ratio(rule.multiplier, sizes, base_sizes)
        branch = self.branch if ends else 1.0
        power = 2 if column == "sgd" else 1
        deep = self.depth ** (self.rules.branch_sgd if column == "sgd" else self.rules.branch_adam)
        deep = deep if site.repeated else 1.0
        rate = _ratio(getattr(rule, column), sizes, base_sizes) * deep
        total = own * branch
        effective = rate * total**power
        decay = deep / effective if self.decay == "width" else branch**-power
        epsilon = self.output if site.grows_out and site.role != "fixed" else 1.0
        epsilon *= self.branch if site.repeated and not ends else 1.0
        weight = site.role in ("input", "hidden", "output")
        if base is None and weight:
            start = float(self.rules.weight_std) * init if spread else 0.0
        else:
            start = base_spread * init
        if self.explicit:
            back, total = total, 1.0
        else:
            back, own, rate = 1.0, 1.0, effective
        return ScaledParameter(
            site.path,
            site.shape,
            site.role,
            init_std=start * total,
            init_factor=start * total / spread if spread else total,
            multiplier=own,
            learning_rate=rate,
            epsilon=epsilon * back,
            weight_decay=decay * back**power,
        )

    def _sizes(self, site: Site) -> tuple[int, int]:
        return site.fan_in, site.fan_out if self.rules.counts_outputs else site.wide_out


def _ratio(factor: Factor, sizes: tuple[int, int], base: tuple[int, int] | None) -> float:
    return factor(*sizes) / (1.0 if base is None else factor(*base))
