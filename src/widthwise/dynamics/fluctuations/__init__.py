"""Fluctuations of networks of finite width around the infinitely wide one."""

from widthwise.dynamics.fluctuations.descent import Descent as Descent
from widthwise.dynamics.fluctuations.edge import EdgeOfStability as EdgeOfStability
from widthwise.dynamics.fluctuations.edge import edge_of_stability as edge_of_stability
from widthwise.dynamics.fluctuations.result import ExcessLoss as ExcessLoss
from widthwise.dynamics.fluctuations.result import Fluctuations as Fluctuations
from widthwise.dynamics.fluctuations.two_layer import two_layer as two_layer
from widthwise.dynamics.fluctuations.two_layer_linear import two_layer_linear as two_layer_linear
from widthwise.dynamics.fluctuations.whitened import WhitenedLinear as WhitenedLinear
from widthwise.dynamics.fluctuations.whitened import whitened_linear as whitened_linear
