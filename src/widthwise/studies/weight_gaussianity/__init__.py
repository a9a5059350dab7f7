"""How far have trained weights moved from their Gaussian start, and how Gaussian are they still?"""

from widthwise.studies.weight_gaussianity.study import WeightGaussianity as WeightGaussianity
