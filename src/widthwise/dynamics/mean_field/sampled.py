"""Any depth and activation: a march in time over sites, neurons that stand for infinitely many.

Site fields of layer l (sigma, rate: constants of the weights; b = learning_rate delta):

    h^l = u^l + sigma^2 R_phi^(l-1) g^l + rate richness Phi^(l-1) b g^l        (sums over s < t)
    z^l = r^l + sigma^2 R_g^(l+1) phi^l + rate richness G^(l+1) b phi^l,  g^l = phi'(h^l) z^l

where u^l, r^l are Gaussian with covariances sigma^2 Phi^(l-1), sigma^2 G^(l+1). Phi, G and the
responses R are averages over sites, so a step of time needs only the steps before it.

Responses are not computed. Let the features of a layer be whitened over its sites, phi = L p with
averages <p p^T> = 1, and u = sigma L e with white noise e; likewise g = M q and r = sigma M n. By
Stein's lemma ``sigma^2 R_phi g = sigma <phi n^T> q``, ``sigma^2 R_g phi = sigma <g e^T> p``: sums
over modes of unit variance, whatever the condition of the kernels. Modes that carry a negligible
part of a field's variance are dropped; histories are smooth, so few are left.

Sites come in pairs of equal e and opposite n, and the noises of one layer are orthonormal over its
sites: then all averages of second order in the noise are exact.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.mean_field.normal_points import normal_points, sites_each
from widthwise.dynamics.mean_field.pointwise import Pointwise
from widthwise.dynamics.mean_field.problem import Problem
from widthwise.dynamics.mean_field.replicas import averaged
from widthwise.dynamics.mean_field.solution import FieldSolution
from widthwise.dynamics.mean_field.whitening import Noise, Whitened

_SITES_PER_MODE = 50
_LEAST = 2**15


def least_sites(problem: Problem) -> int:
    """Sites below which the noise of the modes themselves would be felt."""
    return _SITES_PER_MODE * problem.points * (problem.steps + 1)


def solve_sampled(
    problem: Problem, *, sites: int | None, seeds: Sequence[np.random.Generator]
) -> FieldSolution:
    """Solve a network of any depth and activation by Monte Carlo.

    Parameters
    ----------
    problem
        What is solved.
    sites
        Sites of each layer in all; None takes 2^15, or more if there are many times and points.
    seeds
        Generators of independent solutions that share the sites and are averaged.

    Raises
    ------
    ValueError
        If there are too few sites for the number of times and points.
    Diverged
        If gradient descent explodes.
    """
    least = least_sites(problem)
    if sites is not None and sites < least:
        raise ValueError(
            f"{sites} sites are too few for {problem.points} points and {problem.steps} steps: "
            f"give at least {least}"
        )
    total = max(_LEAST, least) if sites is None else sites
    share = sites_each(total, len(seeds))
    return averaged(lambda rng: _March(problem, share, rng).solve(), seeds)


class _March:
    """One march over ``sites`` sites of each layer."""

    def __init__(self, problem: Problem, sites: int, rng: np.random.Generator) -> None:
        c, depth = problem.constants, problem.depth
        rows = problem.points * (problem.steps + 1)
        self.problem, self.sites = problem, sites
        self.phi = [Pointwise(phi) for phi in c.activations]
        self.sigma, self.rate = c.weight_std, c.rate * problem.richness
        self.sigma_back = c.weight_std * np.sqrt(c.ratio)
        # entry k of each list belongs to hidden layer k + 1
        self.features = [Whitened(rows, sites) for _ in range(depth)]
        self.gradients = [Whitened(rows, sites) for _ in range(depth)]
        # of each layer the noises e, arriving from below, and n, arriving from above
        first = [normal_points(sites // 2, 2 * problem.points, rng) for _ in range(depth)]
        half = problem.points
        self.ahead = [Noise(sites // 2, rng, points[:half]) for points in first]
        self.back = [Noise(sites // 2, rng, points[half:]) for points in first]
        self.ahead[0].extend(problem.root.shape[1])
        self.back[-1].extend(1)  # the readout's initial weights
        # <phi n> and <g e>, a row for each time and point
        self.phi_n = [np.zeros((rows, rows)) for _ in range(depth)]
        self.g_e = [np.zeros((rows, rows)) for _ in range(depth)]
        self.push = np.zeros((problem.steps + 1, problem.points))

    def solve(self) -> FieldSolution:
        """March to the end."""
        problem, depth = self.problem, self.problem.depth
        times, n = problem.steps + 1, problem.points
        output, delta, loss = np.zeros((times, n)), np.zeros((times, n)), np.zeros(times)
        for t in range(times):
            values, slopes = [], []
            for k in range(depth):
                value, slope = self.phi[k](self._forward(k, t))
                self._append_features(k, t, value)
                values.append(value)
                slopes.append(slope)
            readout = self._readout(t)
            output[t] = values[-1] @ readout / (self.sites * problem.richness)
            delta[t], loss[t] = problem.delta(output[t], t)
            z = np.broadcast_to(readout, (n, self.sites))
            for k in reversed(range(depth)):
                self._append_gradients(k, t, slopes[k] * z)
                z = self._backward(k - 1, t) if k else z
            if t < problem.steps:
                self.push[t] = problem.learning_rates[t] * delta[t]
        shape, inner = (times, n, times, n), range(depth - 1)

        def stacked(matrices: Iterable[np.ndarray]) -> np.ndarray:
            return np.reshape(list(matrices), (-1, *shape))

        return FieldSolution(
            problem=problem,
            method="sampled",
            output=output,
            delta=delta,
            loss=loss,
            feature_kernel=stacked(f.kernel() for f in self.features),
            gradient_kernel=stacked(g.kernel() for g in self.gradients),
            forward_response=stacked(self._forward_response(k) for k in inner),
            backward_response=stacked(self._backward_response(k + 1) for k in inner),
            standard_error={},
            sites=self.sites,
        )

    def _rows(self, t: int) -> slice:
        return slice(t * self.problem.points, (t + 1) * self.problem.points)

    def _below(self, k: int, t: int) -> tuple[np.ndarray, np.ndarray]:
        """Factor of the features below layer k + 1: rows of time t, and of the times before."""
        n = self.problem.points
        if k == 0:  # the inputs do not move
            root = self.problem.root
            return root, np.tile(root, (t, 1))
        factor = self.features[k - 1].factor
        return factor[self._rows(t)], factor[: t * n]

    def _forward(self, k: int, t: int) -> Float[np.ndarray, "n sites"]:
        """Pre-activations of layer k + 1 at time t."""
        row, past = self._below(k, t)
        u = self.sigma[k] * row @ self.ahead[k].values[: row.shape[1]]
        h = np.concatenate([u, u], axis=1)
        if t:
            memory = (row @ past.T) * self.push[:t].reshape(1, -1)
            modes = self.rate[k] * memory @ self.gradients[k].factor
            if k:
                known = self.phi_n[k - 1][self._rows(t), : modes.shape[1]]
                modes += self.sigma_back[k] * known
            h += modes @ self.gradients[k].modes
        return h

    def _append_features(self, k: int, t: int, value: Float[np.ndarray, "n sites"]) -> None:
        new, half = self.features[k].append(value), self.sites // 2
        if k + 1 < self.problem.depth:
            self.ahead[k + 1].extend(new)
            n = self.back[k].values  # of opposite sign on the second half of the sites
            self.phi_n[k][self._rows(t), : len(n)] = (
                (value[:, :half] - value[:, half:]) @ n.T / self.sites
            )

    def _readout(self, t: int) -> Float[np.ndarray, " sites"]:
        """Weights of the output layer at time t."""
        start = self.sigma[-1] * self.back[-1].values[0]
        moved = self.rate[-1] * self.push[:t].ravel()
        features = self.features[-1]
        modes = moved @ features.factor[: len(moved)]
        return np.concatenate([start, -start]) + modes @ features.modes

    def _append_gradients(self, k: int, t: int, g: Float[np.ndarray, "n sites"]) -> None:
        new, half = self.gradients[k].append(g), self.sites // 2
        if k:
            self.back[k - 1].extend(new)
            e = self.ahead[k].values
            self.g_e[k][self._rows(t), : len(e)] = (g[:, :half] + g[:, half:]) @ e.T / self.sites

    def _backward(self, k: int, t: int) -> Float[np.ndarray, "n sites"]:
        """Field z of layer k + 1 at time t, from the gradients of layer k + 2."""
        above, features = self.gradients[k + 1], self.features[k]
        row, n = above.factor[self._rows(t)], self.problem.points
        r = self.sigma_back[k + 1] * row @ self.back[k].values
        z = np.concatenate([r, -r], axis=1)
        memory = (row @ above.factor[: t * n].T) * self.push[:t].reshape(1, -1)
        modes = self.rate[k + 1] * memory @ features.factor[: t * n]
        modes += self.sigma[k + 1] * self.g_e[k + 1][self._rows(t), : modes.shape[1]]
        return z + modes @ features.modes

    def _forward_response(self, k: int) -> Float[np.ndarray, "rows rows"]:
        """R_phi of layer k + 1."""
        field = self.gradients[k + 1]
        return field.responses(self.phi_n[k][:, : len(field.modes)]) / self.sigma_back[k + 1]

    def _backward_response(self, k: int) -> Float[np.ndarray, "rows rows"]:
        """R_g of layer k + 1."""
        field = self.features[k - 1]
        return field.responses(self.g_e[k][:, : len(field.modes)]) / self.sigma[k]
