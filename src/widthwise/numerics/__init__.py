"""Numerical methods that know nothing of networks."""

from widthwise.numerics.hermite import hermite_coefficients as hermite_coefficients
from widthwise.numerics.hermite import hermite_functions as hermite_functions
from widthwise.numerics.quadrature import KinkRule as KinkRule
from widthwise.numerics.quadrature import gaussian_mean as gaussian_mean
from widthwise.numerics.quadrature import gaussian_pair_mean as gaussian_pair_mean
from widthwise.numerics.safe import safe_sqrt as safe_sqrt
