"""What a check finds."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: What was looked at.
        state: ``fail`` for what keeps the server from starting or working, ``warn`` for what
            slows it down or could not be settled.
        found: What there is.
        remedy: What to do; empty if nothing needs to be done.
        notes: What else is good to know, a line each.
    """

    check: str
    state: State
    found: str
    remedy: str = ""
    notes: tuple[str, ...] = ()


def ok(check: str, found: str, *notes: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", found, notes=notes)


def warn(check: str, found: str, remedy: str, *notes: str) -> Finding:
    """It works, but not as it could."""
    return Finding(check, "warn", found, remedy, notes)


def fail(check: str, found: str, remedy: str, *notes: str) -> Finding:
    """It does not work."""
    return Finding(check, "fail", found, remedy, notes)
