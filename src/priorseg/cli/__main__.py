"""Run the command line by ``python -m priorseg.cli``."""

import sys

from . import main

sys.exit(main())
