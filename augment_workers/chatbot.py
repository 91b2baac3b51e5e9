"""The human as an augmentation: a message goes out, the next message of the user comes back."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from augment_workers.answerable import Answerable
from augment_workers.base import PoolDefaults
from intercept_core.bus.messages import Answer, Call, Event, Question, Receipt

ANSWERED_REMEMBERED = 10_000
"""Calls whose second answer is told from one to a call that never was."""


class Chatbot(Answerable):
    """Waits for what the user says next, as long as the call's deadline allows.

    It knows no expected time, so that the scheduler goes by how long earlier turns took. A
    waiting call costs a few hundred bytes here: one worker holds all of them.
    """

    kind = "chatbot"
    description = "Says or asks something to the human and returns what they answer."
    parameters: ClassVar = {
        "type": "object",
        "properties": {
            "message": {
                "type": "string",
                "minLength": 1,
                "description": "What to tell or ask the human.",
            }
        },
        "required": ["message"],
        "additionalProperties": False,
    }
    typical_duration_s = 28.6
    # Nobody can answer a question that waits in a queue, because nobody has seen it.
    defaults = PoolDefaults(timeout_s=600.0, concurrency=1000, queue_limit=0)

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}
        self._answered: dict[str, None] = {}

    async def run(self, call: Call) -> AsyncIterator[Event]:
        with self._asking(call) as waiting:
            text = await waiting.reply
        yield call.result(text)

    def questions(self) -> list[Question]:
        now_s = time.monotonic()
        return [waiting.question(now_s) for waiting in self._waiting.values()]

    def answer(self, answer: Answer) -> Receipt:
        if answer.call_id in self._answered:
            return "answered"
        waiting = self._waiting.pop(answer.call_id, None)
        if waiting is None or waiting.reply.done():
            return "unknown"
        waiting.reply.set_result(answer.text)
        self._answered[answer.call_id] = None
        if len(self._answered) > ANSWERED_REMEMBERED:
            del self._answered[next(iter(self._answered))]
        return "taken"

    @contextmanager
    def _asking(self, call: Call) -> Iterator["_Waiting"]:
        reply = asyncio.get_running_loop().create_future()
        self._answered.pop(call.call_id, None)  # that answer was lost, and is asked for again
        waiting = self._waiting[call.call_id] = _Waiting(call, time.monotonic(), reply)
        try:
            yield waiting
        finally:
            # Another attempt of the call may have taken its place.
            if self._waiting.get(call.call_id) is waiting:
                del self._waiting[call.call_id]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A call that waits.

    Attributes:
        call: The call.
        since_s: When it came, on the monotonic clock.
        reply: Gets the text of the answer.
    """

    call: Call
    since_s: float
    reply: "asyncio.Future[str]"

    def question(self, now_s: float) -> Question:
        waiting_s = now_s - self.since_s
        return Question(
            call_id=self.call.call_id,
            session_id=self.call.session_id,
            kind=self.call.kind,
            arguments=self.call.arguments,
            waiting_s=waiting_s,
            remaining_s=max(self.call.timeout_s - waiting_s, 0.0),
        )
