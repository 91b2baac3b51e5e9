"""Locust without its page, in a process of its own: gevent changes the one that it is in."""

import importlib.util
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

LOCUSTFILE = Path(__file__).parents[1] / "locustfile.py"
LEAVE_S = 120
"""How long users may take to end their last requests: longer than a game or a human."""

_LOOK_S = 0.5
_GRACE_S = 60.0
"""For locust's own start and end; one that takes longer hangs."""


def need_locust() -> None:
    """Tells before the work begins that it could not be done.

    Raises:
        SystemExit: where locust, which servers have no need of, is not installed.
    """
    if importlib.util.find_spec("locust") is None:
        sys.exit("users are locust's, which is not installed: pip install 'locust>=2.40'")


@dataclass(frozen=True, slots=True)
class LocustRun:
    """One load test.

    Attributes:
        url: The server's.
        users: How many at the start.
        seconds: How long.
        folder: Where CSV files, the HTML report and locust's log go.
        arguments: More of locust's command line.
    """

    url: str
    users: int
    seconds: float
    folder: Path
    arguments: Sequence[str] = ()

    @property
    def command(self) -> list[str]:
        """The command line."""
        return [
            *(sys.executable, "-m", "locust", "--locustfile", str(LOCUSTFILE), "--headless"),
            *("--host", self.url, "--users", str(self.users), "--spawn-rate", str(self.users)),
            *("--run-time", f"{self.seconds:.0f}s", "--stop-timeout", str(LEAVE_S)),
            *("--csv", str(self.folder / "load"), "--html", str(self.folder / "report.html")),
            *("--report", str(self.folder / "table.md"), "--only-summary"),
            *self.arguments,
        ]

    def run(self) -> int:
        """Runs it, shows how far it is and prints its table; returns locust's exit code.

        It is 0 if no request failed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "locust.log"
        with log.open("w") as written:
            process = subprocess.Popen(
                self.command, stdout=subprocess.PIPE, stderr=written, text=True
            )
            table = self._wait(process)
        print(table, flush=True)
        if process.returncode:
            print(f"locust ended with {process.returncode}; its log is {log}", flush=True)
        return process.returncode

    def _wait(self, process: subprocess.Popen[str]) -> str:
        started_s = time.monotonic()
        with Progress(transient=True) as progress:
            task = progress.add_task(f"loading {self.url}", total=self.seconds)
            while True:
                try:
                    return process.communicate(timeout=_LOOK_S)[0]
                except subprocess.TimeoutExpired:
                    elapsed_s = time.monotonic() - started_s
                    if elapsed_s > self.seconds + LEAVE_S + _GRACE_S:
                        process.kill()
                    progress.update(task, completed=min(elapsed_s, self.seconds))
                except KeyboardInterrupt:
                    continue  # locust got it too: it has its users end, and prints the table
