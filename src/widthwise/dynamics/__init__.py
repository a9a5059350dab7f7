"""Training of networks predicted: wide ones, single ones, linear ones, Bayesian inference."""

from widthwise.dynamics import linear as linear
from widthwise.dynamics.adamw import adamw_equilibrium as adamw_equilibrium
from widthwise.dynamics.adamw import adamw_variance as adamw_variance
from widthwise.dynamics.any_loss import loss_flow as loss_flow
from widthwise.dynamics.bayes import evidence as evidence
from widthwise.dynamics.bayes import posterior as posterior
from widthwise.dynamics.ensemble import Gaussian as Gaussian
from widthwise.dynamics.ensemble import Prediction as Prediction
from widthwise.dynamics.ensemble import predict as predict
from widthwise.dynamics.kernel_regression import KernelRegression as KernelRegression
from widthwise.dynamics.kernel_regression import kernel_regression as kernel_regression
from widthwise.dynamics.kernel_solver import NotConverged as NotConverged
from widthwise.dynamics.kernel_solver import Solver as Solver
from widthwise.dynamics.matrices import KernelMatrices as KernelMatrices
from widthwise.dynamics.matrices import KernelPair as KernelPair
from widthwise.dynamics.mean_field import Diverged as Diverged
from widthwise.dynamics.mean_field import FieldSolution as FieldSolution
from widthwise.dynamics.mean_field import dmft as dmft
from widthwise.dynamics.mean_field import hidden_outliers as hidden_outliers
from widthwise.dynamics.proportional import ProportionalTraining as ProportionalTraining
from widthwise.dynamics.proportional import learning_rate_sweep as learning_rate_sweep
from widthwise.dynamics.proportional import proportional_training as proportional_training
from widthwise.dynamics.single import Outputs as Outputs
from widthwise.dynamics.single import gradient_flow as gradient_flow
from widthwise.dynamics.training import max_learning_rate as max_learning_rate
