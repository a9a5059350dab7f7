"""Predictions: covariances and their finite-width corrections, before any network is drawn."""

from widthwise.kernels.channels import NormStability as NormStability
from widthwise.kernels.channels import decorrelated_variance as decorrelated_variance
from widthwise.kernels.channels import decorrelation_floor as decorrelation_floor
from widthwise.kernels.channels import norm_stability as norm_stability
from widthwise.kernels.channels import norm_variance as norm_variance
from widthwise.kernels.hypercube import hypercube_correlations as hypercube_correlations
from widthwise.kernels.hypercube import hypercube_spectrum as hypercube_spectrum
from widthwise.kernels.hypercube import sample_violations as sample_violations
from widthwise.kernels.infinite_width import covariance as covariance
from widthwise.kernels.infinite_width import natural_weight_variance as natural_weight_variance
from widthwise.kernels.moments import FiniteWidth as FiniteWidth
from widthwise.kernels.moments import FiniteWidthMatrix as FiniteWidthMatrix
from widthwise.kernels.moments import finite_width as finite_width
from widthwise.kernels.moments import finite_width_matrix as finite_width_matrix
from widthwise.kernels.propagation import GivenNetwork as GivenNetwork
from widthwise.kernels.propagation import Moments as Moments
from widthwise.kernels.propagation import covariance_propagation as covariance_propagation
from widthwise.kernels.propagation import flops as flops
from widthwise.kernels.propagation import mean_propagation as mean_propagation
from widthwise.kernels.property_p import Baseline as Baseline
from widthwise.kernels.property_p import ViolationSummary as ViolationSummary
from widthwise.kernels.property_p import baseline as baseline
from widthwise.kernels.property_p import deep_width_correction as deep_width_correction
from widthwise.kernels.property_p import summarize as summarize
from widthwise.kernels.property_p import violation_variance as violation_variance
from widthwise.kernels.property_p import width_correction as width_correction
