"""Whole requests on a real engine, whose words are scripted."""

import asyncio

import pytest
from engine_runner import MAX_MODEL_LEN, Runner, call, text_of
from scripted_tools import ScriptedTools
from vllm.exceptions import VLLMValidationError
from vllm.sampling_params import RequestOutputKind

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_call_is_hidden_and_the_result_read(
    run: Runner, tools: ScriptedTools
) -> None:
    outputs = await run("Let me see. " + call("tool", text="42"), "It is 42.")
    assert text_of(outputs) == "Let me see. It is 42."
    assert [output.finished for output in outputs].count(True) == 1
    assert outputs[-1].finished
    assert outputs[-1].outputs[0].finish_reason == "stop"
    assert {output.request_id for output in outputs} == {outputs[0].request_id}
    (interception,) = run.channel.latest.values()
    assert interception.kind == "tool"
    assert interception.arguments == {"text": "42"}
    assert interception.state == "resumed"
    assert interception.context == "preserved"
    assert interception.recomputed_tokens == 0
    assert interception.result_tokens == len(run.encode("[")) + 2 + len(run.encode("]"))


async def test_files_of_a_call_are_told(run: Runner) -> None:
    await run(call("tool", do="file"), "Done.")
    (interception,) = run.channel.latest.values()
    assert [file.name for file in interception.artifacts] == ["tool-0123456789.txt"]


async def test_tokens_are_counted_apart(run: Runner) -> None:
    said = call("tool", text="7")
    outputs = await run("A " + said, "B")
    visible = sum(len(output.outputs[0].token_ids) for output in outputs)
    end_of_turn = 1
    assert visible == len(run.encode("A ")) + len(run.encode("B")) + end_of_turn
    assert run.channel.hidden_tokens == len(run.encode(said))
    assert run.channel.augmentation_tokens == len(run.encode("[7]"))
    prompt = outputs[-1].prompt_token_ids
    assert prompt == run.encode("What is it?")


async def test_calls_can_be_shown(run: Runner) -> None:
    said = call("tool", text="42")
    outputs = await run("Well: " + said, "So 42.", extra={"show_calls": 1})
    assert text_of(outputs) == f"Well: {said}[42]So 42."


async def test_a_long_result_is_cut_to_the_tokens_that_its_kind_may_have(run: Runner) -> None:
    said = call("short", text="abc ", times=50)
    extra = {"augmentations": ["short"], "show_calls": 1}
    outputs = await run(said, "So.", extra=extra)
    mark = "… [cut: limit 5 tokens]"
    assert mark in text_of(outputs)
    (interception,) = run.channel.latest.values()
    assert interception.result is not None
    kept = interception.result.removesuffix(mark)
    assert ("abc " * 50).startswith(kept)
    assert len(run.encode(kept)) <= 5
    assert interception.result_tokens == len(run.encode(f"[{interception.result}]"))


@pytest.mark.parametrize("kind", [RequestOutputKind.FINAL_ONLY, RequestOutputKind.CUMULATIVE])
async def test_other_kinds_of_output(run: Runner, kind: RequestOutputKind) -> None:
    outputs = await run("A " + call("tool"), "B " + call("other"), "C", kind=kind)
    assert outputs[-1].outputs[0].text == "A B C"
    assert outputs[-1].finished
    if kind is RequestOutputKind.FINAL_ONLY:
        assert len(outputs) == 1


async def test_the_model_reads_its_own_call_and_the_result(
    run: Runner, tools: ScriptedTools
) -> None:
    """The second turn's script is chosen by the trigger in the context, so reaching the
    third proves that two calls stand in it."""
    outputs = await run(call("tool", text="1"), call("other", text="2"), "Done.")
    assert text_of(outputs) == "Done."
    assert [made.kind for made in tools.calls] == ["tool", "other"]
    assert len({made.call_id for made in tools.calls}) == 2


BAD_CALLS = {
    "unknown tool": (call("nobody"), "unknown_tool"),
    "malformed JSON": ('<tool_call>{"name": "tool", </tool_call>', "bad_call"),
    "not an object": ("<tool_call>[1]</tool_call>", "bad_call"),
    "no number": (
        '<tool_call>{"name": "tool", "arguments": {"a": NaN}}</tool_call>',
        "bad_call",
    ),
    "too large a number": (
        '<tool_call>{"name": "tool", "arguments": {"a": 1e999}}</tool_call>',
        "bad_call",
    ),
    "half a character": (
        '<tool_call>{"name": "tool", "arguments": {"a": "\\ud83d"}}</tool_call>',
        "bad_call",
    ),
    "arguments not an object": (
        '<tool_call>{"name": "tool", "arguments": 3}</tool_call>',
        "bad_call",
    ),
    "no start": ("nothing began</tool_call>", "bad_call"),
    "tool error": (call("tool", do="fail"), "tool_error: division by zero"),
    "tool raises": (call("tool", do="raise"), "internal"),
    "tool hangs": (call("hasty", do="hang"), "deadline"),
    "tool returns nothing": (call("tool", do="nothing"), "protocol"),
}


