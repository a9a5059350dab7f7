"""Which networks are trained: widths, learning rates, richness and members."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, DTypeLike, Key

from widthwise.ensembles.training.problem import Job
from widthwise.experiments.shard import member_keys
from widthwise.networks import Sequential
from widthwise.networks.layer import walk
from widthwise.numerics.draws import numbered_keys

Values = float | int | Sequence[float | int] | np.ndarray
Whole = Sequence[int] | np.ndarray


class Grid(NamedTuple):
    """All networks of a call.

    Parameters
    ----------
    key
        The random key.
    members
        First member, and one past the last.
    widths
        The widths, or None for that of the network as it is.
    learning_rates, richness
        Their values.
    swept
        Which of ``"learning_rate"`` and ``"richness"`` are dimensions of the result.
    """

    key: Key[Array, ""]
    members: tuple[int, int]
    widths: tuple[int, ...] | None
    learning_rates: tuple[float, ...]
    richness: tuple[float, ...]
    swept: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of learning rates, of values of richness, and of members."""
        start, stop = self.members
        return len(self.learning_rates), len(self.richness), stop - start

    def networks(self, net: Sequential) -> Iterator[tuple[int, Sequential]]:
        """Yield each width and the network that has it."""
        if self.widths is None:
            yield _width_of(net), net
        for width in self.widths or ():
            yield width, net.at_width(width)

    def jobs(self, width: int, dtype: DTypeLike) -> Job:
        """All jobs of one width: learning rates, then richness, then members.

        Without ``widths`` member i has the key ``fold_in(key, i)``, otherwise
        ``fold_in(fold_in(key, width), i)``; the same networks start at every learning rate and
        richness.
        """
        if self.widths is None:
            keys = numbered_keys(self.key, *self.members)
        else:
            keys = member_keys(self.key, width, self.members)
        values = (np.asarray(v, np.float64) for v in (self.learning_rates, self.richness))
        rate, richness, member = np.meshgrid(*values, np.arange(self.shape[2]), indexing="ij")
        return Job(
            keys[member.ravel()],
            jnp.asarray(rate.ravel(), dtype),
            jnp.asarray(richness.ravel(), dtype),
        )


def checked_grid(
    *,
    key: Key[Array, ""],
    members: int | tuple[int, int],
    widths: Whole | None,
    learning_rates: Values | None,
    richness: Values,
    needed: bool | None,
) -> Grid:
    """Check which networks are wanted.

    Parameters
    ----------
    key, members, widths, learning_rates, richness
        As in :func:`train`.
    needed
        Whether learning rates must be given; None if they may be.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, or learning rates are given for an optimizer that has its
        own, or missing for one that has none.
    """
    if jnp.ndim(key) != 0 or not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        raise TypeError(f"key is {key!r}: give one random key, jax.random.key(seed)")
    span = (0, members) if isinstance(members, int) else tuple(members)
    if len(span) != 2 or not 0 <= span[0] < span[1]:
        raise ValueError(f"members is {members}: give a number, or a range, of at least one")
    if needed and learning_rates is None:
        raise ValueError(
            "optimizer is a function: give learning_rates for it, or a ready transformation such "
            "as optax.sgd(0.1)"
        )
    if needed is False and learning_rates is not None:
        raise ValueError(
            "the optimizer has its learning rate already: leave learning_rates out, or give a "
            "function of the learning rate, such as optimizer=optax.sgd"
        )
    swept = []
    if np.ndim(1.0 if learning_rates is None else learning_rates) > 0:
        swept.append("learning_rate")
    if np.ndim(richness) > 0:
        swept.append("richness")
    return Grid(
        key,
        (int(span[0]), int(span[1])),
        None if widths is None else _whole("widths", widths),
        _positive("learning_rates", 1.0 if learning_rates is None else learning_rates),
        _positive("richness", richness),
        tuple(swept),
    )


def _positive(name: str, values: Values) -> tuple[float, ...]:
    given = np.asarray(values, np.float64)
    flat = np.atleast_1d(given)
    if given.ndim > 1 or not flat.size or not np.all((flat > 0) & np.isfinite(flat)):
        raise ValueError(f"{name} is {values}: give a positive number, or a list of them")
    if len(np.unique(flat)) < len(flat):
        raise ValueError(f"{name} is {values}: give each value once")
    return tuple(float(value) for value in flat)


def _whole(name: str, values: Whole) -> tuple[int, ...]:
    given = np.asarray(values)
    if given.ndim != 1 or not given.size or given.dtype.kind not in "iu" or given.min() < 1:
        raise ValueError(f"{name} is {values}: give a list of whole numbers of at least 1")
    if len(np.unique(given)) < len(given):
        raise ValueError(f"{name} is {values}: give each value once")
    return tuple(int(value) for value in given)


def _width_of(net: Sequential) -> int:
    """Return the largest width that grows; 0 if none does."""
    widths = [width for layer in walk(net) if isinstance(width := getattr(layer, "width", 0), int)]
    return max(widths[:-1], default=0)
