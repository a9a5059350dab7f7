"""Which function does a wide network prefer where the data do not decide?"""

from widthwise.studies.ensemble_prior.study import EnsemblePrior as EnsemblePrior
