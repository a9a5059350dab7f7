"""How far a matrix of weights is from independent Gaussian entries, by many measures."""

from widthwise.observables.weight_statistics.change import Change as Change
from widthwise.observables.weight_statistics.change import changes as changes
from widthwise.observables.weight_statistics.ensemble import EnsembleLayer as EnsembleLayer
from widthwise.observables.weight_statistics.ensemble import ensemble_tests as ensemble_tests
from widthwise.observables.weight_statistics.entries import EntryOutlier as EntryOutlier
from widthwise.observables.weight_statistics.layer import LayerStatistics as LayerStatistics
from widthwise.observables.weight_statistics.layer import layer_statistics as layer_statistics
from widthwise.observables.weight_statistics.null import AgainstNull as AgainstNull
from widthwise.observables.weight_statistics.survey import Survey as Survey
from widthwise.observables.weight_statistics.survey import SurveyedLayer as SurveyedLayer
from widthwise.observables.weight_statistics.survey import survey as survey
from widthwise.observables.weight_statistics.verdict import sentences as sentences
from widthwise.observables.weight_statistics.verdict import verdict as verdict
