"""`python -m ringwall.cli`."""

import sys

from . import main

sys.exit(main())
