"""``python -m hivetalk_scheduler``."""

import sys

from hivetalk_scheduler.cli import main

sys.exit(main())
