"""Deep linear networks solved exactly: their training, where it ends, and how sharp the end is."""

from widthwise.dynamics.linear.conservation import conservation_drift as conservation_drift
from widthwise.dynamics.linear.conservation import conserved_quantities as conserved_quantities
from widthwise.dynamics.linear.conservation import excess_rank as excess_rank
from widthwise.dynamics.linear.conservation import excess_rank_bound as excess_rank_bound
from widthwise.dynamics.linear.flat_minima import FlatMinima as FlatMinima
from widthwise.dynamics.linear.flat_minima import flat_minima as flat_minima
from widthwise.dynamics.linear.flow import LinearFlow as LinearFlow
from widthwise.dynamics.linear.flow import gradient_flow as gradient_flow
from widthwise.dynamics.linear.least_squares import LeastSquares as LeastSquares
from widthwise.dynamics.linear.least_squares import least_squares as least_squares
from widthwise.dynamics.linear.modes import escape_time as escape_time
from widthwise.dynamics.linear.modes import mode as mode
from widthwise.dynamics.linear.modes import mode_time as mode_time
from widthwise.dynamics.linear.sharpness import sharpness as sharpness
from widthwise.dynamics.linear.two_layer import TwoLayer as TwoLayer
from widthwise.dynamics.linear.two_layer import two_layer as two_layer
from widthwise.dynamics.linear.unbalanced import unbalanced_mode as unbalanced_mode
