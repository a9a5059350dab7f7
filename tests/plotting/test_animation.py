"""Figures that move."""

import pytest
from PIL import Image

from widthwise.plotting import animate, new_figure


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_every_frame_is_drawn_once(tmp_path, suffix):
    figure, (ax,) = new_figure(1, size=(1.0, 1.0))

    def draw(height: float) -> None:
        ax.clear()
        ax.plot([0, 1], [0, height])

    path = animate(figure, draw, [1.0, 2.0, -3.0], tmp_path / f"moving{suffix}", dpi=40)
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == 3


def test_refusals(tmp_path):
    figure, _ = new_figure(1)
    with pytest.raises(ValueError, match=r"must be one of \.gif, \.png"):
        animate(figure, print, [1], tmp_path / "moving.mp4")
    with pytest.raises(ValueError, match="no frames"):
        animate(figure, print, [], tmp_path / "moving.gif")
