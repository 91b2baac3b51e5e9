import asyncio
from collections.abc import Callable

import calls
import pytest
from calls import ENDS, lose_its_caller

from augment_workers import chatbot
from augment_workers.chatbot import Chatbot
from augment_workers.leases import Leases
from augment_workers.runner import execute
from intercept_core.bus.messages import Answer, Call, Event, Failed, Result

MakeCall = Callable[..., Call]
PATIENCE_S = 10.0


class Asked:
    """Calls on their way, each in a task."""

    def __init__(self) -> None:
        self.chatbot = Chatbot()
        self.leases = Leases()

    async def ask(self, call: Call) -> "asyncio.Task[list[Event]]":
        """Begins ``call`` and waits until it has asked."""

        async def run() -> list[Event]:
            events = execute(
                self.chatbot, call, worker="w", result_limit_chars=1000, leases=self.leases
            )
            return [event async for event in events]

        task = asyncio.create_task(run())
        async with asyncio.timeout(PATIENCE_S):
            while not self.waiting(call.call_id) and not task.done():
                await asyncio.sleep(0)
        return task

    def waiting(self, call_id: str) -> bool:
        return call_id in [question.call_id for question in self.chatbot.questions()]

    def answer(self, call_id: str, text: str = "yes") -> str:
        return self.chatbot.answer(Answer(call_id=call_id, text=text))


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def call_of(make_call: MakeCall) -> Callable[..., Call]:
    def call_of(call_id: str = "a", **fields: object) -> Call:
        arguments = {"message": f"Which, {call_id}?"}
        return make_call(
            **{"call_id": call_id, "kind": "human", "arguments": arguments} | fields
        )

    return call_of


async def test_the_answer_is_the_result_as_it_was_typed(
    asked: Asked, call_of: Callable[..., Call]
) -> None:
    task = await asked.ask(call_of())
    (question,) = asked.chatbot.questions()
    assert (question.call_id, question.session_id, question.kind) == ("a", "session", "human")
    assert question.arguments == {"message": "Which, a?"}
    assert 0 <= question.waiting_s < calls.PATIENCE_S
    assert question.waiting_s + question.remaining_s == pytest.approx(calls.PATIENCE_S)
    assert asked.answer("a", "  Néé! ") == "taken"
    *_, result = await task
    assert isinstance(result, Result)
    assert result.text == "  Néé! "
    assert asked.chatbot.questions() == []


async def test_only_the_first_answer_counts(asked: Asked, call_of: Callable[..., Call]) -> None:
    task = await asked.ask(call_of())
    assert asked.answer("a", "first") == "taken"
    assert asked.answer("a", "second") == "answered"
    *_, result = await task
    assert isinstance(result, Result) and result.text == "first"
    assert asked.answer("a", "third") == "answered"


async def test_answers_find_their_call(asked: Asked, call_of: Callable[..., Call]) -> None:
    tasks = {name: await asked.ask(call_of(name)) for name in "abc"}
    assert [question.call_id for question in asked.chatbot.questions()] == ["a", "b", "c"]
    assert asked.answer("nobody") == "unknown"
    for name in "cab":
        assert asked.answer(name, f"to {name}") == "taken"
    for name, task in tasks.items():
        *_, result = await task
        assert isinstance(result, Result) and result.text == f"to {name}"


@pytest.mark.parametrize("end", ENDS)
async def test_a_question_that_nobody_waits_for_is_closed(
    asked: Asked, call_of: Callable[..., Call], end: str
) -> None:
    await lose_its_caller(asked.chatbot, call_of(), end, asked.chatbot.questions)
    assert asked.chatbot.questions() == []
    assert asked.answer("a") == "unknown"


async def test_the_deadline_is_told(asked: Asked, call_of: Callable[..., Call]) -> None:
    *_, failed = await (await asked.ask(call_of(timeout_s=0.05)))
    assert isinstance(failed, Failed)
    assert (failed.code, failed.message) == ("deadline", "human did not answer within 0.05 s")


async def test_a_cancellation_by_message_ends_the_wait(
    asked: Asked, call_of: Callable[..., Call]
) -> None:
    task = await asked.ask(call_of())
    asked.leases.cancel("a")
    *_, failed = await task
    assert isinstance(failed, Failed) and failed.code == "cancelled"
    assert asked.chatbot.questions() == []
    assert asked.answer("a") == "unknown"


async def test_a_second_attempt_takes_the_place_of_the_first(
    asked: Asked, call_of: Callable[..., Call]
) -> None:
    first = await asked.ask(call_of())
    second = await asked.ask(call_of(attempt=2))
    *_, failed = await first
    assert isinstance(failed, Failed)
    assert asked.answer("a", "again") == "taken"
    *_, result = await second
    assert isinstance(result, Result) and (result.text, result.attempt) == ("again", 2)


async def test_an_answer_that_was_lost_can_be_given_again(
    asked: Asked, call_of: Callable[..., Call]
) -> None:
    first = await asked.ask(call_of())
    asked.answer("a", "lost")
    await first
    second = await asked.ask(call_of(attempt=2))
    assert asked.answer("a", "found") == "taken"
    *_, result = await second
    assert isinstance(result, Result) and result.text == "found"


async def test_what_is_remembered_is_bounded(
    asked: Asked, call_of: Callable[..., Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chatbot, "ANSWERED_REMEMBERED", 2)
    for name in "abc":
        task = await asked.ask(call_of(name))
        asked.answer(name)
        await task
    assert [asked.answer(name) for name in "abc"] == ["unknown", "answered", "answered"]


@pytest.mark.parametrize("arguments", [{}, {"message": ""}, {"text": "x"}, {"message": 3}])
async def test_nothing_is_asked_without_a_message(
    asked: Asked, call_of: Callable[..., Call], arguments: dict[str, object]
) -> None:
    task = await asked.ask(call_of(arguments=arguments))
    *_, failed = await task
    assert isinstance(failed, Failed) and failed.code == "bad_arguments"
