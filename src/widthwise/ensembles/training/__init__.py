"""Ensembles of networks in training."""

from widthwise.ensembles.training.recorders import loss as loss
from widthwise.ensembles.training.recorders import output as output
from widthwise.ensembles.training.schedule import linear_steps as linear_steps
from widthwise.ensembles.training.schedule import log_steps as log_steps
from widthwise.ensembles.training.spectra import sharpness as sharpness
from widthwise.ensembles.training.spectra import singular_values as singular_values
from widthwise.ensembles.training.summary import summarize as summarize
from widthwise.ensembles.training.train import train as train
from widthwise.ensembles.training.weights import weights as weights
