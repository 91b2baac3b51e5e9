"""``infercept status``."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from deployments import exit_codes
from deployments.status.report import ServerStatus
from deployments.status.source import NoServerError, Source, http_source, ray_source
from deployments.status.view import screen


@dataclass(frozen=True, slots=True)
class StatusOptions:
    """The arguments of the command.

    Attributes:
        url: The server to ask.
        address: A Ray to ask instead; None for the URL.
        watch_s: Seconds between two looks; None for one look.
        api_key: What the server asks for, if it does.
        as_json: Whether programs read it: a line for each look.
    """

    url: str
    address: str | None = None
    watch_s: float | None = None
    api_key: str | None = None
    as_json: bool = False


def status_command(options: StatusOptions) -> int:
    """Asks and prints; returns the exit code of the program."""
    if options.address is None:
        found = http_source(options.url, options.api_key)
    else:
        found = ray_source(options.address)
    try:
        with found as source:
            show(source, options, Console())
    except NoServerError as error:
        return _fail(str(error), exit_codes.NO_SERVER)
    except (RuntimeError, TimeoutError) as error:
        return _fail(str(error), exit_codes.FAILED)
    except KeyboardInterrupt:
        # Of a watch it is the usual end.
        return exit_codes.INTERRUPTED if options.watch_s is None else exit_codes.DONE
    return exit_codes.DONE


def show(
    source: Source,
    options: StatusOptions,
    console: Console,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Prints one look, or one after the other until ``sleep`` raises.

    Raises:
        NoServerError: if there is nobody to ask.
        RuntimeError: if who was asked could not say.
    """
    if options.watch_s is None:
        _print(source.fetch(), options, console)
    elif options.as_json or not console.is_terminal:
        before: dict[str, ServerStatus] = {}
        while True:
            statuses = source.fetch()
            _print(statuses, options, console, before)
            before = {status.application: status for status in statuses}
            sleep(options.watch_s)
    else:
        _watch(source, options, options.watch_s, console, sleep)


def _watch(
    source: Source,
    options: StatusOptions,
    watch_s: float,
    console: Console,
    sleep: Callable[[float], None],
) -> None:
    before: dict[str, ServerStatus] = {}
    with Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            statuses = source.fetch()
            foot = Text(f"every {watch_s:g} s; Ctrl-C ends it", style="dim")
            live.update(Group(_screens(statuses, options, before), foot), refresh=True)
            before = {status.application: status for status in statuses}
            sleep(watch_s)


def _print(
    statuses: list[ServerStatus],
    options: StatusOptions,
    console: Console,
    before: dict[str, ServerStatus] | None = None,
) -> None:
    if not options.as_json:
        console.print(_screens(statuses, options, before or {}))
        return
    told = [status.model_dump() for status in statuses]
    # Of a server there is one; of a cluster there may be several.
    print(json.dumps(told[0] if options.address is None else told), flush=True)


def _screens(
    statuses: list[ServerStatus], options: StatusOptions, before: dict[str, ServerStatus]
) -> Group:
    where = options.url if options.address is None else f"Ray at {options.address}"
    shown: list[RenderableType] = []
    for status in statuses:
        shown += [screen(status, before.get(status.application), where), Text()]
    return Group(*shown)


def _fail(message: str, code: int) -> int:
    print(f"infercept: {message}", file=sys.stderr)
    return code
