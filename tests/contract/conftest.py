"""The contract also holds for an example study, which stands beside the tests of the machinery."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments"))
