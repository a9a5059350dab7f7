"""Teachers that memorize random labels, and students of their soft labels."""

from widthwise.ensembles.distillation.curves import balanced_order as balanced_order
from widthwise.ensembles.distillation.curves import held_out_curve as held_out_curve
from widthwise.ensembles.distillation.curves import student_curve as student_curve
from widthwise.ensembles.distillation.descent import descend as descend
from widthwise.ensembles.distillation.labels import RandomLabels as RandomLabels
from widthwise.ensembles.distillation.labels import Split as Split
from widthwise.ensembles.distillation.labels import random_labels as random_labels
from widthwise.ensembles.distillation.labels import shuffled_in_classes as shuffled_in_classes
from widthwise.ensembles.distillation.labels import soft_labels as soft_labels
from widthwise.ensembles.distillation.labels import split_classes as split_classes
from widthwise.ensembles.distillation.linear import is_separable as is_separable
from widthwise.ensembles.distillation.linear import largest_margin as largest_margin
from widthwise.ensembles.distillation.linear import least_squares as least_squares
from widthwise.ensembles.distillation.linear import limit_of_training as limit_of_training
from widthwise.ensembles.distillation.linear import logistic_regression as logistic_regression
from widthwise.ensembles.distillation.linear import minimum_norm as minimum_norm
from widthwise.ensembles.distillation.modular import PairNetwork as PairNetwork
from widthwise.ensembles.distillation.modular import PairTransformer as PairTransformer
from widthwise.ensembles.distillation.modular import fitted_pairs as fitted_pairs
from widthwise.ensembles.distillation.modular import modular_sums as modular_sums
from widthwise.ensembles.distillation.networks import fitted_outputs as fitted_outputs
from widthwise.ensembles.distillation.scores import scores as scores
