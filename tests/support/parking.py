"""Sessions that are parked and resumed by hand, and a clock that tests set."""

import itertools

from in_process_engine import InProcessEngine

_names = itertools.count()


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def park(engine: InProcessEngine, token_ids: list[int]) -> str:
    """Starts a session and lets its first token be a call."""
    (token,) = engine.generate(token_ids, 1)
    name = f"parked-{next(_names)}"
    engine.add(
        name,
        token_ids,
        max_tokens=9,
        triggers=frozenset({token}),
        resumable=True,
        ignore_eos=True,
    )
    engine.run_until(lambda: engine.ended(name))
    assert name in engine.scheduler.parked
    return name


def resume(engine: InProcessEngine, name: str, token_ids: list[int], max_tokens: int) -> None:
    """Sends a parked session its result."""
    engine.add(name, token_ids, max_tokens=max_tokens, resumable=True, ignore_eos=True)
