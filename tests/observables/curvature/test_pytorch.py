"""The sharpness of a PyTorch model, against its dense Hessian."""

import numpy as np
import pytest

import widthwise as ww
from widthwise.observables import spectral_density

torch = pytest.importorskip("torch")


def test_a_model_in_one_line():
    """Its sharpness, and the trace of its spectral density."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    model = model.double()
    x = torch.randn(6, 3, dtype=torch.float64)

    def loss(model, x):
        return torch.mean(model(x) ** 2)

    found = ww.sharpness(loss, model, x)

    def value(*arrays):
        named = dict(zip(dict(model.named_parameters()), arrays, strict=True))
        return torch.mean(torch.func.functional_call(model, named, x) ** 2)

    blocks = torch.autograd.functional.hessian(value, tuple(model.parameters()))
    sizes = [p.numel() for p in model.parameters()]
    rows = [
        torch.cat([block.reshape(n, m) for block, m in zip(row, sizes, strict=True)], dim=1)
        for row, n in zip(blocks, sizes, strict=True)
    ]
    dense = torch.cat(rows).detach().numpy()
    top = np.linalg.eigvalsh(dense)[-1]
    assert found.value <= top * (1 + 1e-12) <= found.upper * (1 + 2e-12)
    np.testing.assert_allclose(found.value, top, rtol=1e-4)
    density = spectral_density(loss, model, x, probes=16, products=len(dense))
    assert abs(float(density.trace) - np.trace(dense)) < 4 * float(density.trace_error)
    # With as many products as parameters the nodes are eigenvalues.
    gaps = np.abs(density.node.values[..., None] - np.linalg.eigvalsh(dense)).min(axis=-1)
    assert np.all((gaps < 1e-8) | (density.weight.values < 1e-8))


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
