"""Loads a server with the mix and prints what was measured: ``python -m loadtest.load``.

Options that are not listed here go to locust, e.g. --kinds chatbot --shape spike: see
docs/loadtest.md.
"""

import argparse
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from deployments.progress import Progress
from loadtest.load.locust_run import LocustRun, need_locust
from loadtest.servers import free_port, infercept_server

RESULTS = Path("results/loadtest")
DEFAULTS = ("--think-scale", "0.1")


def main() -> int:
    """Runs the load test; returns the exit code of the program."""
    arguments, others = parser().parse_known_args()
    need_locust()
    progress = Progress()
    with _server(arguments.url, arguments.config, progress) as url:
        progress.step(f"loading {url} with {arguments.users} users")
        run = LocustRun(
            url, arguments.users, arguments.seconds, arguments.results, [*DEFAULTS, *others]
        )
        code = run.run()
        progress.step(f"CSV files and the HTML report are in {arguments.results}")
    return code


def parser() -> argparse.ArgumentParser:
    """The command line, but for what goes to locust."""
    made = argparse.ArgumentParser(
        prog="python -m loadtest.load", description=__doc__, allow_abbrev=False
    )
    made.add_argument("--url", help="a running server; without one, CONFIG is served")
    made.add_argument("--config", type=Path, default=Path("configs/demo.yaml"))
    made.add_argument("--users", type=int, default=6)
    made.add_argument("--seconds", type=float, default=90.0)
    made.add_argument("--results", type=Path, default=RESULTS, help="a folder")
    return made


def _server(url: str | None, config: Path, progress: Progress) -> AbstractContextManager[str]:
    if url is not None:
        return nullcontext(url.rstrip("/"))
    progress.step(f"starting {config}")
    return infercept_server(config, free_port())


if __name__ == "__main__":
    sys.exit(main())
