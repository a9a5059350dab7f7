"""Deep linear networks with inputs, width and samples growing in proportion."""

from widthwise.dynamics.proportional.sweep import learning_rate_sweep as learning_rate_sweep
from widthwise.dynamics.proportional.training import ProportionalTraining as ProportionalTraining
from widthwise.dynamics.proportional.training import (
    proportional_training as proportional_training,
)
