"""What is measured on networks and compared with their theory."""

from widthwise.kernels.propagation_error import ErrorScaling as ErrorScaling
from widthwise.kernels.propagation_error import SquaredErrors as SquaredErrors
from widthwise.kernels.propagation_error import error_scaling as error_scaling
from widthwise.kernels.propagation_error import random_network as random_network
from widthwise.kernels.propagation_error import sampling_mse as sampling_mse
from widthwise.kernels.propagation_error import squared_errors as squared_errors
