"""Order parameters of deep linear networks at infinite width, marched in NumPy for these tests."""

from types import SimpleNamespace

import numpy as np
import pytest


def march(layers, steps, rate, richness, targets=(1.0,), sigma2=1.0, inputs=None):
    """Gradient descent on the summed squared error; updates 0..steps - 1 and the output at steps.

    ``h = u + C g`` and ``g = r + D h`` in every hidden layer; C and D hold responses and memory.
    """
    y = np.asarray(targets, float)
    p, n, c = len(y), steps + 1, rate * richness
    k0 = np.eye(p) if inputs is None else np.asarray(inputs, float)
    h = [np.tile(k0, (n, n)) if i == 0 else np.zeros((n * p, n * p)) for i in range(layers + 1)]
    g = [np.zeros((n, n)) for _ in range(layers + 1)] + [np.ones((n, n))]
    rh = [np.zeros((n * p, n)) for _ in range(layers + 1)]
    rg = [np.zeros((n, n * p)) for _ in range(layers + 2)]
    error, f = np.zeros((n, p)), np.zeros((n, p))

    def blocks(i, t):
        m, mp = t + 1, (t + 1) * p
        past = np.tri(m, k=-1)
        late = np.repeat(past, p, axis=0)
        memory_c = (h[i - 1][:mp, :mp] * error[:m].ravel()[None]).reshape(mp, m, p).sum(-1) * late
        memory_d = (g[i + 1][:m, :m] * past)[:, :, None] * error[:m][None]
        cc = sigma2 * rh[i - 1][:mp, :m] + c * memory_c
        dd = sigma2 * rg[i + 1][:m, :mp] + c * memory_d.reshape(m, mp)
        forward = np.linalg.inv(np.eye(mp) - cc @ dd)
        backward = np.linalg.inv(np.eye(m) - dd @ cc)
        return cc, dd, forward, backward, sigma2 * h[i - 1][:mp, :mp], sigma2 * g[i + 1][:m, :m]

    for t in range(n):
        m, mp = t + 1, (t + 1) * p
        for i in range(1, layers + 1):
            cc, _, forward, _, su, sr = blocks(i, t)
            h[i][:mp, :mp] = forward @ (su + cc @ sr @ cc.T) @ forward.T
            rh[i][:mp, :m] = forward @ cc
        for i in range(layers, 0, -1):
            _, dd, _, backward, su, sr = blocks(i, t)
            g[i][:m, :m] = backward @ (sr + dd @ su @ dd.T) @ backward.T
            rg[i][:m, :mp] = backward @ dd
        cc, dd, forward, backward, su, sr = blocks(layers, t)
        cross = forward @ (su @ dd.T + cc @ sr) @ backward.T
        f[t] = cross[t * p :, t] / richness
        error[t] = y - f[t]

    def spikes(i):
        """Arguments of the outliers of the matrix from layer i to layer i + 1, first T updates."""
        t, tp = steps, steps * p

        def shape(array, *sizes):
            return array.reshape(*sizes) if p > 1 else array

        return {
            "feature_kernel": shape(h[i][:tp, :tp], t, p, t, p),
            "gradient_kernel": g[i + 1][:t, :t],
            "coefficients": shape(c * error[:t].ravel(), t, p),
            "forward_response": shape(rh[i][:tp, :t], t, p, t),
            "backward_response": shape(rg[i + 1][:t, :tp], t, t, p),
            "sigma": sigma2**0.5,
        }

    return SimpleNamespace(output=f, error=error, spikes=spikes)


@pytest.fixture(scope="session")
def linear_network():
    return march
