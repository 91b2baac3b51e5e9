"""The context behind a cut, with a tokenizer that puts a space before a text."""

import random
from types import SimpleNamespace

import pytest
from llama_tokenizer import SPACE, llama_tokenizer
from vllm import SamplingParams

from intercept_core.scheduler.continued_text import ContinuedText
from intercept_core.scheduler.mark import SessionMark
from intercept_core.scheduler.text_trigger import TextTrigger
from intercept_core.scheduler.watched_turn import WatchedTurn

TOKENIZER = llama_tokenizer()
CONTINUED = ContinuedText(TOKENIZER)
PROMPT = TOKENIZER.encode("Say it:", add_special_tokens=False)


def context_behind_the_call(said: list[int], trigger: TextTrigger) -> list[int] | None:
    """What stays of ``said``; None if there is no call."""
    mark = SessionMark(
        key="k",
        trigger_token_ids=frozenset(),
        park_at_end_of_turn=False,
        text_triggers=(trigger,),
    )
    request = SimpleNamespace(
        request_id="r", sampling_params=SamplingParams(), all_token_ids=PROMPT
    )
    turn = WatchedTurn(request, mark, TOKENIZER, CONTINUED)  # type: ignore[arg-type]
    for count, token_id in enumerate(said, 1):
        if (call := turn.feed(token_id)) is not None:
            return [*said[: count - call.taken_back], *call.put_back]
    return None


def text_of(token_ids: list[int]) -> str:
    """What they say after the prompt."""
    text: str = TOKENIZER.decode([*PROMPT, *token_ids])
    return text.removeprefix(TOKENIZER.decode(PROMPT))


@pytest.mark.parametrize(
    ("said", "trigger", "kept"),
    [
        ([SPACE + "S", "[", "x", "](", "y"], TextTrigger("S[", "]"), " S[x]"),
        (["S", "[", "y", SPACE + "](", "y"], TextTrigger("S[", "]"), "S[y ]"),
        (["<", "<", "4", "=4", "2"], TextTrigger("<<", "="), "<<4="),
        (["<0x0A>", "S", "[", "<0xC3>", "<0x9F>", "x]"], TextTrigger("S[", "x"), "\nS[ßx"),
        (["S", "[", "y", "x]", "y"], TextTrigger("S[", "]"), "S[yx]"),
    ],
)
def test_the_context_is_what_the_model_said(
    said: list[str], trigger: TextTrigger, kept: str
) -> None:
    context = context_behind_the_call(TOKENIZER.convert_tokens_to_ids(said), trigger)
    assert context is not None
    assert text_of(context) == kept


def test_any_tokens_at_all() -> None:
    rng = random.Random(2)
    first = TOKENIZER.convert_tokens_to_ids(SPACE)  # behind those of bytes
    calls = 0
    for _ in range(300):
        said = [rng.randrange(first, len(TOKENIZER)) for _ in range(20)]
        text = text_of(said)
        trigger = TextTrigger(rng.choice(text[:10]), rng.choice(text[10:]))
        context = context_behind_the_call(said, trigger)
        end = text.find(trigger.end, text.index(trigger.start) + 1) + 1
        assert context is not None
        calls += context != said[: len(context)]
        assert text_of(context) == text[:end]
    assert calls > 20, "often the cut is inside a token"
