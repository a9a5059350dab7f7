"""What a neural network does as its width grows: a prediction, a measurement, and their distance.

Names are loaded when they are first used, so ``import widthwise`` costs next to nothing.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
__version__ = "0.1.0"
