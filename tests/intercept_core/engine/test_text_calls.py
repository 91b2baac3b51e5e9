"""Calls that end with a text, in whole requests on a real engine."""

import asyncio
from typing import Any

import pytest
from engine_runner import DIALECT, MAX_MODEL_LEN, Runner, call, text_of
from scripted_tools import ScriptedTools
from vllm.outputs import RequestOutput

from intercept_core.engine.dialect_config import DialectConfig
from intercept_core.engine.trigger_config import TriggerConfig

pytestmark = pytest.mark.asyncio(loop_scope="session")

TURN = "|"
"""Ends every result here: by their number the script knows the turn."""

TRIGGERS = {
    "tool": (
        TriggerConfig(
            start="Search[", end="]", argument="text", result_prefix=" -> ", result_suffix=TURN
        ),
        TriggerConfig(
            start="<<",
            end=" qu",
            argument="text",
            arguments={"times": 2},
            result_suffix=TURN,
        ),
    ),
    "other": (
        TriggerConfig(start="Act:", end="\n", argument="text", result_suffix=f"\n{TURN}"),
    ),
}


class TextRunner:
    """Sends requests to an engine that knows the triggers."""

    def __init__(self, run: Runner, dialect: DialectConfig = DIALECT) -> None:
        assert run.llm.bus is not None
        run.llm.attach(run.llm.bus, dialect, TRIGGERS)
        self.runner = run
        self.encode = run.encode
        self.channel = run.channel

    async def __call__(self, *turns: str, **options: Any) -> list[RequestOutput]:
        return await self.runner(*turns, turn_mark=TURN, **options)


@pytest.fixture
def say(run: Runner) -> TextRunner:
    return TextRunner(run)


def visible_tokens(outputs: list[RequestOutput]) -> int:
    return sum(len(output.outputs[0].token_ids) for output in outputs)


async def test_the_call_is_hidden_and_the_result_read(
    say: TextRunner, tools: ScriptedTools
) -> None:
    said = "Search[the fox]"
    outputs = await say("Well. " + said + " never said", "It is 42.")
    assert text_of(outputs) == "Well. It is 42."
    assert outputs[-1].finished
    assert outputs[-1].outputs[0].finish_reason == "stop"
    (made,) = tools.calls
    assert (made.kind, made.arguments) == ("tool", {"text": "the fox"})
    (interception,) = say.channel.latest.values()
    assert (interception.state, interception.context) == ("resumed", "preserved")
    assert interception.recomputed_tokens == 0
    inserted = sum(len(say.encode(text)) for text in (" -> ", "the fox", TURN))
    assert interception.result_tokens == say.channel.augmentation_tokens == inserted
    assert interception.context_tokens == len(say.encode("What is it?Well. " + said))
    end_of_turn = 1
    spent = visible_tokens(outputs) + say.channel.hidden_tokens
    assert (
        spent == len(say.encode("Well. " + said)) + len(say.encode("It is 42.")) + end_of_turn
    )


async def test_calls_can_be_shown(say: TextRunner) -> None:
    outputs = await say("So Search[x] and", "done.", extra={"show_calls": 1})
    assert text_of(outputs) == f"So Search[x] -> x{TURN}done."


async def test_lines_are_calls(say: TextRunner, tools: ScriptedTools) -> None:
    outputs = await say("Think.\nAct: go\nObs", "Act: look\n", "Here.")
    assert text_of(outputs) == "Think.\nHere."
    assert [(made.kind, made.arguments["text"]) for made in tools.calls] == [
        ("other", " go"),
        ("other", " look"),
    ]


@pytest.mark.parametrize("show_calls", [0, 1])
async def test_a_text_that_ends_inside_a_token(
    say: TextRunner, tools: ScriptedTools, show_calls: int
) -> None:
    (whole,) = say.encode(" quick")
    kept = say.encode("See <<ab")
    outputs = await say(
        "See <<ab quick brown", "ick!", extra={"show_calls": show_calls}, logprobs=1
    )
    result = f"abab{TURN}"
    assert text_of(outputs) == ("See <<ab qu" + result if show_calls else "See ") + "ick!"
    (made,) = tools.calls
    assert made.arguments == {"text": "ab", "times": 2}
    spent = visible_tokens(outputs) + say.channel.hidden_tokens
    answer = len(say.encode("ick!")) + 1
    assert spent == len(kept) + len(say.encode(" qu")) + answer
    for output in outputs:
        completion = output.outputs[0]
        assert whole not in completion.token_ids
        assert completion.logprobs is not None
        assert len(completion.logprobs) == len(completion.token_ids)
    (interception,) = say.channel.latest.values()
    assert interception.recomputed_tokens == 0
    assert interception.context_tokens == len(say.encode("What is it?")) + spent - answer


