"""Dynamical mean-field theory: infinitely wide networks that learn features."""

from widthwise.dynamics.mean_field.problem import Diverged as Diverged
from widthwise.dynamics.mean_field.solution import FieldSolution as FieldSolution
from widthwise.dynamics.mean_field.solve import dmft as dmft