@pytest.mark.parametrize("bad", BAD_CALLS)
async def test_a_bad_call_is_answered_and_the_request_goes_on(run: Runner, bad: str) -> None:
    said, error = BAD_CALLS[bad]
    outputs = await run(said, "Sorry.")
    assert text_of(outputs).endswith("Sorry.")
    (interception,) = run.channel.latest.values()
    assert interception.error is not None
    assert interception.error.startswith(error)
    assert interception.result is not None
    assert interception.result.startswith("Error: ")
    assert interception.state == "resumed"


async def test_an_empty_result_is_a_result(run: Runner) -> None:
    outputs = await run(call("tool", text=""), "Nothing there.")
    assert text_of(outputs) == "Nothing there."
    (interception,) = run.channel.latest.values()
    assert interception.error is None
    assert interception.result == ""


async def test_a_result_that_does_not_fit_ends_the_request(run: Runner) -> None:
    outputs = await run("Look: " + call("tool", text="?", times=MAX_MODEL_LEN), "never")
    assert text_of(outputs) == "Look: "
    assert outputs[-1].outputs[0].finish_reason == "length"
    (interception,) = run.channel.latest.values()
    assert interception.state == "failed"
    assert interception.error is not None
    assert interception.error.startswith("context_full")


async def test_the_context_may_be_filled_to_the_last_token(run: Runner) -> None:
    said = call("tool", text="?", times=100)
    outputs = await run(said, "y" * MAX_MODEL_LEN, prompt="x", max_tokens=MAX_MODEL_LEN)
    assert outputs[-1].outputs[0].finish_reason == "length"
    assert run.channel.augmentation_tokens == len(run.encode("[" + "?" * 100 + "]"))
    visible = sum(len(output.outputs[0].token_ids) for output in outputs)
    context = 1 + run.channel.hidden_tokens + run.channel.augmentation_tokens + visible
    assert context == MAX_MODEL_LEN


async def test_a_call_cut_short_stays_hidden(run: Runner, tools: ScriptedTools) -> None:
    outputs = await run("Look: " + call("tool", text="abc" * 50), max_tokens=40)
    assert text_of(outputs) == "Look: "
    assert outputs[-1].outputs[0].finish_reason == "length"
    assert tools.calls == []


async def test_max_tokens_means_the_whole_request(run: Runner) -> None:
    said = call("tool")
    budget = len(run.encode(said)) + 3
    outputs = await run(said, "abcdefgh", max_tokens=budget)
    assert text_of(outputs) == "abc"
    assert outputs[-1].outputs[0].finish_reason == "length"


async def test_a_call_that_spends_the_last_token_is_not_made(
    run: Runner, tools: ScriptedTools
) -> None:
    said = call("tool")
    outputs = await run(said, "never", max_tokens=len(run.encode(said)))
    assert text_of(outputs) == ""
    assert outputs[-1].outputs[0].finish_reason == "length"
    assert tools.calls == []


async def test_stop_strings_end_the_request_in_any_turn(run: Runner) -> None:
    outputs = await run("one " + call("tool"), "two STOP three", stop=["STOP"])
    assert text_of(outputs) == "one two "
    assert outputs[-1].finished
    assert outputs[-1].outputs[0].finish_reason == "stop"
    assert outputs[-1].outputs[0].stop_reason == "STOP"


async def test_a_stop_string_inside_a_call_does_not_count(run: Runner) -> None:
    outputs = await run("one " + call("tool", text="STOP"), "two.", stop=["STOP"])
    assert text_of(outputs) == "one two."


async def test_the_users_stop_token_ends_the_request(run: Runner) -> None:
    (token,) = run.encode("!")
    outputs = await run("one!" + call("tool"), "two", stop_token_ids=[token])
    assert text_of(outputs) == "one"
    assert outputs[-1].outputs[0].stop_reason == token


async def test_a_call_for_the_client_stays_in_the_text(
    run: Runner, tools: ScriptedTools
) -> None:
    said = call("weather", city="Paris")
    outputs = await run("Hm. " + said, "never", extra={"client_tools": ["weather"]})
    assert text_of(outputs) == "Hm. " + said
    assert outputs[-1].outputs[0].finish_reason == "stop"
    assert tools.calls == []


async def test_nothing_held_back_is_lost_when_a_result_does_not_fit(run: Runner) -> None:
    said = "Look: " + call("tool", text="?", times=MAX_MODEL_LEN)
    outputs = await run(said, "never", stop=["STOP"])
    assert text_of(outputs) == "Look: "


