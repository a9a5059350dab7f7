"""Import neural-tangents 0.6.5, which was archived, on a recent JAX: the same compiler for both.

That library reaches into names of JAX that have moved since. They are put back where it looks for
them, in this process only; its optional TensorFlow part is left out.
"""

import sys
import types
from typing import Any


def neural_tangents() -> Any:
    """Return the module, or raise ``ImportError`` if it is not installed."""
    import jax
    import jax.core
    from jax._src import core, source_info_util, util
    from jax._src.interpreters import ad as inner
    from jax.extend.core import Primitive
    from jax.interpreters import ad

    experimental = types.ModuleType("neural_tangents.experimental")
    experimental.__path__ = []
    sys.modules[experimental.__name__] = experimental
    _complete(jax.core, core)
    _complete(ad, inner)
    if not hasattr(jax.core, "Value"):
        jax.core.Value = object  # type: ignore[attr-defined]
    if "jax.util" not in sys.modules:
        moved = types.ModuleType("jax.util")
        _complete(moved, util)
        sys.modules["jax.util"] = jax.util = moved  # type: ignore[attr-defined]
    ad.source_info_util = source_info_util  # type: ignore[attr-defined]
    if not hasattr(ad, "zeros_like_p"):
        ad.zeros_like_p = Primitive("zeros_like")  # type: ignore[attr-defined]
    import neural_tangents

    return neural_tangents


def _complete(module: Any, source: Any) -> None:
    for name, value in vars(source).items():
        if not name.startswith("__") and name not in vars(module):
            setattr(module, name, value)
