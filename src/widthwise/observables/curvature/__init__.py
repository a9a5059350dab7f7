"""Curvature of any loss: sharpness, eigenvalues, spectral density, the edge of stability."""

from widthwise.observables.curvature.search import NotConverged as NotConverged
from widthwise.observables.curvature.sharpness import Sharpness as Sharpness
from widthwise.observables.curvature.sharpness import sharpness as sharpness