async def test_stop_strings_wait_for_min_tokens(run: Runner) -> None:
    outputs = await run("a STOP b STOP c", stop=["STOP"], min_tokens=9)
    assert text_of(outputs) == "a STOP b "


async def test_a_stop_string_that_ends_a_shown_call_ends_the_request(
    run: Runner, tools: ScriptedTools
) -> None:
    outputs = await run(
        "Well " + call("tool"), "never", stop=["</tool_call>"], extra={"show_calls": 1}
    )
    assert text_of(outputs) == "Well " + call("tool").removesuffix("</tool_call>")
    assert outputs[-1].outputs[0].finish_reason == "stop"
    assert tools.calls == []


async def test_results_hold_no_stop_strings(run: Runner) -> None:
    outputs = await run(
        "A " + call("tool", text="S" + "TOP"), "B", stop=["TOP]"], extra={"show_calls": 1}
    )
    assert text_of(outputs).endswith("[STOP]B")


async def test_prompt_logprobs_survive_a_hidden_beginning(run: Runner) -> None:
    outputs = await run(call("tool"), "B", prompt_logprobs=0)
    assert outputs[0].prompt_logprobs is not None
    assert text_of(outputs) == "B"


async def test_the_first_token_after_a_call_may_be_the_last(run: Runner) -> None:
    outputs = await run("A " + call("tool"), "")
    assert text_of(outputs) == "A "
    (interception,) = run.channel.latest.values()
    assert interception.state == "resumed"


async def test_grammars_are_refused(run: Runner) -> None:
    from vllm.sampling_params import StructuredOutputsParams

    with pytest.raises(VLLMValidationError, match="structured_outputs"):
        await run("x", structured_outputs=StructuredOutputsParams(choice=["x"]))


async def test_logprobs_cover_the_visible_tokens_alone(run: Runner) -> None:
    outputs = await run("ab" + call("tool"), "cd", logprobs=1)
    for output in outputs:
        completion = output.outputs[0]
        assert completion.logprobs is not None
        assert len(completion.logprobs) == len(completion.token_ids)


async def test_a_client_that_leaves_cancels_the_call(run: Runner, tools: ScriptedTools) -> None:
    task = asyncio.create_task(run("x " + call("tool", do="hang"), "never"))
    async with asyncio.timeout(60):
        await tools.started.wait()
        assert len((await run.llm.snapshot())["parked"]) == 1
        task.cancel()
        await tools.cancelled.wait()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_client_that_leaves_in_the_middle_of_a_turn(run: Runner) -> None:
    stream = run.llm.generate(
        {"type": "token", "prompt_token_ids": run.encode("x")},
        _long_params(run),
        "left-early",
    )
    async for _ in stream:
        break
    await stream.aclose()  # type: ignore[attr-defined]


def _long_params(run: Runner):  # type: ignore[no-untyped-def]
    from vllm import SamplingParams

    return SamplingParams(
        temperature=0,
        max_tokens=200,
        ignore_eos=True,
        output_kind=RequestOutputKind.DELTA,
        extra_args={"augmentations": "tool"},
    )


BAD_OPTIONS = {
    "unknown augmentation": ({"augmentations": ["nobody"]}, "nobody not known"),
    "wrong type": ({"augmentations": 3}, "vllm_xargs.augmentations"),
    "no time": ({"intercept_timeout_s": 0}, "vllm_xargs.intercept_timeout_s"),
    "bad flag": ({"show_calls": "perhaps"}, "vllm_xargs.show_calls"),
}


@pytest.mark.parametrize("bad", BAD_OPTIONS)
async def test_bad_options_are_refused(run: Runner, bad: str) -> None:
    extra, message = BAD_OPTIONS[bad]
    with pytest.raises(VLLMValidationError, match=message):
        await run("x", extra=extra)


async def test_several_choices_are_refused(run: Runner) -> None:
    with pytest.raises(VLLMValidationError, match="n: 2 choices"):
        await run("x", n=2, temperature=1.0)


async def test_a_request_without_augmentations_is_vllms_own(run: Runner) -> None:
    said = "Look: " + call("tool")
    outputs = await run(said, extra={"augmentations": []})
    assert text_of(outputs) == said
    assert run.channel.latest == {}


async def test_many_at_once(run: Runner) -> None:
    """More sessions than slots, all calling at the same time."""

    async def one(number: int) -> str:
        runner = Runner(run.llm)
        return text_of(
            await runner(f"{number} " + call("tool", text=str(number)), f"is {number}.")
        )

    texts = await asyncio.gather(*(one(number) for number in range(12)))
    assert texts == [f"{number} is {number}." for number in range(12)]
