from __future__ import annotations

import sys
from pathlib import Path

# The runner beside these tests is imported by name: importlib mode adds no directory itself.
sys.path.insert(0, str(Path(__file__).parent))
