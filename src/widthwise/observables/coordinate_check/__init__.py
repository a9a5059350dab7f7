"""How much each layer moves in the first steps, against the width or depth of the model."""

from widthwise.observables.coordinate_check.check import coordinate_check as coordinate_check
from widthwise.observables.coordinate_check.result import CoordinateCheck as CoordinateCheck
