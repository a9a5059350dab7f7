"""Weights in files: read as numbers only, one array at a time, whatever wrote them."""

from widthwise.networks.checkpoints.checkpoint import Checkpoint as Checkpoint
from widthwise.networks.checkpoints.load import load_weights as load_weights
from widthwise.networks.checkpoints.matrices import WeightMatrix as WeightMatrix
from widthwise.networks.checkpoints.matrices import weight_matrices as weight_matrices
from widthwise.networks.checkpoints.roles import ROLES as ROLES
from widthwise.networks.checkpoints.roles import role_of as role_of
