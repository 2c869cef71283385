"""``python -m paramedic``."""

import sys

from paramedic.cli.main import main

sys.exit(main())
