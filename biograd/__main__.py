"""Run the program: `python -m biograd` is `biograd`."""

import sys

from .commands.cli import main

sys.exit(main())
