"""The statistics of weight matrices: Gaussian laws with the symmetry of neurons, and beyond."""

from widthwise.weights.bipartite import BipartiteGaussian as BipartiteGaussian
from widthwise.weights.deviations import deviations as deviations
from widthwise.weights.distances import kl as kl
from widthwise.weights.distances import squared_wasserstein as squared_wasserstein
from widthwise.weights.distances import wasserstein as wasserstein
from widthwise.weights.drawing import draw_graph as draw_graph
from widthwise.weights.drawing import gallery as gallery
from widthwise.weights.evaluate import evaluate as evaluate
from widthwise.weights.families import as_bipartite as as_bipartite
from widthwise.weights.families import as_tied as as_tied
from widthwise.weights.families import nearest_bipartite as nearest_bipartite
from widthwise.weights.families import nearest_isotropic as nearest_isotropic
from widthwise.weights.fit import Fit as Fit
from widthwise.weights.fit import fit as fit
from widthwise.weights.graphs import Graph as Graph
from widthwise.weights.graphs import graphs as graphs
from widthwise.weights.graphs import published_graphs as published_graphs
from widthwise.weights.isotropic import IsotropicGaussian as IsotropicGaussian
from widthwise.weights.law import Parts as Parts
from widthwise.weights.likelihood_ratio import LikelihoodRatio as LikelihoodRatio
from widthwise.weights.likelihood_ratio import likelihood_ratio as likelihood_ratio
from widthwise.weights.saving import from_json as from_json
from widthwise.weights.saving import to_json as to_json
from widthwise.weights.tied import TiedGaussian as TiedGaussian
from widthwise.weights.wick import expected as expected
from widthwise.weights.wick import standard_deviation as standard_deviation
