"""Many runs of one study: parameters crossed with each other."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from widthwise.experiments import parameters
from widthwise.experiments.executors import Executor, ShardError
from widthwise.experiments.run import Run
from widthwise.experiments.study import Study

_KEYS = ("study", "preset", "parameters", "sweep")


@dataclass(frozen=True)
class Sweep:
    """Every combination of the values of some parameters of a study.

    Parameters
    ----------
    study
        The study whose other parameters all runs share.
    crossed
        For each parameter that varies, its values. The last one varies fastest.

    Raises
    ------
    ValueError
        If a parameter is unknown, has no values or the same one twice, or a combination is
        impossible: all that is wrong, in one line.

    Examples
    --------
    >>> from widthwise.studies import NoCoincidence
    >>> sweep = Sweep(NoCoincidence.quick(), {"depth": [4, 8], "seed": [0, 1, 2]})
    >>> len(sweep.studies)
    6
    """

    study: Study
    crossed: Mapping[str, Sequence[Any]]

    def __post_init__(self) -> None:
        known = list(self.study.parameters)
        wrong = []
        for name, values in self.crossed.items():
            if name not in known:
                wrong.append(f"{name} is not a parameter{parameters.nearest(name, known)}")
            elif isinstance(values, str) or not isinstance(values, Sequence | range):
                wrong.append(f"{name} is {values!r}: give a list of its values")
            elif not values:
                wrong.append(f"{name} has no values")
        if wrong:
            raise ValueError(f"sweep of {self.study.name}: {'; '.join(wrong)}")
        identities = [study.identity for study in self._make()]
        if len(set(identities)) < len(identities):
            raise ValueError(f"sweep of {self.study.name}: the same run is asked for twice")

    @classmethod
    def from_toml(cls, study: type[Study], path: str | Path) -> "Sweep":
        """Read a sweep from a file.

        The file says which ``study``, from which ``preset`` its parameters start, and has a table
        ``[parameters]`` of those that are the same in all runs and ``[sweep]`` of lists::

            study = "no-coincidence"
            preset = "quick"

            [parameters]
            images = 4

            [sweep]
            depth = [4, 8, 16]
            seed = [0, 1, 2]

        Parameters
        ----------
        study
            The class that the file names.
        path
            The file.

        Raises
        ------
        ValueError
            If the file is no such table, or names what does not exist.
        """
        table = Study.read_toml(path)
        unknown = [key for key in table if key not in _KEYS]
        if unknown:
            hints = (f"{key}{parameters.nearest(key, _KEYS)}" for key in unknown)
            raise ValueError(f"{path}: unknown {', '.join(hints)}; keys are {', '.join(_KEYS)}")
        for key in ("parameters", "sweep"):
            if not isinstance(table.get(key, {}), dict):
                raise ValueError(f"{path}: {key} is no table: write [{key}] above its lines")
        try:
            values = study.preset(table.get("preset", "default")).parameters
            base = study.from_parameters(values | table.get("parameters", {}))
            return cls(base, table.get("sweep", {}))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @property
    def studies(self) -> tuple[Study, ...]:
        """The studies, one for each combination, in order."""
        return tuple(self._make())

    def _make(self) -> list[Study]:
        base, names = self.study.parameters, list(self.crossed)
        found, wrong = [], []
        for values in itertools.product(*self.crossed.values()):
            try:
                chosen = dict(zip(names, values, strict=True))
                found.append(type(self.study).from_parameters(base | chosen))
            except ValueError as error:
                wrong.append(str(error))
        if wrong:
            raise ValueError("; ".join(dict.fromkeys(wrong)))
        return found

    def run(
        self,
        out: str | Path = "runs",
        *,
        workers: int = 1,
        executor: Executor | str | None = None,
        progress: bool | None = None,
        again: bool = False,
        keep_shards: bool = False,
        time_limit: float | None = None,
    ) -> list[Run]:
        """Make all runs, their shards side by side; see ``Study.run``.

        A shard that fails does not stop the others.

        Parameters
        ----------
        out, workers, executor, progress, again, keep_shards
            As in ``Study.run``.
        time_limit
            Seconds for one shard; a worker that takes longer is ended.

        Returns
        -------
        list[Run]
            In the order of ``studies``.

        Raises
        ------
        ShardError
            At the end, if shards failed; it names the first and says where the others are found.
        """
        from widthwise.experiments.driver import execute_all

        runs, failures = execute_all(
            self.studies,
            Path(out),
            workers=workers,
            executor=executor,
            progress=progress,
            again=again,
            keep_shards=keep_shards,
            time_limit=time_limit,
            keep_going=True,
        )
        if failures:
            first = failures[0]
            raise ShardError(
                f"{len(failures)} of the pieces failed, {first.piece.label} of "
                f"{first.piece.folder.parent} with {first.error}; `widthwise status {out}` lists "
                "all; what is finished is kept, the same command resumes"
            )
        return runs
