"""Spectra of weight matrices, predicted: the bulk, and what training pulls out of it."""

from widthwise.numerics.marchenko_pastur import MarchenkoPastur as MarchenkoPastur
from widthwise.spectra.extensive import ExtensiveSpikes as ExtensiveSpikes
from widthwise.spectra.independent import IndependentSpike as IndependentSpike
from widthwise.spectra.independent import independent_spike as independent_spike
from widthwise.spectra.outliers import Outliers as Outliers
from widthwise.spectra.outliers import outliers as outliers
from widthwise.spectra.trajectory import critical_richness as critical_richness
from widthwise.spectra.trajectory import escape_step as escape_step
from widthwise.spectra.trajectory import outlier_trajectory as outlier_trajectory
