"""Compiled programs kept on disk: the second run of a study starts at once."""

import os

import jax
import platformdirs


def keep_compiled() -> None:
    """Keep JAX's compiled programs in the user's cache folder.

    The environment variable ``WIDTHWISE_CACHE`` names another folder, or is ``off``. A folder that
    is already set in JAX (by ``JAX_COMPILATION_CACHE_DIR`` or its configuration) stays.
    """
    folder = os.environ.get("WIDTHWISE_CACHE") or platformdirs.user_cache_dir("widthwise")
    if folder == "off" or getattr(jax.config, "jax_compilation_cache_dir", None):
        return
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.02)
