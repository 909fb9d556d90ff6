"""Put docs/ on the path: its modules are scripts and hooks of mkdocs, not a package."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
