"""How alike networks become that train on noisy copies of one training set."""

from widthwise.dynamics.alignment.finite_size import FiniteSize as FiniteSize
from widthwise.dynamics.alignment.finite_size import finite_size as finite_size
from widthwise.dynamics.alignment.hidden import random_layers as random_layers
from widthwise.dynamics.alignment.hidden import several_outputs as several_outputs
from widthwise.dynamics.alignment.least_squares import effective_ridge as effective_ridge
from widthwise.dynamics.alignment.least_squares import label_flips as label_flips
from widthwise.dynamics.alignment.least_squares import label_noise as label_noise
from widthwise.dynamics.alignment.least_squares import label_noise_given as label_noise_given
from widthwise.dynamics.alignment.noisy_inputs import input_noise as input_noise
from widthwise.dynamics.alignment.overlap import Overlap as Overlap
from widthwise.dynamics.alignment.training_time import label_noise_at as label_noise_at
