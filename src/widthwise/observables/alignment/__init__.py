"""How alike two representations of the same inputs are."""

from widthwise.observables.alignment.compare import Alignment as Alignment
from widthwise.observables.alignment.compare import alignment as alignment
from widthwise.observables.alignment.distances import RSA as RSA
from widthwise.observables.alignment.kernels import CKA as CKA
from widthwise.observables.alignment.matrix import alignment_matrix as alignment_matrix
from widthwise.observables.alignment.measures import MEASURES as MEASURES
from widthwise.observables.alignment.neighbours import InformationImbalance as InformationImbalance
from widthwise.observables.alignment.neighbours import MutualNeighbours as MutualNeighbours
from widthwise.observables.alignment.outputs import Correlation as Correlation
from widthwise.observables.alignment.subspaces import CCA as CCA
from widthwise.observables.alignment.subspaces import Procrustes as Procrustes
