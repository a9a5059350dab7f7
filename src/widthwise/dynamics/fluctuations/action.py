"""The action of deep linear networks: its variables, and its Hessian at the saddle.

The probability of the order parameters of networks of N neurons in each layer is ``exp(N S)``. The
variables of S are, for every layer l, the kernels H^l and G^l (of ``h^l`` and
``g^l = gamma N df/dh^l``), the responses ``A^l = <dh^l/dr^l>`` and ``B^l = <dg^{l+1}/du^{l+1}>``
between it and the next, the outputs f, and a conjugate of each kernel and of f. With
``C = A^{l-1} + c H^{l-1} D`` and ``D = B^l + c G^{l+1} D`` (errors D before the present step only),
neurons of a layer are Gaussian:

    S = sum_l [conj(H).H + conj(G).G - (1/2) log|det M_l|] + conj(f).f - sum_l Tr A^l B^l,

    M_l = [[X, F, 1, -D^T], [F^T, Y, -C^T, 1], [1, -C, -H^{l-1}, 0], [-D, 1, 0, -G^{l+1}]],

X and Y the conjugates made symmetric (each entry of a kernel counts once), F that of f where l is
the last layer. Conjugates vanish at the saddle, where the rest is the infinitely wide network. As M
is linear in every variable but f, the logarithm is differentiated in closed form:

    d^2 S = (1/2) tr(M^-1 dM M^-1 dM) - (1/2) tr(M^-1 d^2 M) + d^2 (the other terms).

Both full responses are variables: entries of A that causality sets to zero are conjugates of those
of B that it does not. Derived, for B. Bordelon and C. Pehlevan (2023), arXiv 2304.03408.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np
from jaxtyping import Float, Int

from widthwise.dynamics.fluctuations.descent import Descent
from widthwise.dynamics.fluctuations.saddle import DeepLinear
from widthwise.dynamics.fluctuations.triangle import triangle

Index = Int[np.ndarray, "..."]


@dataclass(frozen=True)
class Variables:
    """Where the variables of the action stand in one vector.

    Fields have ``times * points`` components (time first), gradients ``times``: those of a linear
    network are the same for all points. Symmetric matrices have the entries ``i <= j``.

    Attributes
    ----------
    depth, times, points
        Layers, steps with the initial one, and points.
    """

    depth: int
    times: int
    points: int

    @property
    def fields(self) -> int:
        """Components of the fields of a layer."""
        return self.times * self.points

    @property
    def rows(self) -> int:
        """Rows of M."""
        return 2 * (self.fields + self.times)

    @cached_property
    def _starts(self) -> dict[tuple[str, int], tuple[int, tuple[int, ...]]]:
        n, wide = self.times, self.fields
        shapes: list[tuple[str, int, tuple[int, ...]]] = []
        for layer in range(1, self.depth + 1):
            for name, size in (("H", wide), ("G", n)):
                entries = (size * (size + 1) // 2,)
                shapes += [(name, layer, entries), ("conj" + name, layer, entries)]
            if layer < self.depth:
                shapes += [("A", layer, (wide, n)), ("B", layer, (n, wide))]
        shapes += [("f", 0, (wide,)), ("conjf", 0, (wide,))]
        found, start = {}, 0
        for name, layer, shape in shapes:
            found[name, layer] = start, shape
            start += int(np.prod(shape))
        found["end", 0] = start, ()
        return found

    @property
    def size(self) -> int:
        """Number of variables."""
        return self._starts["end", 0][0]

    def at(self, name: str, layer: int = 0) -> Index:
        """Positions of a variable's entries, in its shape."""
        start, shape = self._starts[name, layer]
        return start + np.arange(int(np.prod(shape))).reshape(shape)


