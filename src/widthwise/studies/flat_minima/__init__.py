"""How sharp are the minima of deep linear networks, and which does training find?"""

from widthwise.studies.flat_minima.study import FlatMinima as FlatMinima
