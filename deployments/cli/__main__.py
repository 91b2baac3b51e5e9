"""``python -m deployments.cli``: the same as ``infercept``."""

import sys

from deployments.cli.app import main

if __name__ == "__main__":  # spawned processes import this module too
    sys.exit(main())
