"""Models of a user's own constructor, trained at many widths and depths."""

from widthwise.ensembles.models.sizes import Sizes as Sizes
from widthwise.ensembles.models.sizes import axis_of as axis_of
from widthwise.ensembles.models.sizes import planned_models as planned_models
from widthwise.ensembles.models.trial import Trial as Trial
from widthwise.ensembles.models.trial import trial_of as trial_of
