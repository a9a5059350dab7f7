"""When do singular values of weights leave the bulk, and does that depend on width?"""

from widthwise.studies.spectral_dynamics.study import SpectralDynamics as SpectralDynamics
