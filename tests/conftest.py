"""Settings of the whole suite: theory is tested in float64, ranks never promote silently."""

import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def key() -> jax.Array:
    """The one random key of a test; split it, never make another."""
    return jax.random.key(0)
