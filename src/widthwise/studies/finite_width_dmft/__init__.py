"""How far is a network of finite width from the infinitely wide one that learns features?"""

from widthwise.studies.finite_width_dmft.study import FiniteWidthDmft as FiniteWidthDmft
