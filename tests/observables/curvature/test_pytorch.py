"""The sharpness of a PyTorch model, against that of the same network in JAX."""

import jax.numpy as jnp
import numpy as np
import pytest

import widthwise as ww

torch = pytest.importorskip("torch")


def test_a_model_in_one_line():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    model = model.double()
    x = torch.randn(6, 3, dtype=torch.float64)

    found = ww.sharpness(lambda model, x: torch.mean(model(x) ** 2), model, x)

    arrays = [jnp.asarray(p.detach().numpy()) for p in model.parameters()]

    def loss(arrays, x):
        w1, b1, w2, b2 = arrays
        return jnp.mean((jnp.tanh(x @ w1.T + b1[None]) @ w2.T + b2[None]) ** 2)

    twin = ww.sharpness(loss, arrays, jnp.asarray(x.numpy()))
    np.testing.assert_allclose([found.value, found.upper], [twin.value, twin.upper], rtol=1e-9)


def test_refused_models():
    line = torch.nn.Linear(2, 1)
    with pytest.raises(ValueError, match="return one real number"):
        ww.sharpness(lambda m: m(torch.ones(3, 2)), line)
    with pytest.raises(ValueError, match="leave them out for a PyTorch model"):
        ww.sharpness(lambda m: m.weight.sum(), line, rates=1.0)
    with pytest.raises(TypeError, match="require gradients"):
        ww.sharpness(lambda _: 0.0, torch.nn.Tanh())
    flat = ww.sharpness(lambda m: m.weight.sum(), line)
    assert (flat.value, flat.converged) == (0.0, True)
