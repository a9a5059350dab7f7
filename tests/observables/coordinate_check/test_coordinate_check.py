"""Coordinate checks of JAX models against the powers of theory, and their verdicts."""
# ruff: noqa: ARG005

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

import widthwise as ww
from widthwise.networks.scaling.exponents import ChangeExponent
from widthwise.observables.coordinate_check.slope import slope_of

rng = np.random.default_rng(0)
X = rng.standard_normal((4, 16)).astype(np.float32)
Y = rng.standard_normal((4, 1)).astype(np.float32)
WIDTHS = (64, 128, 256)


def test_slope_is_that_of_a_power_law_and_its_interval_shrinks() -> None:
    def interval(sizes: list[int], members: int) -> float:
        sizes_ = np.array(sizes, float)
        noise = np.random.default_rng(1).standard_normal((len(sizes), members))
        found = slope_of(sizes_, 3 * sizes_[:, None] ** 0.5 * (1 + 0.1 * noise))
        assert found.lower < 0.5 < found.upper
        return found.upper - found.lower

    few = interval([32, 64, 128], 4)
    assert interval([32, 64, 128], 16) < 0.6 * few
    assert interval([32, 64, 128, 256, 512], 4) < 0.6 * few
    exact = slope_of(np.array([1.0, 2.0, 4.0]), np.array([[1.0, 1.0], [0.5, 0.5], [0.25, 0.25]]))
    assert (exact.value, exact.standard_error) == pytest.approx((-1, 0))


def test_interval_covers_as_often_as_it_says() -> None:
    sizes, generator = np.array([16.0, 32.0, 64.0, 128.0]), np.random.default_rng(2)
    covered = 0
    for _ in range(400):
        found = slope_of(sizes, 1 + 0.2 * generator.standard_normal((4, 4)))
        covered += found.lower <= 0 <= found.upper
    assert 0.91 <= covered / 400 <= 0.985


@pytest.fixture(scope="module")
def own_network() -> ww.observables.CoordinateCheck:
    """The standard form under Adam, which grows; a network with its own parametrization."""
    net = ww.Sequential(
        ww.Dense(8), ww.Relu(), ww.Dense(8), ww.Relu(), ww.Dense(1),
        parametrization=ww.Standard(2**0.5),
    )  # fmt: skip
    return ww.coordinate_check(
        net, (X, Y), widths=WIDTHS, learning_rate=1e-4, loss="mean", steps=1, members=6
    )


def test_standard_form_under_adam(own_network: ww.observables.CoordinateCheck) -> None:
    rows = own_network.slopes(1)
    assert [row.role for row in rows] == ["input", "hidden", "output", "output"]
    assert [row.theory.leading for row in rows if row.theory] == [0, 1, 1.5, 1.5]
    assert [row.scaling for row in rows] == ["independent", "grows", "grows", "grows"]
    assert rows[0].verdict == "as predicted"
    assert all(row.verdict != "not as predicted" for row in rows), str(own_network)
    assert own_network.transfers is False
    assert "hidden  1     +0." in str(own_network)


def test_a_wrong_prediction_is_refused(own_network: ww.observables.CoordinateCheck) -> None:
    moved = {
        when: {name: ChangeExponent(p.leading - 0.5, p.least - 0.5)
               for name, p in powers.items()}
        for when, powers in own_network.theory.items()
    }  # fmt: skip
    wrong = ww.observables.CoordinateCheck(
        own_network.data, "width", own_network.roles, moved, own_network.drift, "wrong"
    )
    assert {row.verdict for row in wrong.slopes(1)[:2]} == {"not as predicted"}


class TokenModel(eqx.Module):
    """Layers inside of vmap and scan, from where no traced value can be taken."""

    wte: eqx.nn.Embedding
    blocks: eqx.nn.Linear
    norm: eqx.nn.LayerNorm
    head: eqx.nn.Linear

    def __init__(self, width: int, key: Array) -> None:
        keys = jax.random.split(key, 4)
        self.wte = eqx.nn.Embedding(11, width, key=keys[0])
        self.blocks = eqx.filter_vmap(lambda k: eqx.nn.Linear(width, width, key=k))(keys[1:3])
        self.norm = eqx.nn.LayerNorm(width)
        self.head = eqx.nn.Linear(width, 11, key=keys[3])

    def __call__(self, tokens: Array) -> Array:
        def block(x: Array, layer: eqx.nn.Linear) -> tuple[Array, None]:
            return x + jax.vmap(lambda z: jax.nn.relu(layer(self.norm(z))))(x), None

        x, _ = jax.lax.scan(block, jax.vmap(self.wte)(tokens), self.blocks)
        return jax.vmap(lambda z: self.head(self.norm(z)))(x)


@pytest.mark.slow
def test_equinox_transformer_with_scanned_layers() -> None:
    tokens = rng.integers(11, size=(3, 6))
    check = ww.coordinate_check(
        TokenModel, (tokens, tokens), widths=(16, 32, 64), learning_rate=1e-2,
        parametrization="mup", steps=2, members=3,
    )  # fmt: skip
    assert [(row.layer, row.role) for row in check.slopes()] == [
        (".wte", "input"), (".norm", "bias"), (".blocks", "hidden"), (".head", "output"),
        ("output", "output"),
    ]  # fmt: skip
    assert all(row.verdict != "not as predicted" for row in check.slopes(1)), str(check)


def test_what_is_seen_is_what_the_layers_return() -> None:
    from widthwise.ensembles.models.taps import seen_by, tapped

    model, tokens = TokenModel(8, jax.random.key(0)), jnp.arange(6)
    with seen_by() as seen:
        outputs = jax.jit(jax.vmap(tapped(model)))(jnp.stack([tokens, tokens + 1]))
        jax.block_until_ready(outputs)
    expected = jax.vmap(model)(jnp.stack([tokens, tokens + 1]))
    np.testing.assert_allclose(outputs, expected, rtol=1e-6)
    embedded = model.wte.weight[jnp.stack([tokens, tokens + 1])]
    np.testing.assert_allclose(seen[".wte"][0], embedded)
    np.testing.assert_allclose(seen[".head"][0], expected, rtol=1e-5)
    assert len(seen[".norm"]) == 3  # two blocks and the end


def mlp(width: int, key: Array) -> eqx.nn.MLP:
    return eqx.nn.MLP(16, 1, width, 1, key=key)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"widths": (16, 32)}, "at least 3 increasing sizes"),
        ({"widths": (16, 24, 32)}, "at least 4 times the smallest"),
        ({"widths": 16}, "give a list of one"),
        ({"learning_rate": float("nan")}, "give a positive number"),
        ({"members": 1}, "members=1"),
        ({"optimizer": "adagrad"}, "optimizer is 'adagrad'"),
        ({"loss": "hinge"}, "loss is 'hinge'"),
        ({"loss": lambda f, y: jnp.sum(f) * jnp.nan}, "sums to nan before the first step"),
        ({"make": lambda width, key: mlp(8 + 0 * width, key)}, "use the width in make"),
        ({"make": ww.Sequential(ww.Dense(1)), "parametrization": "mup"}, "leave out"),
        ({"data": (X, Y[:2])}, "4 inputs and 2 targets"),
    ],
)  # fmt: skip
def test_bad_input(changed: dict, message: str) -> None:
    given = {
        "make": mlp, "data": (X, Y), "widths": (8, 16, 32), "learning_rate": 0.1, "loss": "mean",
    }  # fmt: skip
    arguments = {**given, **changed}
    with pytest.raises((ValueError, TypeError), match=message):
        ww.coordinate_check(arguments.pop("make"), arguments.pop("data"), **arguments)
