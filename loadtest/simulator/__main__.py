"""``python -m loadtest.simulator``: the same as ``infercept simulate``."""

import sys

from loadtest.simulator.command import main

if __name__ == "__main__":  # spawned processes import this module too
    sys.exit(main())
