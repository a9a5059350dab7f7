"""Which initial standard deviations train, and is Kaiming's better than Xavier's?"""

from widthwise.studies.init_variance.study import InitVariance as InitVariance
