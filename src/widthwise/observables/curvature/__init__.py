"""Curvature of any loss: sharpness, eigenvalues, spectral density, the edge of stability."""

from widthwise.observables.curvature.edge import edge_of_stability as edge_of_stability
from widthwise.observables.curvature.search import NotConverged as NotConverged
from widthwise.observables.curvature.sharpness import Sharpness as Sharpness
from widthwise.observables.curvature.sharpness import sharpness as sharpness
from widthwise.observables.curvature.spectrum import hessian_eigenvalues as hessian_eigenvalues
from widthwise.observables.curvature.spectrum import spectral_density as spectral_density
