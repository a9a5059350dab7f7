"""Direction of deep linear classifiers trained on spherically symmetric inputs, exactly."""

from widthwise.dynamics.directional.bounds import DirectionalBounds as DirectionalBounds
from widthwise.dynamics.directional.bounds import directional_bounds as directional_bounds
from widthwise.dynamics.directional.descent_bounds import DescentBounds as DescentBounds
from widthwise.dynamics.directional.descent_bounds import descent_bounds as descent_bounds
from widthwise.dynamics.directional.descent_bounds import steady_norm as steady_norm
from widthwise.dynamics.directional.flow import DirectionalFlow as DirectionalFlow
from widthwise.dynamics.directional.flow import directional_flow as directional_flow
from widthwise.dynamics.directional.gradient import aligned_gradient as aligned_gradient
from widthwise.dynamics.directional.gradient import population_gradient as population_gradient
from widthwise.dynamics.directional.gradient import population_loss as population_loss
from widthwise.dynamics.directional.gradient import radial_gradient as radial_gradient
from widthwise.dynamics.directional.rates import LateRate as LateRate
from widthwise.dynamics.directional.rates import early_clock as early_clock
from widthwise.dynamics.directional.rates import early_exponent as early_exponent
from widthwise.dynamics.directional.rates import late_rate as late_rate
from widthwise.dynamics.directional.weights import balanced_weights as balanced_weights
from widthwise.dynamics.directional.weights import weights_descent as weights_descent
from widthwise.dynamics.directional.weights import weights_flow as weights_flow
