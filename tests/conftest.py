"""Settings of the whole suite: theory is tested in float64, ranks never promote silently."""

import jax
import pytest

from widthwise.experiments import keep_compiled

jax.config.update("jax_enable_x64", True)
keep_compiled()  # the workers of a parallel run, and the next run, share compiled programs
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def key() -> jax.Array:
    """The one random key of a test; split it, never make another."""
    return jax.random.key(0)
