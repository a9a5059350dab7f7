"""Sweeps of real models."""

from collections.abc import Iterator
from pathlib import Path

import equinox as eqx
import numpy as np
import pytest
from jaxtyping import Array

from widthwise.observables import learning_rate_transfer
from widthwise.observables.transfer import Transfer

torch = pytest.importorskip("torch")
nn = torch.nn

rng = np.random.default_rng(0)
TEACHER = rng.standard_normal((16, 4))
X = rng.standard_normal((256, 16)).astype(np.float32)
Y = np.argmax(X @ TEACHER, axis=1)
RATES = 2.0 ** np.arange(-13, -2)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def mlp(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(16, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4)
    )


def swept(form: str, out: Path | None = None, **changed: object) -> Transfer:
    options = {
        "widths": (32, 64, 128), "learning_rates": RATES, "steps": 20, "batch_size": 32,
        "parametrization": form, "members": 3, "out": out, **changed,
    }  # fmt: skip
    return learning_rate_transfer(mlp, (X, Y), **options)  # pyright: ignore[reportArgumentType]


def test_flanks_of_standard_and_mup_under_adam() -> None:
    standard, mup = swept("standard"), swept("mup")
    # The base is the smallest width: there the two are the same networks.
    np.testing.assert_array_equal(standard.final(32), mup.final(32))
    for row in standard.shifts():
        assert row.predicted == (-1.5, -1.0)
        assert row.verdict != "not as predicted"
        assert row.upper < 0  # the predicted sign
    for row in mup.shifts():
        assert row.predicted == (0.0, 0.0)
        assert abs(row.value) < 0.4


def test_a_killed_sweep_goes_on_with_the_same_numbers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small = {"widths": (8, 16, 32), "steps": 3, "members": 2}
    first = swept("mup", tmp_path / "sweep", **small)
    files = sorted((tmp_path / "sweep").glob("*.nc"))
    assert len(files) == 6
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:-10])
    again = swept("mup", tmp_path / "sweep", **small)
    np.testing.assert_array_equal(again.data.loss, first.data.loss)
    assert "measured again" in caplog.text
    with pytest.raises(ValueError, match="holds another sweep"):
        swept("standard", tmp_path / "sweep", **{**small, "steps": 4})


def test_an_equinox_model_and_divergence() -> None:
    def make(width: int, key: Array) -> eqx.nn.MLP:
        return eqx.nn.MLP(16, 4, width, 1, key=key)

    found = learning_rate_transfer(
        make, (X, Y), widths=(4, 8, 16), learning_rates=[1e-3, 1e-2, 1e-1, 1e30], steps=4,
        batch_size=8, optimizer="sgd", members=2,
    )  # fmt: skip
    assert np.isinf(found.final(8)[:, -1]).all()
    assert np.isfinite(found.final(8)[:, :-1]).all()
    np.testing.assert_allclose(found.rates("stable"), np.log2(0.1))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"learning_rates": [0.1, 0.2, 0.3]}, "give at least 4, ascending"),
        ({"learning_rates": [0.4, 0.3, 0.2, 0.1]}, "give at least 4, ascending"),
        ({"batch_size": 257}, "batch_size=257"),
        ({"widths": 32}, "give a list of one"),
    ],
)
def test_bad_input(changed: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        swept("mup", **changed)
