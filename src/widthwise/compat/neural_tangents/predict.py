"""Predictions of trained networks under the archived names and conventions.

Losses are ``|f - y|^2 / (2 y.size)``; time is ``learning_rate * t``. Everything is computed by
:mod:`widthwise.dynamics`; these functions put arguments and results into the archived shapes.
"""

from typing import Any

from widthwise.compat.neural_tangents.absent import missing
from widthwise.compat.neural_tangents.ensemble import gp_inference as gp_inference
from widthwise.compat.neural_tangents.ensemble import (
    gradient_descent_mse_ensemble as gradient_descent_mse_ensemble,
)
from widthwise.compat.neural_tangents.single import ODEState as ODEState
from widthwise.compat.neural_tangents.single import gradient_descent as gradient_descent
from widthwise.compat.neural_tangents.single import gradient_descent_mse as gradient_descent_mse
from widthwise.compat.neural_tangents.single import max_learning_rate as max_learning_rate
from widthwise.dynamics import Gaussian as Gaussian


def __getattr__(name: str) -> Any:
    raise missing("predict", name, {}, globals())
