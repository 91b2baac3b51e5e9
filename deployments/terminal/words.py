"""The steps of an interception in words."""

import json
from collections.abc import Mapping
from typing import Any


def words(told: Mapping[str, Any]) -> str:
    """One line for one step."""
    who, took = told["kind"], duration(told["seconds"])
    match told["state"]:
        case "running" if "fraction" in told:
            return f"{who}: {told['fraction']:.0%} done after {took}"
        case "running":
            return f"{who} {json.dumps(told['arguments'], ensure_ascii=False)}"
        case "succeeded":
            return f"{who} answered in {took}"
        case "failed":
            return f"{who} failed after {took}: {told.get('error', '')}"
        case _:
            return (
                f"context of {told['context_tokens']} tokens {told.get('context')}, "
                f"{told.get('recomputed_tokens')} recomputed, "
                f"{told.get('result_tokens')} added"
            )


def duration(seconds: float) -> str:
    """A time of interceptions, e.g. ``0.4 ms`` or ``12.25 s``."""
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
