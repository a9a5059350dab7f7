"""Ensembles of networks in training."""

from widthwise.ensembles.training.schedule import linear_steps as linear_steps
from widthwise.ensembles.training.schedule import log_steps as log_steps
from widthwise.ensembles.training.train import train as train
