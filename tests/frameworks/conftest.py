"""Tests here need the real frameworks; modules beside them are importable by name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
