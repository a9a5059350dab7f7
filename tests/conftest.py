"""What all tests share; the settings of JAX stand in the conftest above."""

import jax
import pytest


@pytest.fixture
def key() -> jax.Array:
    """The one random key of a test; split it, never make another."""
    return jax.random.key(0)
