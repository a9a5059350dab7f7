"""Which runs belong to one sweep: found from their parameters alone, however they were made."""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from widthwise.experiments.parameters import value_in_words
from widthwise.report.entries import Entry

MOST = 4
"""Parameters crossed in one sweep at most."""


@dataclass(frozen=True)
class SweptParameter:
    """A parameter that varies, with its values in order, as texts of JSON."""

    name: str
    keys: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The values as one types them."""
        return [value_in_words(json.loads(key)) for key in self.keys]

    @property
    def numbers(self) -> list[float] | None:
        """The values as positions on an axis; None if they are no numbers."""
        values = [json.loads(key) for key in self.keys]
        numeric = all(isinstance(x, int | float) and not isinstance(x, bool) for x in values)
        return [float(x) for x in values] if numeric else None


@dataclass(frozen=True)
class SweptRuns:
    """Runs of one study that differ in a few parameters, on a grid of their values.

    ``entries`` are ordered by the places of the runs on the grid, which need not be full.
    """

    parameters: tuple[SweptParameter, ...]
    entries: tuple[Entry, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that vary."""
        return tuple(parameter.name for parameter in self.parameters)

    def place(self, entry: Entry) -> tuple[int, ...]:
        """Return the place of a run along each parameter."""
        return tuple(
            parameter.keys.index(entry.keys[parameter.name]) for parameter in self.parameters
        )


def sweeps_of(entries: Sequence[Entry]) -> list[SweptRuns]:
    """Return the sweeps among runs, the largest first.

    Runs belong together if they are of one revision of one study, agree in all parameters but
    `MOST`, and fill more than half of the grid of the others' values. Where several choices of
    parameters are possible, the one with most runs is taken, then that with fewest parameters. A
    run belongs to one sweep at most.
    """
    by_study: dict[tuple[str, int], dict[str, Entry]] = defaultdict(dict)
    for entry in entries:
        by_study[entry.study, entry.revision].setdefault(entry.identity, entry)
    found = []
    for runs in by_study.values():
        left = list(runs.values())
        while candidates := list(_candidates(left)):
            best = max(candidates, key=lambda one: (len(one.entries), -len(one.parameters)))
            found.append(best)
            taken = {entry.identity for entry in best.entries}
            left = [entry for entry in left if entry.identity not in taken]
    return sorted(found, key=lambda one: -len(one.entries))


def _candidates(entries: Sequence[Entry]) -> Iterator[SweptRuns]:
    names = list(dict.fromkeys(name for entry in entries for name in entry.keys))
    varying = [name for name in names if len({entry.keys.get(name) for entry in entries}) > 1]
    for count in range(1, min(MOST, len(varying)) + 1):
        for chosen in itertools.combinations(varying, count):
            fixed = [name for name in varying if name not in chosen]
            groups: dict[tuple[str | None, ...], list[Entry]] = defaultdict(list)
            for entry in entries:
                groups[tuple(entry.keys.get(name) for name in fixed)].append(entry)
            yield from filter(None, (_on_grid(group, chosen) for group in groups.values()))


def _on_grid(entries: Sequence[Entry], names: Sequence[str]) -> SweptRuns | None:
    """Return runs as a sweep if each parameter varies and the grid is filled more than half."""
    values = [{entry.keys[name] for entry in entries if name in entry.keys} for name in names]
    places = 1
    for found in values:
        places *= len(found)
    if min(map(len, values)) < 2 or 2 * len(entries) <= places:
        return None
    parameters = tuple(
        SweptParameter(name, tuple(sorted(found, key=_order)))
        for name, found in zip(names, values, strict=True)
    )
    joined = SweptRuns(parameters, tuple(entries))
    return SweptRuns(parameters, tuple(sorted(entries, key=joined.place)))


def _order(key: str) -> tuple[int, float, tuple[float, ...], str]:
    """Order numbers by size, lists of numbers by length and entries, and the rest by spelling."""
    value = json.loads(key)
    if isinstance(value, int | float):
        return 0, float(value), (), ""
    if isinstance(value, list) and all(isinstance(item, int | float) for item in value):
        return 1, float(len(value)), tuple(map(float, value)), ""
    return 2, 0.0, (), key
