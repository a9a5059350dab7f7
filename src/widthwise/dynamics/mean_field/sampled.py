"""Any depth and activation: a march in time over sites, neurons that stand for infinitely many.

Site fields of layer l (sigma, rate: constants of the weights; b = learning_rate delta):

    h^l = u^l + sigma^2 R_phi^(l-1) g^l + rate richness Phi^(l-1) b g^l        (sums over s < t)
    z^l = r^l + sigma^2 R_g^(l+1) phi^l + rate richness G^(l+1) b phi^l,  g^l = phi'(h^l) z^l
    (biases add a Gaussian constant in time to u^l, and their rate to that of Phi^(l-1); z, r, G and
    b have an index of outputs; with momentum b(s) is what gradient s has moved until t)

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

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from widthwise.dynamics.mean_field.assemble import solution
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
    return _SITES_PER_MODE * problem.points * problem.outputs * (problem.steps + 1)


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
            f"{sites} sites are too few for {problem.points} points, {problem.outputs} outputs "
            f"and {problem.steps} steps: give at least {least}"
        )
    total = max(_LEAST, least) if sites is None else sites
    share = sites_each(total, len(seeds))
    return averaged(lambda rng: _March(problem, share, rng).solve(), seeds)


class _March:
    """One march over ``sites`` sites of each layer."""

    def __init__(self, problem: Problem, sites: int, rng: np.random.Generator) -> None:
        c, depth = problem.constants, problem.depth
        rows = problem.points * (problem.steps + 1)
        wide = rows * problem.outputs
        self.problem, self.sites = problem, sites
        self.phi = [Pointwise(phi) for phi in c.activations]
        self.sigma, self.rate = c.weight_std, c.rate * problem.richness
        self.bias_rate = c.bias_rate * problem.richness
        self.sigma_back = c.weight_std * np.sqrt(c.ratio)
        # entry k of each list belongs to hidden layer k + 1
        self.features = [Whitened(rows, sites) for _ in range(depth)]
        self.gradients = [Whitened(wide, sites) for _ in range(depth)]
        # of each layer the noises e, arriving from below, and n, arriving from above
        # biases have the first noise of a layer to themselves
        self.own = [int(std > 0) for std in c.bias_std]
        half, k = problem.points + max(self.own), problem.outputs
        first = [normal_points(sites // 2, half + problem.points * k, rng) for _ in range(depth)]
        self.ahead = [Noise(sites // 2, rng, points[:half]) for points in first]
        self.back = [Noise(sites // 2, rng, points[half:]) for points in first]
        for ahead, own in zip(self.ahead, self.own[:-1], strict=True):
            ahead.extend(own)
        self.ahead[0].extend(problem.root.shape[1])
        self.back[-1].extend(k)  # the readout's initial weights
        # <phi n> and <g e>, a row for each time and point, and output
        self.phi_n = [np.zeros((rows, wide)) for _ in range(depth)]
        self.g_e = [np.zeros((wide, rows)) for _ in range(depth)]
        self.delta = np.zeros((problem.steps + 1, problem.points, k))

    def solve(self) -> FieldSolution:
        """March to the end."""
        problem, depth = self.problem, self.problem.depth
        output, loss = np.zeros_like(self.delta), np.zeros(len(self.delta))
        times = len(loss)
        for t in range(times):
            values, slopes = [], []
            for k in range(depth):
                value, slope = self.phi[k](self._forward(k, t))
                self._append_features(k, t, value)
                values.append(value)
                slopes.append(slope)
            readout = self._readout(t)
            output[t] = values[-1] @ readout.T / (self.sites * problem.richness)
            output[t] += problem.output_bias(self.delta, t)
            self.delta[t], loss[t] = problem.delta(output[t], t)
            z = np.broadcast_to(readout, (problem.points, *readout.shape))
            for k in reversed(range(depth)):
                g = slopes[k][:, None] * z
                self._append_gradients(k, t, g.reshape(-1, self.sites))
                z = self._backward(k - 1, t) if k else z
        inner = range(depth - 1)
        return solution(
            problem,
            "sampled",
            output=output,
            delta=self.delta,
            loss=loss,
            feature_kernel=[f.kernel() for f in self.features],
            gradient_kernel=[g.kernel() for g in self.gradients],
            responses=(
                [self._forward_response(k) for k in inner],
                [self._backward_response(k + 1) for k in inner],
            ),
            sites=self.sites,
        )

    def _rows(self, t: int, outputs: int = 1) -> slice:
        n = self.problem.points * outputs
        return slice(t * n, (t + 1) * n)

    def _push(self, t: int) -> Float[np.ndarray, "past k"]:
        """What the forces before t have moved until t, of each time and point before."""
        moved = self.problem.reach[t, :t, None, None] * self.delta[:t]
        return moved.reshape(-1, self.problem.outputs)

    def _pushed(self, gradients: Whitened, t: int) -> Float[np.ndarray, "past modes"]:
        """Factor of the gradients before t, summed over outputs with their forces until t."""
        push, factor = self._push(t), gradients.factor
        past = factor[: push.size].reshape(*push.shape, factor.shape[1])
        return np.einsum("ak,akm->am", push, past)

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
        own, noise = self.own[k], self.ahead[k].values
        u = self.sigma[k] * row @ noise[own : own + row.shape[1]]
        if own:
            u += self.problem.constants.bias_std[k] * noise[:1]
        h = np.concatenate([u, u], axis=1)
        if t:
            memory = self.rate[k] * (row @ past.T) + self.bias_rate[k]
            modes = memory @ self._pushed(self.gradients[k], t)
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

    def _readout(self, t: int) -> Float[np.ndarray, "k sites"]:
        """Weights of the output layer at time t."""
        start = self.sigma[-1] * self.back[-1].values[: self.problem.outputs]
        moved = self.rate[-1] * self._push(t).T
        features = self.features[-1]
        modes = moved @ features.factor[: moved.shape[1]]
        return np.concatenate([start, -start], axis=1) + modes @ features.modes

    def _append_gradients(self, k: int, t: int, g: Float[np.ndarray, "nk sites"]) -> None:
        new, half = self.gradients[k].append(g), self.sites // 2
        if k:
            self.back[k - 1].extend(new)
            e, rows = self.ahead[k].values[self.own[k] :], self._rows(t, self.problem.outputs)
            self.g_e[k][rows, : len(e)] = (g[:, :half] + g[:, half:]) @ e.T / self.sites

    def _backward(self, k: int, t: int) -> Float[np.ndarray, "n k sites"]:
        """Field z of layer k + 1 at time t, from the gradients of layer k + 2."""
        above, features = self.gradients[k + 1], self.features[k]
        rows = self._rows(t, self.problem.outputs)
        row = above.factor[rows]
        r = self.sigma_back[k + 1] * row @ self.back[k].values
        z = np.concatenate([r, -r], axis=1)
        memory = row @ self._pushed(above, t).T
        modes = self.rate[k + 1] * memory @ features.factor[: memory.shape[1]]
        modes += self.sigma[k + 1] * self.g_e[k + 1][rows, : modes.shape[1]]
        return (z + modes @ features.modes).reshape(-1, self.problem.outputs, self.sites)

    def _forward_response(self, k: int) -> Float[np.ndarray, "rows wide"]:
        """R_phi of layer k + 1."""
        field = self.gradients[k + 1]
        return field.responses(self.phi_n[k][:, : len(field.modes)]) / self.sigma_back[k + 1]

    def _backward_response(self, k: int) -> Float[np.ndarray, "wide rows"]:
        """R_g of layer k + 1."""
        field = self.features[k - 1]
        return field.responses(self.g_e[k][:, : len(field.modes)]) / self.sigma[k]
