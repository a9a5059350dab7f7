"""Sweeps over learning rates: numbers of known curves, resuming, and what is refused."""

import numpy as np
import pytest
import xarray as xr

from widthwise.networks.scaling.exponents import ChangeExponent
from widthwise.observables.transfer import Transfer
from widthwise.observables.transfer.curves import flank, largest_stable, optimum

LOG_RATES = np.arange(-12.0, 0.0)


def sweep(shift: float, noise: float = 0.0, theory: float | None = None) -> Transfer:
    """Parabolas in logarithms, moved by ``shift`` for each doubling of the width."""
    generator = np.random.default_rng(0)
    centre = -5 + shift * np.arange(4)[:, None] + noise * generator.standard_normal((4, 6))
    log_loss = 0.1 * (LOG_RATES - centre[..., None]) ** 2 - 2
    loss = np.exp(log_loss).transpose(0, 2, 1)[..., None] * np.ones(20)
    loss[..., 0] = 2.0
    data = xr.Dataset(
        {"loss": (("size", "learning_rate", "member", "step"), loss)},
        coords={"size": [32, 64, 128, 256], "learning_rate": 2.0**LOG_RATES},
    )
    predicted = None if theory is None else ChangeExponent(theory, theory)
    return Transfer(data, "width", predicted, "curves")


def test_numbers_of_one_curve() -> None:
    loss = np.exp(0.1 * (LOG_RATES + 5.3) ** 2)[None]
    np.testing.assert_allclose(optimum(LOG_RATES, loss), -5.3)
    exact = -5.3 - np.sqrt(10 * np.log(2.0))
    np.testing.assert_allclose(flank(LOG_RATES, loss, 2.0), exact, atol=0.02)
    lost = np.where(LOG_RATES > -2.5, np.inf, loss)
    np.testing.assert_allclose(largest_stable(LOG_RATES, lost), -3)
    np.testing.assert_allclose(optimum(LOG_RATES, lost), -5.3)
    assert np.isnan(flank(LOG_RATES, loss, 0.5)).all()  # never reached
    assert np.isnan(flank(LOG_RATES, loss, 1e9)).all()  # reached at the smallest rate
    assert np.isnan(optimum(LOG_RATES, np.full((1, 12), np.inf))).all()


@pytest.mark.parametrize(("shift", "theory"), [(-1.0, 1.0), (0.0, 0.0), (-0.5, 0.5)])
def test_shifts_are_found(shift: float, theory: float) -> None:
    found = sweep(shift, 0.05, theory)
    for measure in ("flank", "optimum"):
        for row in found.shifts(measure):
            assert row.value == pytest.approx(shift, abs=0.12)
            assert row.lower < row.value < row.upper
    assert {row.verdict for row in found.shifts()} == {"as predicted"}
    wrong = sweep(shift, 0.05, theory + 0.5)
    assert {row.verdict for row in wrong.shifts()} == {"not as predicted"}
    assert "32 to 64: " in str(found)


def test_a_flank_outside_of_the_grid_is_no_verdict() -> None:
    assert sweep(-4.0, theory=4.0).shifts()[-1].verdict == "outside of the grid"


def test_the_picture_has_one_curve_for_each_width() -> None:
    picture = sweep(0.0, 0.05).picture()
    (ax,) = picture.figure.axes
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [  # pyright: ignore[reportOptionalMemberAccess]
        f"width {n}" for n in (32, 64, 128, 256)
    ]
