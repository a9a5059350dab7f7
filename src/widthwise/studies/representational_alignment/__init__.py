"""How alike are networks that train on noisy copies of one training set?"""

from widthwise.studies.representational_alignment.study import (
    RepresentationalAlignment as RepresentationalAlignment,
)
