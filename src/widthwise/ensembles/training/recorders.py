"""What to keep of a network while it trains: functions of it and the training data."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from widthwise.ensembles.training.kernels import feature_kernel, gradient_kernel, ntk
from widthwise.ensembles.training.problem import Job, Problem, Shapes
from widthwise.ensembles.training.spectra import sharpness, singular_values
from widthwise.ensembles.training.trained import Recorded, Recorder, Trained
from widthwise.ensembles.training.weights import weights
from widthwise.numerics.choices import check_choice

RESERVED = ("width", "member", "step", "time", "learning_rate", "richness")


def output(
    model: Trained, x: Float[Array, "n *shape"], y: Shaped[Array, "n *outputs"] | None
) -> Recorded:
    """Record the outputs f, ``output (input, channel)``; ``(input,)`` for targets (n,)."""
    del y
    f = jax.vmap(model)(x)
    return {"output": (("input", "channel")[: f.ndim], f)}


def loss(model: Trained, x: Float[Array, "n *shape"], y: Shaped[Array, "n *outputs"]) -> Recorded:
    """Record the loss of all samples, ``loss ()``."""
    return {"loss": ((), model.loss(jax.vmap(model)(x), y))}


BUILT_IN: dict[str, Recorder] = {
    "output": output,
    "loss": loss,
    "feature_kernel": feature_kernel,
    "gradient_kernel": gradient_kernel,
    "ntk": ntk,
    "singular_values": singular_values(),
    "sharpness": sharpness(),
    "weights": weights(),
}
# Those that are evaluated on the test inputs also, and whether they need targets.
_ON_TEST: dict[Recorder, bool] = {output: False, loss: True}


# XLA's calls of LAPACK (eigh, svd) on a CPU can wait for each other forever when two programs run
# at once: only these, which have none, are evaluated on several threads.
_WITHOUT_LAPACK = {output, loss, feature_kernel, gradient_kernel, ntk}


def on_many_threads(recorders: Sequence[Recorder]) -> bool:
    """Tell whether recorders may run in several programs at once."""
    return all(r in _WITHOUT_LAPACK or isinstance(r, weights) for r in recorders)


class Kept(NamedTuple):
    """One array that is recorded: its name, dimensions, and shape at one step."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: Any


def chosen(record: str | Recorder | Sequence[str | Recorder]) -> tuple[Recorder, ...]:
    """Look up the recorders that are named.

    Raises
    ------
    TypeError, ValueError
        If one is unknown, given twice, or there are none.
    """
    listed = [record] if isinstance(record, str) or callable(record) else list(record)
    found = []
    for one in listed:
        if isinstance(one, str):
            check_choice("record", one, tuple(BUILT_IN))
            one = BUILT_IN[one]
        if not callable(one):
            raise TypeError(
                f"record has {one!r}: give names ({', '.join(BUILT_IN)}) or functions "
                "(model, x, y) -> {name: (dims, array)}"
            )
        found.append(one)
    if not found or len(set(found)) < len(found):
        raise ValueError(f"record is {record!r}: give at least one recorder, each once")
    return tuple(found)


def observe(recorders: Sequence[Recorder], problem: Problem, model: Trained) -> Recorded:
    """Evaluate all recorders on one network."""
    kept: Recorded = {}
    for recorder in recorders:
        _add(kept, recorder(model, problem.x, problem.y), recorder)
        if recorder not in _ON_TEST or problem.x_test is None:
            continue
        if problem.y_test is not None or not _ON_TEST[recorder]:
            found = recorder(model, problem.x_test, problem.y_test)
            renamed = {
                f"test_{name}": (tuple("test_input" if d == "input" else d for d in dims), array)
                for name, (dims, array) in found.items()
            }
            _add(kept, renamed, recorder)
    return kept


def arrays_of(recorded: Recorded) -> dict[str, Array]:
    """Return the arrays without their dimensions."""
    return {name: jnp.asarray(array) for name, (_, array) in recorded.items()}


def described(recorders: tuple[Recorder, ...], problem: Problem) -> list[Kept]:
    """Say what will be recorded, without computing it.

    Raises
    ------
    TypeError, ValueError
        If a recorder does not return named arrays with named dimensions that fit together.
    """
    return _described(recorders, Shapes.of(problem))


@lru_cache(maxsize=64)
def _described(recorders: tuple[Recorder, ...], shapes: Shapes) -> list[Kept]:
    dims: dict[str, tuple[str, ...]] = {}

    def run(problem: Problem, job: Job) -> dict[str, Array]:
        recorded = observe(recorders, problem, problem.start(job))
        dims.update({name: named for name, (named, _) in recorded.items()})
        return arrays_of(recorded)

    found = shapes.traced(run)
    kept = [Kept(name, dims[name], array.shape, array.dtype) for name, array in found.items()]
    sizes: dict[str, int] = {}
    for one in kept:
        if len(one.dims) != len(one.shape) or len(set(one.dims)) < len(one.dims):
            raise ValueError(
                f"the recorder of {one.name!r} names the dimensions {one.dims} of an array of "
                f"shape {one.shape}: name each axis once"
            )
        for dim, size in zip(one.dims, one.shape, strict=True):
            if dim in RESERVED or sizes.setdefault(dim, size) != size:
                raise ValueError(
                    f"the recorder of {one.name!r} has {size} entries along {dim!r}, which is "
                    "taken: give that dimension another name"
                )
    return kept


def _add(kept: Recorded, found: Any, recorder: Recorder) -> None:
    name = getattr(recorder, "__name__", repr(recorder))
    if not isinstance(found, Mapping) or not all(_is_named(item) for item in found.values()):
        raise TypeError(
            f"the recorder {name} returns {type(found).__name__}: return "
            "{name: (dims, array)}, dims being a tuple of names, one for each axis"
        )
    for key, (dims, array) in found.items():
        if key in kept or key in (*RESERVED, "diverged_at"):
            raise ValueError(f"the recorder {name} returns {key!r}, which is taken: rename it")
        kept[key] = (tuple(dims), array)


def _is_named(item: Any) -> bool:
    return (
        isinstance(item, tuple)
        and len(item) == 2
        and isinstance(item[0], tuple | list)
        and all(isinstance(dim, str) for dim in item[0])
    )
