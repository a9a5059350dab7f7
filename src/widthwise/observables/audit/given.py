"""What the user has given to audit: a constructor or a model, a batch, a loss."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from widthwise.networks.sequential import Sequential
from widthwise.observables.audit.batches import guessed_inputs, guessed_targets
from widthwise.observables.audit.constructor import Constructor, constructor_of


class Given(NamedTuple):
    """What the user has given: a constructor, and perhaps a model to be shown."""

    name: str
    maker: Constructor
    first: Any
    batch: tuple[Any, Any] | None = None
    trained: bool = False
    notes: tuple[str, ...] = ()
    net: Sequential | None = None


def given_model(model: Any, width: str | None, depth: str | None, batch: Any) -> Given:
    """Tell what ``model`` is: a folder, a network of ours, a constructor or a module."""
    if isinstance(model, str | Path):
        from widthwise.observables.audit.folder import read_folder

        maker, first, tokens, notes = read_folder(Path(model))
        return Given(Path(model).resolve().name, maker, first, tokens, True, notes)
    if isinstance(model, Sequential):
        if batch is None:
            raise ValueError("a Sequential does not tell its inputs: give batch=(inputs, targets)")
        shape, dtype = np.shape(batch[0])[1:], np.asarray(batch[0]).dtype

        def make(size: int | None, depth: int | None = None, key: Any = None) -> Any:
            del depth
            net = model if size is None else model.at_width(size)
            return net.init(key, shape, dtype=dtype)

        return Given(
            "Sequential", Constructor(make, takes_width=True, takes_key=True), None, net=model
        )
    maker = constructor_of(model, width_argument=width, depth_argument=depth)
    name = getattr(model, "__name__", type(model).__name__)
    single = not maker.takes_width and not maker.takes_depth
    return Given(name, maker, maker.make(None) if single else None)


def batch_of(model: Any, batch: Any, loss: Any, notes: list[str]) -> tuple[Any, Any, Any]:
    """Return inputs, targets and loss, guessed where they are not given."""
    if batch is not None and (not isinstance(batch, tuple | list) or len(batch) != 2):
        raise TypeError("batch is not a pair (inputs, targets): give two arrays, examples first")
    if batch is not None:
        x, y = batch
    else:
        x, words = guessed_inputs(model)
        y = None
        notes.append(f"no batch was given: inputs are {words}, targets random")
    usual = None
    if y is None:
        y, usual = called(lambda: guessed_targets(model, x))
    if loss is None:
        whole = np.issubdtype(np.asarray(y).dtype, np.integer)
        loss = usual or ("cross_entropy" if whole else "mean")
        notes.append(f"no loss was given: {loss}")
    return x, y, loss


def called(run: Callable[[], Any]) -> Any:
    """Run the user's model; what it raises is told with what to do."""
    try:
        return run()
    except (ValueError, TypeError) as error:
        if any(words in str(error) for words in (": give ", ": return ", ": let ")):
            raise
        raise ValueError(_uncallable(error)) from error
    except (RuntimeError, IndexError, KeyError) as error:
        raise ValueError(_uncallable(error)) from error


def _uncallable(error: Exception) -> str:
    text = " ".join(str(error).split())[:300]
    return (
        f"the model cannot take a step with this batch ({type(error).__name__}: {text}): give "
        "batch=(inputs, targets) as it takes them, whole numbers for tokens and labels only"
    )
