"""Parameters of a study from its annotations: strict validation, plain form, description.

One annotation feeds everything: ``depth: Annotated[int, Ge(1), Doc("Hidden layers.")] = 20`` is
the validation, the command-line option, the documentation and the range of generated tests.
"""

import dataclasses
import difflib
import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types as at
import pydantic
from pydantic_core import ErrorDetails
from typing_extensions import Doc

_BOUNDS = {at.Ge: ("≥", "ge"), at.Gt: (">", "gt"), at.Le: ("≤", "le"), at.Lt: ("<", "lt")}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a study in words: a row of the table in help, documentation and report."""

    name: str
    type: str
    range: str
    default: str
    help: str


def hints(cls: type) -> dict[str, Any]:
    """Return the full annotation of every field of a dataclass, in order."""
    annotated = get_type_hints(cls, include_extras=True)
    return {field.name: annotated[field.name] for field in dataclasses.fields(cls)}


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as JSON knows them: lists for tuples, numbers for NumPy scalars."""
    return json.loads(json.dumps(dict(values), default=_plain_value))


def validate(cls: type, values: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """Check values against the annotations of ``cls`` and return them in their declared types.

    Raises
    ------
    ValueError
        In one line, with every error found and its path.
    """
    try:
        text = json.dumps(dict(values), default=_plain_value)
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from None
    try:
        model = _model(cls).model_validate_json(text, strict=True)
    except pydantic.ValidationError as error:
        known = list(hints(cls))
        found = "; ".join(_in_words(detail, known) for detail in error.errors())
        raise ValueError(f"{name}: {found}") from None
    return {field: getattr(model, field) for field in hints(cls)}


def describe(cls: type) -> tuple[Parameter, ...]:
    """Return one row of words for every field of a dataclass."""
    defaults = {field.name: field.default for field in dataclasses.fields(cls)}
    return tuple(
        Parameter(
            name=field,
            type=_type_in_words(hint),
            range=", ".join(_ranges(hint)),
            default=value_in_words(defaults[field]),
            help=documentation(hint),
        )
        for field, hint in hints(cls).items()
    )


def json_schema(cls: type) -> dict[str, Any]:
    """Return the JSON schema of the parameters."""
    return _model(cls).model_json_schema()


def documentation(hint: Any) -> str:
    """Return the text of ``Doc`` in an annotation, or an empty string."""
    found = [note.documentation for note in _notes(hint) if isinstance(note, Doc)]
    return " ".join(found[0].split()) if found else ""


def value_in_words(value: Any) -> str:
    """Return a value as one would type it on the command line."""
    if isinstance(value, tuple | list):
        return " ".join(value_in_words(item) for item in value)
    return "" if value is dataclasses.MISSING else str(value)


def nearest(word: str, known: Sequence[str]) -> str:
    """Return ``" (did you mean 'x'?)"``, or an empty string when nothing is near."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (did you mean {found[0]!r}?)" if found else ""


@functools.cache
def _model(cls: type) -> type[pydantic.BaseModel]:
    """Return the pydantic model with the fields of a dataclass: closed, finite numbers only."""
    config = pydantic.ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        hint = hints(cls)[field.name]
        default = ... if field.default is dataclasses.MISSING else field.default
        described = pydantic.Field(default=default, description=documentation(hint) or None)
        fields[field.name] = (hint, described)
    return pydantic.create_model(cls.__name__, __config__=config, **fields)


def _plain_value(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r} is no number, text, truth value or sequence of them")


def _in_words(detail: ErrorDetails, known: Sequence[str]) -> str:
    path = "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in detail["loc"]
    ).lstrip(".")
    given = json.dumps(detail["input"], ensure_ascii=False)
    if detail["type"] == "extra_forbidden":
        return f"{path} is not a parameter{nearest(path, known)}"
    if detail["type"] == "value_error":  # of a validator of the study's own, in its own words
        return f"{path}: {detail['msg'].removeprefix('Value error, ')}"
    message = detail["msg"].replace("Input should", "should").replace("Tuple should", "should")
    hint = ""
    if detail["type"] == "literal_error" and isinstance(detail["input"], str):
        choices = detail["msg"].removeprefix("Input should be ").replace("'", "")
        hint = nearest(detail["input"], choices.replace(" or ", ", ").split(", "))
    return f"{path} {message[0].lower()}{message[1:]} (got {given}){hint}"


def _notes(hint: Any) -> tuple[Any, ...]:
    """Return the metadata of one annotation, with grouped ranges taken apart."""
    if get_origin(hint) is not Annotated:
        return ()
    notes: list[Any] = []
    for note in hint.__metadata__:
        notes.extend(note if isinstance(note, at.GroupedMetadata) else [note])
    return tuple(notes)


def _ranges(hint: Any) -> list[str]:
    """Return the limits of an annotation and of what it contains, in words."""
    words = []
    for note in _notes(hint):
        if type(note) in _BOUNDS:
            sign, attribute = _BOUNDS[type(note)]
            words.append(f"{sign} {getattr(note, attribute)}")
        elif isinstance(note, at.MinLen):
            words.append(f"at least {note.min_length} long")
        elif isinstance(note, at.MaxLen):
            words.append(f"at most {note.max_length} long")
        elif isinstance(note, at.MultipleOf):
            words.append(f"multiple of {note.multiple_of}")
    inner = get_args(hint)[:1] if get_origin(hint) is Annotated else get_args(hint)
    if get_origin(hint) is tuple and words == [] and len(inner) == 2 and inner[1] is ...:
        return [f"each {limit}" for limit in _ranges(inner[0])]
    for part in inner:
        words.extend(limit for limit in _ranges(part) if limit not in words)
    return words


def _type_in_words(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type_in_words(arguments[0])
    if origin is Literal:
        return " | ".join(str(argument) for argument in arguments)
    if origin in (Union, UnionType):
        return " | ".join(_type_in_words(argument) for argument in arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is ...:
        return f"list of {_type_in_words(arguments[0])}"
    if hint is NoneType:
        return "none"
    return getattr(hint, "__name__", str(hint))
