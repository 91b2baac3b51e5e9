"""A human for load tests: thinks as long as people do, and answers by itself."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

from augment_workers.base import Augmentation
from augment_workers.chatbot import Chatbot
from intercept_core.bus.messages import Call, Event
from loadtest.workloads.six_kinds import KINDS

WORDS = ("yes", "no", "maybe", "the", "red", "one", "with", "more", "sugar", "please", "thanks")


class SimulatedHuman(Augmentation):
    """Takes the chatbot's place (``type: loadtest.simulated_human:SimulatedHuman``).

    Think times and lengths of replies are drawn as the workload of six kinds has them for
    turns of humans, in the order in which calls come.

    Args:
        seed: Of what is drawn.
        time_scale: Factor on think times; 1 for people, less for those who cannot wait.
    """

    kind = Chatbot.kind
    description = Chatbot.description
    parameters = Chatbot.parameters
    typical_duration_s = Chatbot.typical_duration_s
    defaults = Chatbot.defaults

    def __init__(self, seed: int = 0, time_scale: float = 1.0) -> None:
        if time_scale <= 0:
            raise ValueError(f"time_scale={time_scale}: must be more than 0; 1 for people")
        (self._turn,) = KINDS["chatbot"].turns
        self._rng = Random(seed)
        self._time_scale = time_scale

    async def run(self, call: Call) -> AsyncIterator[Event]:
        think_s, reply = self.turn()
        await asyncio.sleep(think_s)
        yield call.result(reply)

    def turn(self) -> tuple[float, str]:
        """Draws the seconds of the next turn and what is said then, of a word a token."""
        think_s = self._turn.seconds.draw(self._rng) * self._time_scale
        words = self._turn.return_tokens.draw_count(self._rng)
        return think_s, " ".join(self._rng.choices(WORDS, k=words))
