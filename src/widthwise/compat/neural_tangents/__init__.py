"""The interface of neural-tangents 0.6.5, archived in 2025, over this library.

Code written for it runs after changing the import to
``import widthwise.compat.neural_tangents as nt``.
"""

from typing import Any

from widthwise.compat.neural_tangents import predict as predict
from widthwise.compat.neural_tangents import stax as stax
from widthwise.compat.neural_tangents.absent import PACKAGE, missing
from widthwise.compat.neural_tangents.batching import batch as batch
from widthwise.compat.neural_tangents.empirical import NtkImplementation as NtkImplementation
from widthwise.compat.neural_tangents.empirical import empirical_kernel_fn as empirical_kernel_fn
from widthwise.compat.neural_tangents.empirical import empirical_nngp_fn as empirical_nngp_fn
from widthwise.compat.neural_tangents.empirical import empirical_ntk_fn as empirical_ntk_fn
from widthwise.compat.neural_tangents.empirical import empirical_ntk_vp_fn as empirical_ntk_vp_fn
from widthwise.compat.neural_tangents.empirical import linearize as linearize
from widthwise.compat.neural_tangents.empirical import taylor_expand as taylor_expand
from widthwise.compat.neural_tangents.kernel import Kernel as Kernel
from widthwise.compat.neural_tangents.monte_carlo import (
    monte_carlo_kernel_fn as monte_carlo_kernel_fn,
)


def __getattr__(name: str) -> Any:
    raise missing("", name, PACKAGE, globals())
