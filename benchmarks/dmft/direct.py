"""Mean-field dynamics written down directly in NumPy, for tanh networks: the peer of `ww.dmft`.

Responses are averages of each site's own derivatives in all its noises, carried along explicitly
(as an implicit differentiation would find them), fields are marched time by time, and Gaussian
noises are drawn from a covariance that grows by Cholesky rows. Nothing is whitened, paired or
dropped. Cost is sites (times points)^3.
"""

import numpy as np

_JITTER = 1e-10


class GrowingNoise:
    """Gaussian fields over sites whose covariance arrives row by row."""

    def __init__(self, sites: int, rng: np.random.Generator) -> None:
        self.factor, self.white = np.zeros((0, 0)), np.zeros((0, sites))
        self.sites, self.rng = sites, rng

    def append(self, row: np.ndarray) -> np.ndarray:
        """Draw one more field, of these covariances with the earlier ones and itself."""
        k = len(self.factor)
        known = np.linalg.solve(self.factor, row[:k]) if k else np.zeros(0)
        own = np.sqrt(max(row[k] - known @ known, _JITTER * row[k]))
        grown = np.zeros((k + 1, k + 1))
        grown[:k, :k], grown[k, :k], grown[k, k] = self.factor, known, own
        self.factor = grown
        self.white = np.vstack([self.white, self.rng.standard_normal(self.sites)])
        return grown[k] @ self.white


class Layer:
    """Fields of one hidden layer at all sites, and their derivatives in u and in r."""

    def __init__(self, rows: int, sites: int, rng: np.random.Generator) -> None:
        self.u, self.r = GrowingNoise(sites, rng), GrowingNoise(sites, rng)
        names = ("h", "z", "phi", "slope", "g")
        self.fields = {name: np.zeros((rows, sites)) for name in names}
        both = [(name, noise) for name in ("h", "g") for noise in "ur"]
        self.d = {pair: np.zeros((rows, rows, sites)) for pair in both}
        self.features, self.gradients = np.zeros((rows, rows)), np.zeros((rows, rows))
        self.of_r, self.of_u = np.zeros((rows, rows)), np.zeros((rows, rows))


def solve(kernel, y, *, depth, steps, learning_rate, richness, sites, seed):
    """Return outputs (t, n), and feature and gradient kernels (depth, t n, t n)."""
    rng, n = np.random.default_rng(seed), len(y)
    rows = n * (steps + 1)
    layers = [Layer(rows, sites, rng) for _ in range(depth)]
    w0 = rng.standard_normal(sites)
    outputs, push = np.zeros((steps + 1, n)), np.zeros(rows)
    inputs = np.tile(kernel, (steps + 1, steps + 1))
    for t in range(steps + 1):
        now = range(t * n, (t + 1) * n)
        for k, layer in enumerate(layers):
            below = layers[k - 1].features if k else inputs
            for i in now:
                row = below[i, : i + 1]
                coupling = richness * below[i, : t * n] * push[: t * n]
                if k:
                    coupling = coupling + layers[k - 1].of_r[i, : t * n]
                h = layer.u.append(row) + coupling @ layer.fields["g"][: t * n]
                layer.fields["h"][i], layer.fields["phi"][i] = h, np.tanh(h)
                layer.fields["slope"][i] = 1 - np.tanh(h) ** 2
                for noise in "ur":
                    total = np.einsum("s,sjx->jx", coupling, layer.d["g", noise][: t * n])
                    layer.d["h", noise][i] = total
                layer.d["h", "u"][i, i] += 1
                layer.of_r[i] = np.mean(layer.fields["slope"][i] * layer.d["h", "r"][i], axis=1)
                phi = layer.fields["phi"]
                layer.features[i] = layer.features[:, i] = phi @ phi[i] / sites
        top = layers[-1].fields["phi"]
        w = w0 + richness * push[: t * n] @ top[: t * n]
        outputs[t] = [np.mean(w * top[i]) / richness for i in now]
        for k in reversed(range(depth)):
            layer = layers[k]
            above = layers[k + 1].gradients if k + 1 < depth else np.ones((rows, rows))
            until = (t + 1) * n
            moved = {
                name: layer.fields["slope"][:until, None] * layer.d["h", name][:until]
                for name in "ur"
            }
            for i in now:
                memory = np.zeros(rows)
                memory[: t * n] = richness * above[i, : t * n] * push[: t * n]
                if k + 1 < depth:
                    memory += layers[k + 1].of_u[i]
                noise = layer.r.append(above[i, : i + 1]) if k + 1 < depth else w0
                z = noise + memory @ layer.fields["phi"]
                slope, tanh = layer.fields["slope"][i], layer.fields["phi"][i]
                layer.fields["z"][i], layer.fields["g"][i] = z, slope * z
                for name in "ur":
                    dz = np.einsum("s,sjx->jx", memory[:until], moved[name])
                    if name == "r":
                        dz[i] += 1
                    layer.d["g", name][i] = (
                        -2 * tanh * slope * z * layer.d["h", name][i] + slope * dz
                    )
                layer.of_u[i] = np.mean(layer.d["g", "u"][i], axis=1)
                g = layer.fields["g"]
                layer.gradients[i] = layer.gradients[:, i] = g @ g[i] / sites
        push[list(now)] = learning_rate * (y - outputs[t])
    return (
        outputs,
        np.stack([layer.features for layer in layers]),
        np.stack([layer.gradients for layer in layers]),
    )
