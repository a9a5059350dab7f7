"""Pointwise functions and what Gaussian inputs make of them."""

from widthwise.activations.activation import Activation as Activation
from widthwise.activations.averages import ClosedForms as ClosedForms
from widthwise.activations.catalogue import get as get
from widthwise.activations.catalogue import names as names
from widthwise.activations.custom import from_function as from_function
from widthwise.activations.fixed_points import FixedPoint as FixedPoint
from widthwise.activations.standard import abs as abs  # noqa: A004
from widthwise.activations.standard import cos as cos
from widthwise.activations.standard import elu as elu
from widthwise.activations.standard import erf as erf
from widthwise.activations.standard import exp as exp
from widthwise.activations.standard import gaussian as gaussian
from widthwise.activations.standard import gelu as gelu
from widthwise.activations.standard import gelu_tanh as gelu_tanh
from widthwise.activations.standard import hardtanh as hardtanh
from widthwise.activations.standard import hermite as hermite
from widthwise.activations.standard import identity as identity
from widthwise.activations.standard import leaky_relu as leaky_relu
from widthwise.activations.standard import polynomial as polynomial
from widthwise.activations.standard import relu as relu
from widthwise.activations.standard import relu6 as relu6
from widthwise.activations.standard import shifted_sine as shifted_sine
from widthwise.activations.standard import sigmoid as sigmoid
from widthwise.activations.standard import sign as sign
from widthwise.activations.standard import silu as silu
from widthwise.activations.standard import sin as sin
from widthwise.activations.standard import softplus as softplus
from widthwise.activations.standard import softsign as softsign
from widthwise.activations.standard import step as step
from widthwise.activations.standard import tanh as tanh
from widthwise.activations.steeper import steeper as steeper
from widthwise.activations.verdict import Verdict as Verdict
from widthwise.activations.verdict import judge as judge
from widthwise.activations.verdict import layers_to_independence as layers_to_independence
