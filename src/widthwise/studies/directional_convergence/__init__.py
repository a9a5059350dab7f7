"""How fast does a linear classifier turn to its teacher, and does depth help?"""

from widthwise.studies.directional_convergence.study import (
    DirectionalConvergence as DirectionalConvergence,
)
