"""What the command's exit codes mean; docs/cli.md has the table."""

DONE = 0
"""It did what it was asked to do."""

FAILED = 1
"""It did not, and has said why."""

WRONG_USAGE = 2
"""The command line is not one it understands."""

NO_SERVER = 3
"""Nothing answers at the URL, or what answers is not this project's server."""

INTERRUPTED = 130
"""Ctrl-C, as in shells; commands that run until then end with 0."""
