"""Many finite networks side by side."""

from widthwise.ensembles.chain import kernel_chain as kernel_chain
from widthwise.ensembles.control_variate import (
    without_linear_response as without_linear_response,
)
from widthwise.ensembles.convergence import KernelConvergence as KernelConvergence
from widthwise.ensembles.convergence import kernel_convergence as kernel_convergence
from widthwise.ensembles.empirical import conditional_kernels as conditional_kernels
from widthwise.ensembles.empirical import empirical_kernels as empirical_kernels
from widthwise.ensembles.empirical import output_covariance as output_covariance
from widthwise.ensembles.empirical import output_kurtosis as output_kurtosis
from widthwise.ensembles.empirical import shared_variance as shared_variance
from widthwise.ensembles.monte_carlo import MonteCarloKernel as MonteCarloKernel
from widthwise.ensembles.monte_carlo import monte_carlo_kernel as monte_carlo_kernel
from widthwise.ensembles.observe import preactivations as preactivations
from widthwise.ensembles.property_p import ViolationCounts as ViolationCounts
from widthwise.ensembles.property_p import count_violations as count_violations
from widthwise.ensembles.property_p import natural_network as natural_network
from widthwise.ensembles.proportional import leading_ntk_eigenvalue as leading_ntk_eigenvalue
from widthwise.ensembles.proportional import train_proportional as train_proportional
from widthwise.ensembles.running import running_mean as running_mean
from widthwise.ensembles.sampling import outputs as outputs
from widthwise.ensembles.sampling import sample as sample
from widthwise.ensembles.tangent import TangentOperator as TangentOperator
from widthwise.ensembles.tangent import empirical_nngp as empirical_nngp
from widthwise.ensembles.tangent import empirical_ntk as empirical_ntk
from widthwise.ensembles.tangent import linearize as linearize
from widthwise.ensembles.tangent import ntk_vector_product as ntk_vector_product
from widthwise.ensembles.tangent import taylor_expand as taylor_expand
from widthwise.ensembles.training import linear_steps as linear_steps
from widthwise.ensembles.training import log_steps as log_steps
from widthwise.ensembles.training import sharpness as sharpness
from widthwise.ensembles.training import singular_values as singular_values
from widthwise.ensembles.training import summarize as summarize
from widthwise.ensembles.training import train as train
from widthwise.ensembles.training import weights as weights
from widthwise.ensembles.two_layer_linear import (
    two_layer_linear_ensemble as two_layer_linear_ensemble,
)
