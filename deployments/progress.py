"""Lines that tell a person at a terminal what takes so long."""

import time
from collections.abc import Callable
from typing import Any, Self


class Progress:
    """Prints steps with the seconds since the start.

    As a context manager at a terminal, it also shows the step in hand with a clock that runs,
    until :meth:`rest` or the end of the ``with`` block.

    Args:
        clock: Seconds, monotonic.
        console: A rich console; standard output if not given.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, console: Any = None
    ) -> None:
        self._clock = clock
        self._started_at_s = clock()
        self._console = console
        self._within = False
        self._bar: Any = None

    def __enter__(self) -> Self:
        self._within = True
        return self

    def __exit__(self, *exception: object) -> None:
        self._within = False
        self.rest()

    def step(self, text: str) -> None:
        """Says what happens now."""
        self.rest()
        elapsed_s = self._clock() - self._started_at_s
        print(f"[{elapsed_s:6.1f} s] {text}", flush=True)
        if self._within:
            self._show(text)

    def rest(self) -> None:
        """Nothing is under way for now: stops the clock that runs."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _show(self, text: str) -> None:
        # Imported late: programs without a terminal need none of it.
        from rich.console import Console
        from rich.progress import Progress as Bar
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        console = self._console or Console()
        if not console.is_terminal:
            return
        columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("[dim]{task.description}"))
        self._bar = Bar(*columns, console=console, transient=True)
        self._bar.add_task(text)
        self._bar.start()
