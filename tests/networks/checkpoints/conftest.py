"""Checkpoints are written by what stands beside the tests, not by the library."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
