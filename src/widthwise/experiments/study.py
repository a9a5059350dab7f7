"""The study: a published result as parameters, a prediction, a measurement and their comparison."""

import abc
import dataclasses
import hashlib
import json
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import jax
import xarray as xr
from annotated_types import Ge, Lt
from jaxtyping import Key
from typing_extensions import Doc

from widthwise.experiments import parameters
from widthwise.experiments.claim import Claim
from widthwise.experiments.executors import Executor
from widthwise.experiments.parameters import Parameter
from widthwise.experiments.part import Part
from widthwise.experiments.reference import Reference
from widthwise.experiments.run import Run
from widthwise.experiments.shard import Shard
from widthwise.plotting import Picture

S = TypeVar("S", bound="Study")
_ACTS = ("predict", "shards", "measure", "compare")


@dataclass(frozen=True, kw_only=True)
class Study(abc.ABC):
    """A published result, executed: subclass it as a frozen, keyword-only dataclass.

    The fields are the parameters; their annotations carry type, range and help::

        @dataclass(frozen=True, kw_only=True)
        class CoinBias(Study):
            question = "How often does a coin show heads?"
            reference = Reference(title="...", authors=("...",), year=1713)

            tosses: Annotated[int, Ge(1), Doc("Tosses of one member.")] = 1000

    Fields are numbers, texts, truth values, ``Literal`` choices, tuples of them, or None. They are
    validated when the study is made, whether from Python, TOML, JSON or the command line. A file is
    no parameter: let a pydantic ``AfterValidator`` in the annotation turn its name into its
    content, as text that it returns unchanged, so that the identity of a run rests on the content.

    Attributes
    ----------
    question
        What the study answers, in one line.
    reference
        The work it executes.
    revision
        Raise it when the same parameters give other numbers than before.
    parts
        The parts of a study that has several: modules with the names of
        [`Part`][widthwise.experiments.part.Part]. A study without parts defines ``predict``,
        ``shards``, ``measure`` and ``compare`` itself.
    name
        The class name in lower case with hyphens: ``NoCoincidence`` is ``no-coincidence``, in the
        module ``no_coincidence``.
    """

    name: ClassVar[str]
    question: ClassVar[str]
    reference: ClassVar[Reference]
    revision: ClassVar[int] = 1
    parts: ClassVar[tuple[Part, ...]] = ()

    seed: Annotated[int, Ge(0), Lt(2**32), Doc("Seed of every random number.")] = 0

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.name = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        missing = [name for name in _ACTS if getattr(cls, name) is getattr(Study, name)]
        if missing and not cls.parts:
            raise TypeError(f"{cls.__name__} has no parts: define {', '.join(missing)}")

    def __post_init__(self) -> None:
        if "__dataclass_fields__" not in type(self).__dict__:
            raise TypeError(
                f"{type(self).__name__} needs the decorator @dataclass(frozen=True, kw_only=True)"
            )
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name, value in parameters.validate(type(self), given, name=self.name).items():
            object.__setattr__(self, name, value)
        try:
            self.check()
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None

    # What a study defines: its parts, or these methods themselves.

    def check(self) -> None:
        """Refuse what the annotations cannot express: raise ValueError. Accepts all by default."""
        return

    def predict(self) -> xr.DataTree:
        """Return what theory says, one node per part; it never sees a measurement."""
        return xr.DataTree.from_dict({part.PART: part.predict(self) for part in self.parts})

    def shards(self) -> list[Shard]:
        """Return the pieces of the measurement: cheap, and in a fixed order."""
        return [shard for part in self.parts for shard in part.shards(self)]

    def measure(self, shard: Shard, key: Key[jax.Array, ""]) -> xr.Dataset:
        """Measure one shard.

        ``key`` is the study's key: derive the keys of members from it with ``member_keys``. Values
        of members stand along the dimension ``member``; the rest is equal in all shards that
        differ in members only.
        """
        (part,) = (part for part in self.parts if shard.part == part.PART)
        return part.measure(self, shard, key)

    def compare(self, prediction: xr.DataTree, measurement: xr.DataTree) -> list[Claim]:
        """Return the claims; ``measurement`` has one node per part, settings as dimensions."""
        return [
            claim
            for part in self.parts
            for claim in part.claims(self, *_nodes(part.PART, prediction, measurement))
        ]

    def figures(self, prediction: xr.DataTree, measurement: xr.DataTree) -> list[Picture]:
        """Return the pictures of the study."""
        return [
            picture
            for part in self.parts
            for picture in part.pictures(self, *_nodes(part.PART, prediction, measurement))
        ]

    @classmethod
    def quick(cls: type[S]) -> S:
        """Return the preset for tests: under ten seconds."""
        return cls()

    @classmethod
    def paper(cls: type[S]) -> S:
        """Return the preset at the published scale."""
        return cls()

    # What every study can do.

    @classmethod
    def preset(cls: type[S], name: str) -> S:
        """Return the preset ``"default"``, ``"quick"`` or ``"paper"``."""
        makers = {"default": cls, "quick": cls.quick, "paper": cls.paper}
        if name not in makers:
            hint = parameters.nearest(name, list(makers))
            raise ValueError(f"preset is one of {', '.join(makers)}, not {name!r}{hint}")
        return makers[name]()

    @property
    def parameters(self) -> dict[str, Any]:
        """The fields and their values in plain form, as JSON has them."""
        names = [field.name for field in dataclasses.fields(self)]
        return parameters.plain({name: getattr(self, name) for name in names})

    @property
    def identity(self) -> str:
        """A short hash of all that decides the numbers: name, parameters, precision, revision."""
        content = [self.name, self.parameters, "x64", self.revision]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]

    @classmethod
    def from_parameters(cls: type[S], values: Mapping[str, Any]) -> S:
        """Make the study from plain values: unknown names and wrong values, all in one error."""
        return cls(**parameters.validate(cls, values, name=cls.name))

    def to_json(self) -> str:
        """Return the parameters as canonical JSON."""
        return json.dumps(self.parameters, sort_keys=True)

    @classmethod
    def from_json(cls: type[S], text: str) -> S:
        """Make the study that ``to_json`` wrote."""
        return cls.from_parameters(_table(text, json.loads, source=f"{cls.name} parameters"))

    @classmethod
    def from_toml(cls: type[S], path: str | Path) -> S:
        """Make the study from a TOML file whose keys are parameters."""
        return cls.from_parameters(cls.read_toml(path))

    @staticmethod
    def read_toml(path: str | Path) -> dict[str, Any]:
        """Return the unchecked table of a TOML file."""
        return _table(Path(path).read_text(encoding="utf-8"), tomllib.loads, source=str(path))

    @classmethod
    def describe(cls) -> tuple[Parameter, ...]:
        """Return the parameters in words: name, type, range, default and help."""
        return parameters.describe(cls)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON schema of the parameters."""
        return parameters.json_schema(cls)

    @property
    def source(self) -> str:
        """Where the class is found: ``module:Class``."""
        return f"{type(self).__module__}:{type(self).__qualname__}"

    @property
    def command(self) -> str:
        """The shell command that runs this study with these parameters."""
        known = type(self).__module__.startswith("widthwise.studies.")
        words = ["widthwise", "run", self.name if known else self.source]
        defaults = type(self)().parameters
        for name, value in self.parameters.items():
            if value != defaults[name]:
                words += option_words(name, value)
        return shlex.join(words)

    def run(
        self,
        out: str | Path = "runs",
        *,
        workers: int = 1,
        executor: Executor | str | None = None,
        progress: bool | None = None,
        again: bool = False,
        keep_shards: bool = False,
    ) -> Run:
        """Predict, measure what is missing, compare, and write one run file.

        Parameters
        ----------
        out
            The run is written to ``<out>/<name>-<identity>/run.nc``. If ``out`` itself is the
            folder of a run, that run is continued.
        workers
            Processes that measure; 1 measures in this process.
        executor
            ``"ray"``, with so many workers unless ``RAY_ADDRESS`` names a cluster, or
            ``"submitit"``, with so many jobs; or any object with ``submit(function, *arguments)``
            whose handle has ``done()`` and ``result()``, such as a ``RayCluster`` or
            ``SubmititJobs`` with options. None or ``"processes"`` means those of this machine.
        progress
            Draw progress bars on standard error; by default only when it is a terminal.
        again
            Measure anew although the run is finished.
        keep_shards
            Leave the shard files beside the run file.

        Returns
        -------
        Run
            With judged claims. Numbers depend on the parameters alone, not on the executor.

        Raises
        ------
        ValueError
            If ``out`` holds a run of another study, parameters or version.
        ShardError
            If a shard fails; the finished ones are kept and the same call continues.
        """
        from widthwise.experiments.driver import execute

        return execute(
            self,
            Path(out),
            workers=workers,
            executor=executor,
            progress=progress,
            again=again,
            keep_shards=keep_shards,
        )


def _nodes(
    part: str, prediction: xr.DataTree, measurement: xr.DataTree
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return prediction and measurement of a part; no measurement for one of theory alone."""
    found = measurement[part].to_dataset() if part in measurement else xr.Dataset()
    return prediction[part].to_dataset(), found


def option_words(name: str, value: Any) -> list[str]:
    """Return a parameter as words of a command line."""
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    items: Sequence[Any] = value if isinstance(value, list) else [value]
    return [f"--{flag}", *(str(item) for item in items)]


def _table(text: str, parse: Any, *, source: str) -> dict[str, Any]:
    try:
        table = parse(text)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    if not isinstance(table, dict):
        raise ValueError(f"{source}: expected a table of parameters, not {type(table).__name__}")
    return table
