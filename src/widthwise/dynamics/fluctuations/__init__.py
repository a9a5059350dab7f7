"""Fluctuations of networks of finite width around the infinitely wide one."""

from widthwise.dynamics.fluctuations.deep_linear import deep_linear as deep_linear
from widthwise.dynamics.fluctuations.descent import Descent as Descent
from widthwise.dynamics.fluctuations.dispatch import fluctuations as fluctuations
from widthwise.dynamics.fluctuations.edge import EdgeOfStability as EdgeOfStability
from widthwise.dynamics.fluctuations.edge import edge_of_stability as edge_of_stability
from widthwise.dynamics.fluctuations.lazy import lazy as lazy
from widthwise.dynamics.fluctuations.lazy_kernel import LazyKernel as LazyKernel
from widthwise.dynamics.fluctuations.lazy_kernel import lazy_kernel as lazy_kernel
from widthwise.dynamics.fluctuations.result import ExcessLoss as ExcessLoss
from widthwise.dynamics.fluctuations.result import Fluctuations as Fluctuations
from widthwise.dynamics.fluctuations.saddle import DeepLinear as DeepLinear
from widthwise.dynamics.fluctuations.saddle import deep_linear_saddle as deep_linear_saddle
from widthwise.dynamics.fluctuations.two_layer import two_layer as two_layer
from widthwise.dynamics.fluctuations.two_layer_linear import two_layer_linear as two_layer_linear
from widthwise.dynamics.fluctuations.whitened import WhitenedLinear as WhitenedLinear
from widthwise.dynamics.fluctuations.whitened import whitened_linear as whitened_linear
