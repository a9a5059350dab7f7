"""What is measured on networks and compared with their theory."""

from widthwise.observables.curvature import Sharpness as Sharpness
from widthwise.observables.curvature import edge_of_stability as edge_of_stability
from widthwise.observables.curvature import hessian_eigenvalues as hessian_eigenvalues
from widthwise.observables.curvature import sharpness as sharpness
from widthwise.observables.curvature import spectral_density as spectral_density
from widthwise.observables.memorization import Leak as Leak
from widthwise.observables.memorization import leak as leak
from widthwise.observables.monitor import monitor as monitor
from widthwise.observables.propagation_error import ErrorScaling as ErrorScaling
from widthwise.observables.propagation_error import error_scaling as error_scaling
from widthwise.observables.propagation_error import random_network as random_network
from widthwise.observables.propagation_error import sampling_mse as sampling_mse
from widthwise.observables.propagation_error import squared_errors as squared_errors
from widthwise.observables.weight_spectra import WeightSpectra as WeightSpectra
from widthwise.observables.weight_spectra import edge_scale as edge_scale
from widthwise.observables.weight_spectra import measured_escape_step as measured_escape_step
from widthwise.observables.weight_spectra import outlier_threshold as outlier_threshold
from widthwise.observables.weight_spectra import weight_spectra as weight_spectra
from widthwise.observables.weight_statistics import LayerStatistics as LayerStatistics
from widthwise.observables.weight_statistics import Survey as Survey
from widthwise.observables.weight_statistics import changes as changes
from widthwise.observables.weight_statistics import layer_statistics as layer_statistics
from widthwise.observables.weight_statistics import sentences as sentences
from widthwise.observables.weight_statistics import survey as survey
from widthwise.observables.weight_statistics import verdict as verdict
