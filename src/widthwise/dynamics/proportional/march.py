"""Order parameters of deep linear training in the proportional limit, marched step by step.

In every hidden layer ``h = u + C g`` and ``g = r + D h``: u and r are Gaussian, C and D hold what
the weights remember of earlier updates and how the noise answers. Every matrix is over times, row
after column, and lower triangular where it is a response; so the row of each step follows from the
rows before it, and nothing is iterated. Many learning rates march side by side.

Symbols: ``q`` is how predictions answer to errors, ``t0`` and ``rd`` the responses of the
population error ``v0`` and of the residuals, ``c0``, ``cd``, ``c1`` the correlations of ``v0``, of
the residuals, and of the gradient ``v1`` in the space of inputs.
"""

import numpy as np
from jaxtyping import Float

from widthwise.networks.proportional import ProportionalLinear

Times = Float[np.ndarray, "rates times times"]
_DIVERGED = 1e60


class March:
    """State of the march, over times 0..steps.

    Attributes
    ----------
    h, rh
        Kernels and responses of layers 0..L; layer 0 is the input gradient ``v1``.
    g, rg
        Kernels and responses of layers 1..L + 1 (entry 0 is unused).
    c0, cd
        Correlations of the population error and of the residuals.
    """

    def __init__(
        self, network: ProportionalLinear, learning_rates: Float[np.ndarray, " rates"], steps: int
    ):
        self.network, self.rates = network, learning_rates[:, None, None]
        shape = (len(learning_rates), steps + 1, steps + 1)
        layers = network.hidden_layers
        self.h, self.rh = ([np.zeros(shape) for _ in range(layers + 1)] for _ in range(2))
        self.g = [np.zeros(shape) for _ in range(layers + 1)] + [np.ones(shape)]
        self.rg = [np.zeros(shape) for _ in range(layers + 2)]
        self.c0, self.cd, self.rd = (np.zeros(shape) for _ in range(3))
        with np.errstate(all="ignore"):
            for times in range(1, steps + 2):
                self._step(times)

    @property
    def step_size(self) -> Float[np.ndarray, "rates 1 1"]:
        """What one update adds to a hidden matrix, ``eta gamma / sqrt(nu)``."""
        return self.rates * self.network.output_scale / self.network.width_ratio**0.5

    def _step(self, n: int) -> None:
        """Fill in the last of the first n times: backward pass, errors, forward pass."""
        layers = self.network.hidden_layers
        now = (slice(None), slice(n), slice(n))
        for layer in range(layers, 0, -1):
            c, d, cov_u, cov_r = self._couplings(layer, now)
            back = _inverse(_eye(n) - d @ c)
            self.g[layer][now] = _congruence(back, cov_r + _congruence(d, cov_u))
            self.rg[layer][now] = back @ d
        self._errors(now, n)
        for layer in range(1, layers + 1):
            c, d, cov_u, cov_r = self._couplings(layer, now)
            forth = _inverse(_eye(n) - c @ d)
            self.h[layer][now] = _congruence(forth, cov_u + _congruence(c, cov_r))
            self.rh[layer][now] = forth @ c

    def _couplings(
        self, layer: int, now: tuple[slice, slice, slice]
    ) -> tuple[Times, Times, Times, Times]:
        below, above = self.h[layer - 1][now], self.g[layer + 1][now]
        c = self.rh[layer - 1][now]
        if layer == 1:
            memory = self.rates * self.network.output_scale * np.tril(below, -1)
            c = (c + memory) / self.network.width_ratio**0.5
        else:
            c = c + self.step_size * np.tril(below, -1)
        d = self.rg[layer + 1][now] + self.step_size * np.tril(above, -1)
        return c, d, below, above

    def _errors(self, now: tuple[slice, slice, slice], n: int) -> None:
        network, gamma = self.network, self.network.output_scale
        g, inverse_alpha = self.g[1][now], 1 / network.sample_ratio
        q = network.width_ratio**0.5 / gamma * self.rg[1][now] + self.rates * np.tril(g, -1)
        source = 1 + g / gamma**2
        # q is strictly lower: it never meets the last row of rd and cd, which comes after
        t0 = _inverse(_eye(n) + q @ self.rd[now])
        self.rd[now] = rd = _inverse(_eye(n) + inverse_alpha * t0 @ q)
        self.c0[now] = _congruence(t0, source + inverse_alpha * _congruence(q, self.cd[now]))
        self.cd[now] = cd = _congruence(rd, self.c0[now] + network.noise**2)
        a, b = _eye(n) - rd @ t0 @ q, rd @ t0
        self.h[0][now] = inverse_alpha * _congruence(a, cd) + _congruence(b, source)
        self.rh[0][now] = -b / gamma


def _eye(n: int) -> Times:
    return np.eye(n)[None]


def _congruence(a: Times, s: Times) -> Times:
    return a @ s @ a.transpose(0, 2, 1)


def _inverse(a: Times) -> Times:
    """Invert lower triangular matrices; not-a-number where training has diverged."""
    lost = ~np.all(np.abs(a) < _DIVERGED, axis=(1, 2), keepdims=True)
    return np.where(lost, np.nan, np.linalg.inv(np.where(lost, np.eye(a.shape[1]), a)))
