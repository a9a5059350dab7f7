"""Deep linear networks trained by gradient descent, many side by side."""

from widthwise.ensembles.deep_linear.observed import deep_linear_weights as deep_linear_weights
from widthwise.ensembles.deep_linear.start import deep_linear_start as deep_linear_start
from widthwise.ensembles.deep_linear.start import residual_start as residual_start
from widthwise.ensembles.deep_linear.train import train_deep_linear as train_deep_linear
