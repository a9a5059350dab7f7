"""Speeds of features in PyTorch: the same numbers as in JAX, and a transformer as it is."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import widthwise as ww

torch = pytest.importorskip("torch")


def test_the_same_numbers_as_in_jax():
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 5), torch.nn.ReLU(inplace=True), torch.nn.Linear(5, 2)
    ).double()
    x, y = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 2, dtype=torch.float64)
    found = ww.feature_speed(model, x, y, steps=[1e-3])
    with jax.enable_x64(True):
        twin = eqx.nn.MLP(3, 2, 5, 1, key=jax.random.key(0))
        for i, layer in enumerate((model[0], model[2])):
            new = (jnp.asarray(layer.weight.detach()), jnp.asarray(layer.bias.detach()))
            twin = eqx.tree_at(lambda m, i=i: (m.layers[i].weight, m.layers[i].bias), twin, new)
        expected = ww.feature_speed(twin, x.numpy(), y.numpy(), steps=[1e-3])
    assert found.node.values.tolist() == ["0", "1", "output"]
    same = found.sel(node=["0", "output"])
    other = expected.sel(node=[".layers[0]", "output"])
    for name in ("cosine", "speed", "decay", "feature_rms", "backward_norm", "moved"):
        np.testing.assert_allclose(same[name].values, other[name].values, rtol=1e-10, err_msg=name)
    assert found.cut.all()


class Block(torch.nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm, self.qkv, self.out = (
            torch.nn.LayerNorm(d), torch.nn.Linear(d, 3 * d), torch.nn.Linear(d, d),
        )  # fmt: skip

    def forward(self, x):
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        attended = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return x + self.out(attended)


class Transformer(torch.nn.Module):
    def __init__(self, tied):
        super().__init__()
        self.embed = torch.nn.Embedding(7, 8)
        self.blocks = torch.nn.ModuleList([Block(8), Block(8)])
        self.head = torch.nn.Linear(8, 7, bias=False)
        if tied:
            self.head.weight = self.embed.weight

    def forward(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def entropy(outputs, targets):
    return torch.nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())


@pytest.mark.parametrize("tied", [False, True])
def test_a_transformer_as_it_is(tied):
    torch.manual_seed(0)
    model = Transformer(tied).double()
    tokens = torch.arange(10).reshape(2, 5) % 7
    steps = (1e-5, 1e-4)
    found = ww.feature_speed(model, tokens, tokens, loss=entropy, steps=steps)
    stream = found.sel(node=["embed", "blocks.0", "blocks.1", "output"])
    assert stream.cut.values.tolist() == [not tied] * 3 + [True]
    assert np.all((np.abs(stream.residual) > 1e-3) == (~stream.cut))
    np.testing.assert_allclose(found.residual[found.cut], 0, atol=1e-12)
    moving = found.step_error.sel(node=["blocks.1", "output"])
    np.testing.assert_allclose(moving.isel(step=1) / moving.isel(step=0), 10, rtol=0.02)
    balanced = ww.feature_speed(model, tokens, tokens, loss=entropy, update="balanced")
    assert balanced.attrs["loss_decay"] == pytest.approx(1)


def test_refused():
    line, x = torch.nn.Linear(2, 1), torch.ones(3, 2)
    for model, change, error, match in [
        (torch.nn.Tanh(), {}, TypeError, "require gradients"),
        (torch.nn.Sequential(line, torch.nn.Dropout()), {}, ValueError, "model.eval"),
        (line, {"loss": lambda f, _: f}, ValueError, "one real number"),
        (line, {"learning_rates": 1.0}, ValueError, "models in JAX"),
        (line, {"update": "adam"}, ValueError, "update"),
        (line, {"nodes": ["input"]}, ValueError, "a name of nodes"),
    ]:
        with pytest.raises(error, match=match):
            ww.feature_speed(model, x, torch.ones(3, 1), **change)
