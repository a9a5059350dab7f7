"""Fields over sites in whitened coordinates, and white noises to drive them."""

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_triangular

_NEGLIGIBLE = 1e-6  # part of a field's variance that is dropped


class Whitened:
    """A growing set of fields over sites as ``L p``, with averages ``<p p^T> = 1``.

    The rows of ``L`` belong to fields, in the order of their times; its columns, and the rows of
    ``p``, to modes. It is the Cholesky factor of the fields' covariance, without the columns of
    those that are combinations of earlier fields but for a negligible part.

    Parameters
    ----------
    fields
        Number of fields that will come.
    sites
        Number of sites.
    """

    def __init__(self, fields: int, sites: int) -> None:
        self._factor = np.zeros((fields, min(fields, 64)))
        self._modes = np.zeros((min(fields, 64), sites))
        self._pivots: list[int] = []
        self._count = 0

    @property
    def modes(self) -> Float[np.ndarray, "k sites"]:
        """The whitened fields p."""
        return self._modes[: len(self._pivots)]

    @property
    def factor(self) -> Float[np.ndarray, "fields k"]:
        """L, of the fields that have come."""
        return self._factor[: self._count, : len(self._pivots)]

    @property
    def pivots(self) -> list[int]:
        """Numbers of the fields that brought a mode."""
        return self._pivots

    def kernel(self) -> Float[np.ndarray, "fields fields"]:
        """Averages of products of two fields."""
        return self.factor @ self.factor.T

    def append(self, fields: Float[np.ndarray, "n sites"]) -> int:
        """Add fields; return how many modes they brought."""
        n, sites = fields.shape
        before = len(self._pivots)
        known = fields @ self.modes.T / sites
        rest = fields - known @ self.modes
        rounding = rest @ self.modes.T / sites  # once is not enough: errors grow with the modes
        rest -= rounding @ self.modes
        known += rounding
        covariance = rest @ rest.T / sites
        limit = _NEGLIGIBLE * (np.sum(known**2, axis=1) + np.diag(covariance))
        lower, new = np.zeros((n, n)), []
        for i in range(n):  # Cholesky, leaving out what is dependent
            column = covariance[:, i] - lower @ lower[i]
            if column[i] > limit[i]:
                lower[i:, len(new)] = column[i:] / np.sqrt(column[i])
                new.append(i)
        lower = lower[:, : len(new)]
        self._grow(before + len(new))
        rows = slice(self._count, self._count + n)
        self._factor[rows, :before] = known
        self._factor[rows, before : before + len(new)] = lower
        if new:
            fresh = np.linalg.inv(lower[new]) @ rest[new]
            self._modes[before : before + len(new)] = fresh
        self._pivots += [self._count + i for i in new]
        self._count += n
        return len(new)

    def _grow(self, modes: int) -> None:
        """Make room."""
        room = self._factor.shape[1]
        if modes > room:
            more = min(max(modes, 2 * room), len(self._factor)) - room
            self._factor = np.pad(self._factor, ((0, 0), (0, more)))
            self._modes = np.pad(self._modes, ((0, more), (0, 0)))

    @classmethod
    def of(cls, kernel: Float[np.ndarray, "fields fields"]) -> "Whitened":
        """Return fields of given averages of products, added one by one."""
        values, vectors = np.linalg.eigh(kernel)
        found = cls(len(kernel), len(kernel))
        for row in vectors * np.sqrt(len(kernel) * np.maximum(values, 0.0)):
            found.append(row[None])
        return found

    def responses(self, averages: Float[np.ndarray, "rows k"]) -> Float[np.ndarray, "rows fields"]:
        """Responses to the fields, from averages with the noises that drive the modes.

        Those to fields that brought no mode are counted with those to the fields that did.
        """
        found = np.zeros((len(averages), self._count))
        square = self.factor[self._pivots]
        found[:, self._pivots] = solve_triangular(square, averages.T, trans=1, lower=True).T
        return found


class Noise:
    """White noises over sites, orthonormal in averages over them and of mean zero.

    Parameters
    ----------
    sites
        Number of sites.
    rng
        Source of random numbers.
    first
        Numbers to begin with, (m, sites).
    """

    def __init__(
        self, sites: int, rng: np.random.Generator, first: Float[np.ndarray, "m sites"]
    ) -> None:
        self._rng, self._first, self._count = rng, first, 1
        self._rows = np.ones((8, sites))  # the first row keeps the mean of the others at zero

    @property
    def values(self) -> Float[np.ndarray, "k sites"]:
        """All noises drawn so far."""
        return self._rows[1 : self._count]

    def extend(self, count: int) -> None:
        """Draw more."""
        if count == 0:
            return
        sites = self._rows.shape[1]
        known = self._rows[: self._count]
        given, self._first = self._first[:count], self._first[count:]
        drawn = np.concatenate([given, self._rng.standard_normal((count - len(given), sites))])
        drawn -= drawn @ known.T / sites @ known
        lower = np.linalg.cholesky(drawn @ drawn.T / sites)
        stop = self._count + count
        if stop > len(self._rows):
            more = max(stop, 2 * len(self._rows)) - len(self._rows)
            self._rows = np.pad(self._rows, ((0, more), (0, 0)))
        self._rows[self._count : stop] = np.linalg.inv(lower) @ drawn
        self._count = stop
