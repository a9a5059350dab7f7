"""Dynamical mean-field theory: infinitely wide networks that learn features."""

from widthwise.dynamics.mean_field.closed_forms import linear_descent as linear_descent
from widthwise.dynamics.mean_field.closed_forms import linear_flow as linear_flow
from widthwise.dynamics.mean_field.closed_forms import whitened_features as whitened_features
from widthwise.dynamics.mean_field.constants import Constants as Constants
from widthwise.dynamics.mean_field.constants import constants as constants
from widthwise.dynamics.mean_field.hidden_outliers import hidden_outliers as hidden_outliers
from widthwise.dynamics.mean_field.problem import Diverged as Diverged
from widthwise.dynamics.mean_field.problem import Problem as Problem
from widthwise.dynamics.mean_field.solution import FieldSolution as FieldSolution
from widthwise.dynamics.mean_field.solve import dmft as dmft
