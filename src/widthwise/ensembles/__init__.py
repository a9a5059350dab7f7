"""Many finite networks side by side."""

from widthwise.ensembles.chain import kernel_chain as kernel_chain
from widthwise.ensembles.control_variate import (
    without_linear_response as without_linear_response,
)
from widthwise.ensembles.empirical import conditional_kernels as conditional_kernels
from widthwise.ensembles.empirical import empirical_kernels as empirical_kernels
from widthwise.ensembles.empirical import output_covariance as output_covariance
from widthwise.ensembles.empirical import output_kurtosis as output_kurtosis
from widthwise.ensembles.empirical import shared_variance as shared_variance
from widthwise.ensembles.observe import preactivations as preactivations
from widthwise.ensembles.property_p import ViolationCounts as ViolationCounts
from widthwise.ensembles.property_p import count_violations as count_violations
from widthwise.ensembles.property_p import natural_network as natural_network
from widthwise.ensembles.sampling import outputs as outputs
from widthwise.ensembles.sampling import sample as sample
