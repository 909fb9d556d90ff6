"""`python -m biograd` is `biograd`."""

import sys

from .cli import main

sys.exit(main())
