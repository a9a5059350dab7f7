"""What is measured on networks and compared with their theory."""

from widthwise.observables.propagation_error import ErrorScaling as ErrorScaling
from widthwise.observables.propagation_error import error_scaling as error_scaling
from widthwise.observables.propagation_error import random_network as random_network
from widthwise.observables.propagation_error import sampling_mse as sampling_mse
from widthwise.observables.propagation_error import squared_errors as squared_errors
