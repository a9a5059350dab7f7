import itertools

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from widthwise.plotting import PALETTE, colour, measured, new_figure, svg, theory

PAPERS = ("#ffffff", "#181c21")

# Dichromacy in linear RGB at full severity: Machado, Oliveira, Fernandes (2009), table 1.
VISION = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
               [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def linear(colour: str) -> np.ndarray:
    c = np.array(to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def oklab(rgb: np.ndarray) -> np.ndarray:
    cones = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                      [0.2119034982, 0.6806995451, 0.1073969566],
                      [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
    lab = np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                    [1.9779984951, -2.4285922050, 0.4505937099],
                    [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
    return lab @ np.cbrt(np.clip(cones @ rgb, 0, None))


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("ink", PALETTE)
def test_series_colours_reach_contrast_three_on_light_and_dark(ink, paper):
    light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


@pytest.mark.parametrize("vision", VISION)
def test_series_colours_differ_in_every_vision(vision):
    seen = [oklab(np.clip(np.asarray(VISION[vision]) @ linear(c), 0, 1)) for c in PALETTE]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.08


def test_the_palette_starts_again():
    assert colour(len(PALETTE) + 2) == PALETTE[2]


def test_global_settings_stay_as_they_were():
    before = dict(mpl.rcParams)
    figure, (ax,) = new_figure()
    theory(ax, [0, 1], [0, 1])
    measured(ax, [0, 1], [0, 1], 0.1)
    svg(figure)
    assert dict(mpl.rcParams) == before