async def test_the_first_start_decides(say: TextRunner, tools: ScriptedTools) -> None:
    outputs = await say("Act: Search[x] <<a quick\n", "ok")
    assert text_of(outputs) == "ok"
    assert [made.arguments["text"] for made in tools.calls] == [" Search[x] <<a quick"]


async def test_a_text_inside_a_call_of_the_dialect_is_no_call(
    run: Runner, say: TextRunner, tools: ScriptedTools
) -> None:
    outputs = await run(call("tool", text="Search[x]"), "ok")
    assert text_of(outputs) == "ok"
    assert [made.arguments["text"] for made in tools.calls] == ["Search[x]"]


async def test_both_kinds_of_calls_in_one_request(
    run: Runner, say: TextRunner, tools: ScriptedTools
) -> None:
    # The token of the dialect tells the turn; the text call does not count as one.
    outputs = await run(call("tool", text="1"), "Search[2] never")
    assert len(tools.calls) > 1
    assert [made.arguments["text"] for made in tools.calls][:3] == ["1", "2", "2"]
    assert outputs[-1].outputs[0].finish_reason == "length"


async def test_an_augmentation_that_was_not_asked_for_is_not_called(
    say: TextRunner, tools: ScriptedTools
) -> None:
    outputs = await say("A Search[x] b", "never", extra={"augmentations": ["other"]})
    assert text_of(outputs) == "A Search[x] b"
    assert tools.calls == []


async def test_a_call_without_an_end_is_text(say: TextRunner, tools: ScriptedTools) -> None:
    outputs = await say("A Search[x and no more", "never")
    assert text_of(outputs) == "A Search[x and no more"
    assert tools.calls == []


async def test_max_tokens_means_what_stays(say: TextRunner) -> None:
    said = "<<ab quick"
    stays = len(say.encode("<<ab")) + len(say.encode(" qu"))
    outputs = await say(said, "xyz", max_tokens=stays + 2)
    assert text_of(outputs) == "xy"
    assert outputs[-1].outputs[0].finish_reason == "length"
    assert visible_tokens(outputs) + say.channel.hidden_tokens == stays + 2


async def test_a_call_that_spends_the_last_token_is_not_made(
    say: TextRunner, tools: ScriptedTools
) -> None:
    said = "Search[x]"
    outputs = await say(said, "never", max_tokens=len(say.encode(said)))
    assert text_of(outputs) == ""
    assert outputs[-1].outputs[0].finish_reason == "length"
    assert tools.calls == []


async def test_the_users_stop_token_goes_before_a_call(
    say: TextRunner, tools: ScriptedTools
) -> None:
    (token,) = say.encode("]")
    outputs = await say("A Search[x]", "never", stop_token_ids=[token])
    assert text_of(outputs) == "A Search[x"
    assert outputs[-1].outputs[0].stop_reason == token
    assert tools.calls == []


async def test_the_context_may_be_filled_to_the_last_token(say: TextRunner) -> None:
    outputs = await say("Search[?]", "y" * MAX_MODEL_LEN, prompt="x", max_tokens=MAX_MODEL_LEN)
    assert outputs[-1].outputs[0].finish_reason == "length"
    spent = say.channel.hidden_tokens + say.channel.augmentation_tokens
    assert 1 + spent + visible_tokens(outputs) == MAX_MODEL_LEN


async def test_a_model_that_calls_by_triggers_alone(run: Runner, tools: ScriptedTools) -> None:
    say = TextRunner(run, DialectConfig(call_start=None))
    outputs = await say("A Search[<tool_call>]", "B")
    assert text_of(outputs) == "A B"
    (made,) = tools.calls
    assert made.arguments == {"text": "<tool_call>"}


async def test_a_client_that_leaves_cancels_the_call(
    run: Runner, say: TextRunner, tools: ScriptedTools
) -> None:
    hanging = TriggerConfig(start="(", end=")", argument="text", arguments={"do": "hang"})
    assert run.llm.bus is not None
    run.llm.attach(run.llm.bus, DIALECT, {"tool": (hanging,)})
    task = asyncio.create_task(say("x (y) z", "never"))
    async with asyncio.timeout(60):
        await tools.started.wait()
        assert len((await run.llm.snapshot())["parked"]) == 1
        task.cancel()
        await tools.cancelled.wait()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_many_at_once(run: Runner, say: TextRunner) -> None:
    """More sessions than slots, all calling at the same time, some inside a token."""

    async def one(number: int) -> str:
        runner = Runner(run.llm)
        said = f"Search[{number}] no" if number % 2 else f"<<{number} quick no"
        return text_of(await runner(f"{number} {said}", f"is {number}.", turn_mark=TURN))

    texts = await asyncio.gather(*(one(number) for number in range(12)))
    assert texts == [f"{number} is {number}." for number in range(12)]
