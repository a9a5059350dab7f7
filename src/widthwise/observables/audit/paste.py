"""Code for a user's own script: how weights start, and the groups of the optimizer."""

import textwrap
from collections import defaultdict

from widthwise.networks.scaling import Plan
from widthwise.observables.audit.result import Audit

_TORCH = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}
_OPTAX = {"sgd": "sgd", "adam": "adam", "adamw": "adamw", "sign": "sign_sgd", "lion": "lion"}


def code(audit: Audit) -> str:
    """Return Python that does without this library; see :meth:`Audit.paste`.

    Raises
    ------
    ValueError
        If there is no plan.
    """
    plan = audit.plan
    if plan is None:
        raise ValueError(
            "there are no groups to paste: they follow from shapes at two widths, so give a "
            "constructor that takes a width"
        )
    rate, torch = float(audit.details["learning_rate"]), audit.details["torch"]
    head = [
        f"# {plan.parametrization} for {plan.optimizer}: width {plan.width}, with the learning "
        f"rate {rate:g} of width {plan.base_width}.",
        *(f"# To change in the model: {words}." for words in plan.by_hand),
    ]
    return "\n".join([*head, *(_torch(plan, rate) if torch else _equinox(plan, rate))]) + "\n"


def _torch(plan: Plan, rate: float) -> list[str]:
    starts = [row for row in plan.rows if row.init_factor != 1]
    lines = ["import torch", "", "named = dict(model.named_parameters())"]
    if starts:
        lines += ["with torch.no_grad():  # once, on the new model"]
        lines += [f"    named[{r.path!r}].mul_({r.init_factor:.6g})" for r in starts]
    groups: dict[tuple[float, float], list[str]] = defaultdict(list)
    for row in plan.rows:
        groups[rate * row.learning_rate, row.epsilon].append(row.path)
    lines += ["groups = ["]
    for (own, epsilon), paths in groups.items():
        eps = "" if plan.optimizer == "sgd" else f', "eps": {1e-8 * epsilon:.6g}'
        names = textwrap.wrap(", ".join(map(repr, paths)), 80, break_long_words=False)
        lines += [
            '    {"params": [named[name] for name in (',
            *(f"        {row}" for row in names),
            f'    ,)], "lr": {own:.6g}{eps}}},',
        ]
    return [*lines, "]", f"optimizer = torch.optim.{_TORCH.get(plan.optimizer, 'Adam')}(groups)"]


def _equinox(plan: Plan, rate: float) -> list[str]:
    starts = {row.path: row.init_factor for row in plan.rows if row.init_factor != 1}
    lines = ["import equinox as eqx", "import jax", "import optax", ""]
    if starts:
        lines += [
            "starts = {",
            *(f"    {path!r}: {factor:.6g}," for path, factor in starts.items()),
            "}",
            "model = jax.tree_util.tree_map_with_path(  # once, on the new model",
            "    lambda p, w: w * starts.get(jax.tree_util.keystr(p), 1)",
            "    if eqx.is_inexact_array(w) else w, model)",
        ]
    made = _OPTAX.get(plan.optimizer, "adam")
    scaled = made in ("adam", "adamw")
    settings = [
        f"    {row.path!r}: ({rate * row.learning_rate:.6g}"
        + (f", {1e-8 * row.epsilon:.6g})," if scaled else ",),")
        for row in plan.rows
    ]
    call = f"optax.{made}(s[0], eps=s[1])" if scaled else f"optax.{made}(s[0])"
    return [
        *lines,
        f"settings = {{  # learning rate{' and epsilon' if scaled else ''}",
        *settings,
        "}",
        "optimizer = optax.multi_transform(",
        f"    {{str(s): {call} for s in settings.values()}},",
        "    lambda params: jax.tree_util.tree_map_with_path(",
        "        lambda p, _: str(settings[jax.tree_util.keystr(p)]), params))",
        "state = optimizer.init(eqx.filter(model, eqx.is_inexact_array))",
    ]
