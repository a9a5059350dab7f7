"""Sweeps are found from the parameters of runs."""

import itertools
from pathlib import Path
from typing import Any

from widthwise.experiments import Reference
from widthwise.report.entries import Entry
from widthwise.report.swept import SweptParameter, sweeps_of

WORK = Reference(title="A work", authors=("A. Author",), year=2020)


def entry(study: str = "coin", revision: int = 1, **parameters: Any) -> Entry:
    name = f"{study}-{revision}-{sorted(parameters.items())}"
    return Entry(study, "Why?", WORK, revision, parameters, name, (), 1.0, "", Path(name), name)


def grid(**values: list) -> list[Entry]:
    return [
        entry(**dict(zip(values, chosen, strict=True)))
        for chosen in itertools.product(*values.values())
    ]


def test_a_full_grid_is_one_sweep_in_order() -> None:
    runs = grid(seed=[0], depth=[16, 4, 8], bias=[0.5, 0.25])
    (sweep,) = sweeps_of(list(reversed(runs)))
    assert sweep.parameters == (
        SweptParameter("depth", ("4", "8", "16")),
        SweptParameter("bias", ("0.25", "0.5")),
    )
    assert [sweep.place(one) for one in sweep.entries] == list(
        itertools.product(range(3), range(2))
    )


def test_a_grid_with_gaps_is_a_sweep_and_two_unlike_runs_are_none() -> None:
    runs = grid(depth=[1, 2, 3], bias=[0.25, 0.5])
    assert len(sweeps_of(runs[:-1])[0].entries) == 5
    assert sweeps_of([entry(depth=1, bias=0.5), entry(depth=2, bias=0.25)]) == []


def test_other_presets_studies_and_revisions_stay_apart() -> None:
    sweep = grid(depth=[1, 2, 3], members=[10])
    others = [
        entry(depth=9, members=999),
        entry(study="die", depth=1, members=10),
        entry(revision=2, depth=1, members=10),
    ]
    (found,) = sweeps_of([*others, *sweep])
    assert found.entries == tuple(sweep)
    assert found.names == ("depth",)


def test_a_run_belongs_to_one_sweep_the_largest() -> None:
    runs = [*grid(depth=[1, 2, 3], seed=[0]), entry(depth=1, seed=5), entry(depth=1, seed=6)]
    found = sweeps_of(runs)
    assert sorted(len(one.entries) for one in found) == [5]  # 5 of 9 places: more than half
    counted = [one.identity for sweep in found for one in sweep.entries]
    assert len(counted) == len(set(counted))


def test_the_same_run_in_two_folders_counts_once() -> None:
    runs = grid(depth=[1, 2])
    (found,) = sweeps_of([*runs, *runs])
    assert len(found.entries) == 2


def test_values_that_are_no_numbers_have_no_axis() -> None:
    words = SweptParameter("coin", ('"round"', '"square"'))
    assert words.words == ["round", "square"]
    assert words.numbers is None
    (found,) = sweeps_of(grid(widths=[[4, 8], [16], [4]]))
    assert found.parameters[0].words == ["4", "16", "4 8"]
