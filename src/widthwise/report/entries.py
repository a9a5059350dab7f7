"""The runs of a folder as a site lists them: what each is and how it ended, without its numbers."""

import dataclasses
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from widthwise.experiments import JudgedClaim, Reference, Run
from widthwise.experiments.run import FILE, MANIFEST

PAGE = "report.html"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A finished run in a list.

    ``page`` is the address of its page seen from the folder of the site; the rest is that of
    [`Run`][widthwise.experiments.Run].
    """

    study: str
    question: str
    reference: Reference
    revision: int
    parameters: Mapping[str, Any]
    identity: str
    claims: tuple[JudgedClaim, ...]
    seconds: float
    finished: str
    path: Path
    page: str

    @classmethod
    def of(cls, run: Run, folder: Path) -> "Entry":
        """Take from a run what a list needs."""
        return cls(
            study=run.study,
            question=run.question,
            reference=run.reference,
            revision=int(run.provenance["revision"]),
            parameters=run.parameters,
            identity=run.identity,
            claims=run.claims,
            seconds=run.seconds,
            finished=str(run.provenance["finished"]),
            path=run.path,
            page=run.path.with_name(PAGE).relative_to(folder).as_posix(),
        )

    @cached_property
    def keys(self) -> dict[str, str]:
        """The parameters as texts that are equal where the values are."""
        return {name: json.dumps(value, sort_keys=True) for name, value in self.parameters.items()}


def run_files(folder: Path) -> list[Path]:
    """Return the files of all finished runs in a folder and in those below it."""
    return sorted(folder.rglob(FILE))


def unfinished(folder: Path) -> list[Path]:
    """Return the folders of runs that are begun and not finished."""
    begun = sorted(file.parent for file in folder.rglob(MANIFEST))
    return [place for place in begun if not (place / FILE).exists()]
