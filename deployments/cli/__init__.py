"""The command ``infercept``: what it takes from its command line, and nothing of what it does.

Nothing heavy is imported here, so that ``--help`` comes at once; each command imports its own.
"""

from deployments.cli.app import main

__all__ = ["main"]
