"""Tests of clusters say themselves how long they wait; a busy machine makes all of it longer."""

import faulthandler

import pytest


@pytest.fixture(autouse=True)
def patient() -> None:
    """Put off the time limit that ends a test which hangs."""
    faulthandler.dump_traceback_later(3000, exit=True)
