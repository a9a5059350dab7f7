"""The run: one file with parameters, prediction, measurement, claims and provenance."""

import dataclasses
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from widthwise.experiments.claim import Claims, JudgedClaim
from widthwise.experiments.parameters import Parameter, nearest
from widthwise.experiments.reference import Reference
from widthwise.experiments.store import DamagedFile, read_tree, write_tree
from widthwise.plotting import Picture, Pictures
from widthwise.plotting.placing import Place
from widthwise.plotting.sheets import StyleSheet

if TYPE_CHECKING:
    from widthwise.experiments.study import Study

SCHEMA = 1
FILE = "run.nc"
MANIFEST = "study.json"


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run; it can be read, tabulated and reported without the study that made it.

    Attributes
    ----------
    study, question, reference
        The name of the study, what it answers, and the work it executes.
    parameters, described
        The values in plain form, and the table of parameters in words.
    identity
        The hash of name, parameters, precision and revision.
    claims
        With their verdicts.
    prediction, measurement
        Trees with one node per part of the study.
    seconds
        Wall time from start to finish; of the last start, if the run was interrupted.
    provenance
        Versions, device, precision, seed, times, and ``command``, which reproduces the run.
    warnings
        What a reader must know, such as values that are not finite.
    path
        The file.
    """

    study: str
    question: str
    reference: Reference
    parameters: Mapping[str, Any]
    described: tuple[Parameter, ...]
    identity: str
    claims: tuple[JudgedClaim, ...]
    prediction: xr.DataTree
    measurement: xr.DataTree
    seconds: float
    provenance: Mapping[str, Any]
    warnings: tuple[str, ...]
    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "claims", Claims(self.claims))

    def _repr_html_(self) -> str:
        from widthwise.experiments.notebook import run_html

        return run_html(self)

    @property
    def failed(self) -> bool:
        """Whether any claim fails."""
        return any(claim.verdict == "fails" for claim in self.claims)

    def drawable(self) -> "type[Study]":
        """Return the class of the study if it can draw this run.

        Raises
        ------
        ValueError
            If the study cannot be imported, or has changed since.
        """
        module, _, name = self.provenance["class"].partition(":")
        try:
            cls = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            raise ValueError(
                f"{self.path} was made by {module}:{name}, which cannot be imported here"
            ) from None
        if cls.revision != self.provenance["revision"]:
            raise ValueError(
                f"{self.path} was made by revision {self.provenance['revision']} of {self.study}, "
                f"this is revision {cls.revision}: run it again"
            )
        return cls

    def figures(self, *, style: StyleSheet | None = None) -> Pictures:
        """Draw the pictures of the study from the stored numbers.

        Parameters
        ----------
        style
            A style sheet laid over that of the house: ``"paper"`` for columns of a paper, a name
            of matplotlib's, a ``.mplstyle`` file, settings, or several of these.

        Returns
        -------
        Pictures
            A list; a notebook shows all of them, ``run.figures()["name"]`` is one, and its
            ``figure`` the matplotlib figure.

        Raises
        ------
        ValueError
            If the study cannot be imported, or has changed since; if there is no such style.
        """
        from widthwise.experiments.drawing import draw_all

        return draw_all(self, style)

    def figure(
        self, name: str, *, ax: Place | None = None, style: StyleSheet | None = None
    ) -> Picture:
        """Draw one picture, on axes of your own if you like.

        Parameters
        ----------
        name
            Of the picture.
        ax
            Axes, as many as the picture has panels, or a figure or subfigure to divide.
        style
            As in ``figures``.

        Returns
        -------
        Picture
            Its ``figure`` is the one that the axes are in.

        Raises
        ------
        KeyError
            If there is no such picture.
        ValueError
            As ``figures``; if the number of axes is another one.
        """
        from widthwise.experiments.drawing import draw_one

        return draw_one(self, name, ax=ax, style=style)

    def to_json(self) -> dict[str, Any]:
        """Return what ``widthwise run --json`` prints, as plain values."""
        return {
            "study": self.study,
            "parameters": dict(self.parameters),
            "seconds": self.seconds,
            "run": str(self.path),
            "claims": [claim.to_json() for claim in self.claims],
            "warnings": list(self.warnings),
        }

    def save(self) -> None:
        """Write the file ``path``: it appears whole or not at all."""
        kept = {
            "schema": SCHEMA,
            "study": self.study,
            "question": self.question,
            "reference": dataclasses.asdict(self.reference),
            "parameters": dict(self.parameters),
            "described": [dataclasses.asdict(row) for row in self.described],
            "identity": self.identity,
            "claims": [claim.to_json() for claim in self.claims],
            "seconds": self.seconds,
            "provenance": dict(self.provenance),
            "warnings": list(self.warnings),
        }
        tree = xr.DataTree(
            children={"prediction": self.prediction, "measurement": self.measurement}
        )
        tree.attrs["widthwise"] = json.dumps(kept)
        write_tree(tree, self.path)

    @classmethod
    def load(cls, path: str | Path) -> "Run":
        """Read a run from its file or its folder.

        Raises
        ------
        ValueError
            In one line, if the run is unfinished, damaged, or of another version.
        """
        path = _file_of(Path(path))
        try:
            tree = read_tree(path)
        except DamagedFile as error:
            raise DamagedFile(f"{error}: run the study again") from None
        if "widthwise" not in tree.attrs:
            raise ValueError(f"{path} is no run of widthwise")
        kept = json.loads(tree.attrs["widthwise"])
        if kept.pop("schema") != SCHEMA:
            raise ValueError(f"{path} was written by another version of widthwise: run it again")
        reference = kept.pop("reference")
        reference["authors"] = tuple(reference["authors"])
        return cls(
            reference=Reference(**reference),
            described=tuple(Parameter(**row) for row in kept.pop("described")),
            claims=tuple(JudgedClaim.from_json(values) for values in kept.pop("claims")),
            warnings=tuple(kept.pop("warnings")),
            prediction=_detached(tree, "prediction"),
            measurement=_detached(tree, "measurement"),
            path=path,
            **kept,
        )


def _file_of(path: Path) -> Path:
    if path.is_dir():
        file = path / FILE
        if file.exists():
            return file
        if (path / MANIFEST).exists():
            raise ValueError(f"{path} is an unfinished run: the command that started it resumes it")
        raise ValueError(f"{path} holds no run: expected the file {FILE}")
    if not path.exists():
        siblings = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ValueError(f"{path} does not exist{nearest(path.name, siblings)}")
    return path


def _detached(tree: xr.DataTree, name: str) -> xr.DataTree:
    return tree.children[name].copy() if name in tree.children else xr.DataTree()