class Action:
    """The action around the saddle of one training."""

    def __init__(self, descent: Descent, saddle: DeepLinear) -> None:
        depth, times, points = len(saddle.features), descent.steps + 1, descent.points
        self.variables = Variables(depth, times, points)
        self._richness = float(descent.richness)
        ones = np.ones((times, times))
        self._kernels = [np.kron(ones, descent.input_kernel), *saddle.features]
        self._gradients = [*saddle.gradients, ones]
        self._saddle = saddle
        self._errors, self._in_f, self._in_ff = _errors(descent, saddle.outputs)
        self._time = np.repeat(np.arange(times), points)

    def slope_and_hessian(
        self,
    ) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, "q q"]]:
        """Gradient of the action, which vanishes at a saddle, and its Hessian."""
        slope, hessian = self._product_terms()
        for layer in range(1, self.variables.depth + 1):
            value, columns = self._matrix(layer)
            inverse = np.linalg.inv(value)
            flat = columns.reshape(len(columns), -1)
            slope -= flat @ inverse.T.ravel() / 2
            turned = (inverse @ columns @ inverse).swapaxes(1, 2).reshape(len(columns), -1)
            hessian += turned @ flat.T / 2
            self._add_second_derivatives(hessian, inverse.T, layer)
        return slope, (hessian + hessian.T) / 2

    def _product_terms(self) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives of the terms outside the determinants."""
        v, saddle = self.variables, self._saddle
        slope, hessian = np.zeros(v.size), np.zeros((v.size, v.size))
        pairs = [(v.at("f"), v.at("conjf"), saddle.outputs.ravel())]
        for layer in range(1, v.depth + 1):
            for name, matrix in (("H", self._kernels[layer]), ("G", self._gradients[layer - 1])):
                upper = matrix[np.triu_indices(len(matrix))]
                pairs.append((v.at(name, layer), v.at("conj" + name, layer), upper))
        for own, conjugate, value in pairs:
            slope[conjugate] += value
            hessian[own, conjugate] = hessian[conjugate, own] = 1
        for layer in range(1, v.depth):
            forward, backward = v.at("A", layer), v.at("B", layer)
            slope[forward] -= saddle.backward[layer - 1].T
            slope[backward] -= saddle.forward[layer - 1].T
            hessian[forward, backward.T] = hessian[backward.T, forward] = -1
        return slope, hessian

    def _offsets(self) -> tuple[int, int, int]:
        """Where in M the rows of g, and of the conjugates of h and g, begin."""
        wide, n = self.variables.fields, self.variables.times
        return wide, wide + n, 2 * wide + n

    def _matrix(self, layer: int) -> tuple[np.ndarray, np.ndarray]:
        """``M_l`` at the saddle, and its derivative in each variable, (variables, rows, rows)."""
        v = self.variables
        wide, n = v.fields, v.times
        g, conj_h, conj_g = self._offsets()
        before, after = self._kernels[layer - 1], self._gradients[layer]
        value, columns = np.zeros((v.rows, v.rows)), np.zeros((v.size, v.rows, v.rows))
        into, back = np.zeros((v.size, wide, n)), np.zeros((v.size, n, wide))
        earlier = self._earlier()

        value[:wide, conj_h:conj_g] = value[conj_h:conj_g, :wide] = np.eye(wide)
        value[g:conj_h, conj_g:] = value[conj_g:, g:conj_h] = np.eye(n)
        value[conj_h:conj_g, conj_h:conj_g], value[conj_g:, conj_g:] = -before, -after
        pull = (before * earlier * self._errors[None]).reshape(wide, n, v.points).sum(axis=2)
        push = self._spread(after) * self._earlier_steps() * self._errors[None]

        for name, start, size in (("conjH", 0, wide), ("conjG", g, n)):
            _add_symmetric(columns, v.at(name, layer), start, size, 1.0, diagonal=2.0)
        if layer == v.depth:
            at, rows, times = v.at("conjf"), np.arange(wide), g + self._time
            columns[at, rows, times] = columns[at, times, rows] = 1 / self._richness
        if layer > 1:
            pull = pull + self._saddle.forward[layer - 2]
            at = v.at("H", layer - 1)
            _add_symmetric(columns, at, conj_h, wide, -1.0)
            i, j = np.triu_indices(wide)
            into[at, i, self._time[j]] += earlier[i, j] * self._errors[j]
            into[at, j, self._time[i]] += earlier[j, i] * self._errors[i]
            at = v.at("A", layer - 1)
            into[at, np.arange(wide)[:, None], np.arange(n)[None]] = 1
        if layer < v.depth:
            push = push + self._saddle.backward[layer - 1]
            at = v.at("G", layer + 1)
            _add_symmetric(columns, at, conj_g, n, -1.0)
            i, j = np.triu_indices(n, 1)
            entry = at[triangle(n)[i, j]]
            for b in range(v.points):
                back[entry, j, i * v.points + b] = self._errors[i * v.points + b]
            at = v.at("B", layer)
            back[at, np.arange(n)[:, None], np.arange(wide)[None]] = 1
        weighted = (before * earlier)[:, None, :] * self._in_f.T[None]
        into[v.at("f")] += weighted.reshape(wide, wide, n, v.points).sum(axis=3).swapaxes(0, 1)
        weighted = self._spread(after) * self._earlier_steps()
        back[v.at("f")] += weighted[None] * self._in_f.T[:, None]
        for matrix, c, d in ((value[None], pull[None], push[None]), (columns, into, back)):
            matrix[:, conj_h:conj_g, g:conj_h] -= c
            matrix[:, g:conj_h, conj_h:conj_g] -= c.swapaxes(1, 2)
            matrix[:, conj_g:, :wide] -= d
            matrix[:, :wide, conj_g:] -= d.swapaxes(1, 2)
        return value, columns

    def _add_second_derivatives(self, hessian: np.ndarray, weight: np.ndarray, layer: int) -> None:
        """Add ``-(1/2) tr(M^-1 d^2 M)``: products of kernels with errors, and bent errors."""
        v = self.variables
        wide, n = v.fields, v.times
        g, conj_h, conj_g = self._offsets()
        in_c = -(weight[conj_h:conj_g, g:conj_h] + weight[g:conj_h, conj_h:conj_g].T)
        in_d = -(weight[conj_g:, :wide] + weight[:wide, conj_g:].T)
        in_h = in_c[:, self._time] * self._earlier()
        in_g = in_d * self._earlier_steps()
        at = v.at("f")
        if layer > 1:
            i, j = np.triu_indices(wide)
            mixed = in_h[i, j][:, None] * self._in_f[j] + in_h[j, i][:, None] * self._in_f[i]
            _add_both(hessian, v.at("H", layer - 1), at, -mixed / 2)
        if layer < v.depth:
            mixed = (in_g[:, :, None] * self._in_f[None]).reshape(n, n, v.points, wide).sum(axis=2)
            i, j = np.triu_indices(n)
            _add_both(hessian, v.at("G", layer + 1), at, -mixed[j, i] / 2)
        force = (in_h * self._kernels[layer - 1]).sum(axis=0)
        force += (in_g * self._spread(self._gradients[layer])).sum(axis=0)
        hessian[np.ix_(at, at)] -= np.einsum("e,eab->ab", force, self._in_ff) / 2

    def _earlier(self) -> np.ndarray:
        """Between components of fields: whether the second is of an earlier step."""
        return (self._time[None, :] < self._time[:, None]).astype(float)

    def _earlier_steps(self) -> np.ndarray:
        """Likewise between steps and components."""
        return (self._time[None, :] < np.arange(self.variables.times)[:, None]).astype(float)

    def _spread(self, matrix: np.ndarray) -> np.ndarray:
        """Repeat the columns of a matrix between steps for all points."""
        return np.repeat(matrix, self.variables.points, axis=1)


def _errors(
    descent: Descent, outputs: np.ndarray
) -> tuple[Float[np.ndarray, " f"], Float[np.ndarray, "f f"], Float[np.ndarray, "f f f"]]:
    """``eta gamma`` times the errors, and two derivatives in the outputs, all components."""
    times, points = outputs.shape
    trained, rate = descent.trained, descent.learning_rate * descent.richness
    loss = descent.loss_derivatives(outputs)
    errors = np.zeros((times, points))
    errors[:, :trained] = -rate * loss.gradient
    first, second = np.zeros((times, points) * 2), np.zeros((times, points) * 3)
    t = np.arange(times)
    for a in range(trained):
        for b in range(trained):
            first[t, a, t, b] = -rate * loss.hessian[:, a, b]
    for a, b in combinations_with_replacement(range(trained), 2):
        unit = np.zeros((times, trained, trained))
        unit[:, a, b] += 0.5
        unit[:, b, a] += 0.5
        bent = -2 * rate * descent.curvature_drift(outputs, unit)
        for c in range(trained):
            second[t, c, t, a, t, b] = second[t, c, t, b, t, a] = bent[:, c]
    size = times * points
    first, second = first.reshape(size, size), second.reshape(size, size, size)
    if descent.centered:
        shift = np.eye(size) - np.kron(np.eye(times)[:1].repeat(times, axis=0), np.eye(points))
        first, second = first @ shift, np.einsum("eab,ac,bd->ecd", second, shift, shift)
    return errors.ravel(), first, second


def _add_symmetric(
    columns: np.ndarray, at: Index, start: int, size: int, sign: float, *, diagonal: float = 1.0
) -> None:
    """Set the derivative of a symmetric block in its entries ``i <= j``."""
    i, j = np.triu_indices(size)
    value = np.where(i == j, diagonal * sign, sign)
    columns[at, start + i, start + j] = columns[at, start + j, start + i] = value


def _add_both(hessian: np.ndarray, rows: Index, columns: Index, block: np.ndarray) -> None:
    hessian[np.ix_(rows, columns)] += block
    hessian[np.ix_(columns, rows)] += block.T
