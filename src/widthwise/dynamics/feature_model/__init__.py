"""How much a regression on very many features uses those that solve the task."""

from widthwise.dynamics.feature_model.classes import class_shares as class_shares
from widthwise.dynamics.feature_model.classes import correlation_price as correlation_price
from widthwise.dynamics.feature_model.classes import effective_samples as effective_samples
from widthwise.dynamics.feature_model.complexity import bits_in_reach as bits_in_reach
from widthwise.dynamics.feature_model.complexity import contribution_of as contribution_of
from widthwise.dynamics.feature_model.complexity import samples_needed as samples_needed
from widthwise.dynamics.feature_model.contribution import Contribution as Contribution
from widthwise.dynamics.feature_model.contribution import least_squares as least_squares
from widthwise.dynamics.feature_model.contribution import minimum_norm as minimum_norm
from widthwise.dynamics.feature_model.contribution import posterior_odds as posterior_odds
from widthwise.dynamics.feature_model.finite import FiniteFeatures as FiniteFeatures
