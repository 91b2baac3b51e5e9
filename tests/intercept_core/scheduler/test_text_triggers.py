"""A session stops exactly behind a text, and its context is that of the text so far."""

import itertools
import random
from collections import deque
from dataclasses import dataclass
from typing import Any

import pytest
from in_process_engine import InProcessEngine
from llama_tokenizer import SPACE, llama_tokenizer
from script import random_ids
from vllm import SamplingParams
from vllm.tokenizers import cached_tokenizer_from_config
from vllm.v1.request import Request

from intercept_core.policy.discard import Discard
from intercept_core.policy.preserve import Preserve
from intercept_core.scheduler import text_triggers
from intercept_core.scheduler.mark import SessionMark
from intercept_core.scheduler.text_call import TextCall
from intercept_core.scheduler.text_trigger import TextTrigger
from intercept_core.scheduler.text_triggers import TextTriggers
from intercept_core.scheduler.watched_turn import WatchedTurn

_names = itertools.count()


@dataclass(frozen=True)
class Spoken:
    """What the model says to a prompt, and a text in it that ends a call.

    Attributes:
        trigger: Start and end of the call.
        argument: The text between them.
        kept_ids: Tokens of the model that end at or before the cut, as far as they go.
        remainder: The text between those and the cut.
        past_ids: Tokens that a run without trigger goes on with.
    """

    prompt_ids: list[int]
    trigger: TextTrigger
    argument: str
    kept_ids: list[int]
    remainder: str
    past_ids: list[int]


class Scene:
    """An engine and its tokenizer; the model says printable texts alone."""

    def __init__(self, engine: InProcessEngine, seed: int) -> None:
        self.engine = engine
        self.rng = random.Random(seed)
        model_config = engine.scheduler.vllm_config.model_config
        self.tokenizer = cached_tokenizer_from_config(model_config)
        printable = [
            token_id
            for token_id in range(2, len(self.tokenizer) - 2)
            if (text := self.tokenizer.decode([token_id])).isprintable() and text.isascii()
        ]
        self.params: dict[str, Any] = {"allowed_token_ids": printable, "ignore_eos": True}

    def speak(self, prompt_tokens: int, *, inside_a_token: bool) -> Spoken:
        """Finds a prompt to which the model says a text that suits the test."""
        for _ in range(200):
            prompt_ids = random_ids(self.rng, prompt_tokens)
            said = self.engine.generate(prompt_ids, 60, **self.params)
            found = self._call_in(prompt_ids, said, inside_a_token)
            if found is not None:
                return found
        raise AssertionError("the model never says such a text")

    def _call_in(self, prompt_ids: list[int], said: list[int], inside: bool) -> Spoken | None:
        texts = [self.tokenizer.decode([token_id]) for token_id in said]
        text = "".join(texts)
        start_at = len("".join(texts[:4])) - 1
        start = text[start_at : start_at + 3]
        lengths = list(itertools.accumulate(map(len, texts), initial=0))
        for last in range(len(said) - 20, 6, -1):
            surplus = len(texts[last]) - 1 if inside else 0
            if inside and not surplus:
                continue
            cut = lengths[last + 1] - surplus
            end = text[lengths[last] - 2 : cut]
            opened = text.find(start)
            place = text.find(end, opened + len(start))
            if place + len(end) != cut or opened + len(start) > place:
                continue
            kept = last if inside else last + 1
            return Spoken(
                prompt_ids=prompt_ids,
                trigger=TextTrigger(start, end),
                argument=text[opened + len(start) : place],
                kept_ids=said[:kept],
                remainder=text[lengths[kept] : cut],
                past_ids=said[kept:],
            )
        return None

    def intercept(self, spoken: Spoken) -> str:
        """Runs a session until it is parked."""
        name = f"text-{next(_names)}"
        self.engine.add(
            name,
            spoken.prompt_ids,
            max_tokens=100,
            text_triggers=(TextTrigger("never said", "!"), spoken.trigger),
            resumable=True,
            **self.params,
        )
        self.engine.run_until(lambda: self.engine.ended(name))
        return name

    def context_of(self, spoken: Spoken) -> list[int]:
        remainder = self.tokenizer.encode(spoken.remainder, add_special_tokens=False)
        return [*spoken.prompt_ids, *spoken.kept_ids, *remainder]


@pytest.fixture
def scene(engine: InProcessEngine) -> Scene:
    engine.scheduler.intercept_policy = Preserve()
    assert engine.scheduler.reset_prefix_cache()
    return Scene(engine, seed=5)


@pytest.mark.parametrize("inside_a_token", [False, True], ids=["between", "inside"])
@pytest.mark.parametrize("prompt_tokens", [40, 83])
def test_the_context_is_cut_behind_the_text(
    scene: Scene, prompt_tokens: int, inside_a_token: bool
) -> None:
    engine = scene.engine
    spoken = scene.speak(prompt_tokens, inside_a_token=inside_a_token)
    name = scene.intercept(spoken)
    (turn,) = engine.turns[name]
    assert turn.call is not None
    assert turn.call.trigger == 1
    assert turn.call.argument == spoken.argument
    assert turn.call.taken_back == inside_a_token
    assert turn.token_ids == spoken.kept_ids + spoken.past_ids[:inside_a_token]
    parked = engine.scheduler.parked.get(name)
    assert parked is not None
    context = scene.context_of(spoken)
    assert list(parked.request.all_token_ids) == context
    assert scene.tokenizer.decode(context[prompt_tokens:]) == (
        scene.tokenizer.decode(spoken.kept_ids) + spoken.remainder
    )
    engine.close(name)


@pytest.mark.parametrize("policy", [Preserve, Discard])
@pytest.mark.parametrize("inside_a_token", [False, True], ids=["between", "inside"])
def test_what_follows_is_what_a_run_from_scratch_says(
    scene: Scene, inside_a_token: bool, policy: type[Preserve] | type[Discard]
) -> None:
    engine = scene.engine
    engine.scheduler.intercept_policy = policy()
    for _ in range(6):
        spoken = scene.speak(scene.rng.randint(30, 100), inside_a_token=inside_a_token)
        result = random_ids(scene.rng, 11)
        expected = engine.generate([*scene.context_of(spoken), *result], 12, **scene.params)
        name = scene.intercept(spoken)
        engine.add(name, result, max_tokens=12, resumable=True, **scene.params)
        engine.run_until(lambda name=name: engine.ended(name))
        turn = engine.turns[name][-1]
        assert turn.token_ids == expected
        assert turn.report is not None
        if policy is Preserve:
            assert turn.report["recomputed_tokens"] == 0
        engine.close(name)


def test_nothing_that_was_taken_back_stays_in_the_prefix_cache(scene: Scene) -> None:
    """Another request with the same words reads blocks that a session has written."""
    engine = scene.engine
    for _ in range(6):
        spoken = scene.speak(scene.rng.randint(30, 100), inside_a_token=True)
        name = scene.intercept(spoken)
        engine.add(
            name, random_ids(scene.rng, 70), max_tokens=5, resumable=True, **scene.params
        )
        engine.run_until(lambda name=name: engine.ended(name))
        probe = f"probe-{next(_names)}"
        engine.add(probe, [*spoken.prompt_ids, *spoken.kept_ids], max_tokens=20, **scene.params)
        engine.run_until(lambda probe=probe: engine.ended(probe))
        assert engine.turns[probe][-1].token_ids[: len(spoken.past_ids)] == spoken.past_ids[:20]
        engine.close(name)


def test_a_session_that_is_preempted_meanwhile(scene: Scene, asynchronous: bool) -> None:
    engine = scene.engine
    spoken = scene.speak(60, inside_a_token=True)
    result = random_ids(scene.rng, 11)
    expected = engine.generate([*scene.context_of(spoken), *result], 12, **scene.params)
    for after in range(len(spoken.kept_ids) - 2, len(spoken.kept_ids) + 2):
        name = f"preempted-{next(_names)}"
        engine.add(
            name,
            spoken.prompt_ids,
            max_tokens=100,
            text_triggers=(spoken.trigger,),
            resumable=True,
            **scene.params,
        )
        engine.run_until(
            lambda name=name, after=after: len(engine.turns[name][-1].token_ids) >= after
        )
        running = [
            request for request in engine.scheduler.running if request.request_id == name
        ]
        for request in running:  # what a lack of memory does to it
            engine.scheduler.running.remove(request)
            engine.scheduler._preempt_request(request, 0.0)
        engine.run_until(lambda name=name: engine.ended(name))
        parked = engine.scheduler.parked.get(name)
        assert parked is not None
        assert list(parked.request.all_token_ids) == scene.context_of(spoken)
        engine.add(name, result, max_tokens=12, resumable=True, **scene.params)
        engine.run_until(lambda name=name: engine.ended(name))
        assert engine.turns[name][-1].token_ids == expected
        engine.close(name)


def test_a_client_that_leaves_while_the_text_comes(scene: Scene) -> None:
    engine = scene.engine
    spoken = scene.speak(40, inside_a_token=True)
    for tokens in range(len(spoken.kept_ids) - 1, len(spoken.kept_ids) + 1):
        name = f"left-{next(_names)}"
        engine.add(
            name,
            spoken.prompt_ids,
            max_tokens=100,
            text_triggers=(spoken.trigger,),
            resumable=True,
            **scene.params,
        )
        engine.run_until(
            lambda name=name, tokens=tokens: len(engine.turns[name][-1].token_ids) >= tokens
        )
        engine.core.abort_requests([name])
        engine.drain()
        assert name not in engine.scheduler.requests


def test_a_turn_that_ends_for_its_length_before_the_text_is_no_call(scene: Scene) -> None:
    spoken = scene.speak(40, inside_a_token=False)
    name = f"short-{next(_names)}"
    scene.engine.add(
        name,
        spoken.prompt_ids,
        max_tokens=len(spoken.kept_ids) - 1,
        text_triggers=(spoken.trigger,),
        resumable=True,
        **scene.params,
    )
    scene.engine.run_until(lambda: scene.engine.ended(name))
    turn = scene.engine.turns[name][-1]
    assert (turn.finish_reason, turn.call) == ("length", None)
    scene.engine.close(name)


def known_but_rewritten(engine: InProcessEngine, name: str) -> list[int]:
    """Blocks of a parked session that the prefix cache offers to others, and into which the
    session is going to write; one token's wrong KV seldom changes a word of this model."""
    request = engine.scheduler.requests[name]
    (group,) = engine.scheduler.kv_cache_manager.coordinator.single_type_managers
    blocks = group.req_to_blocks[name][request.num_computed_tokens // group.block_size :]
    return [block.block_id for block in blocks if block.block_hash is not None]


def test_tokens_taken_back_over_the_end_of_a_block(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prefix cache knows the block by tokens that the session has no longer."""
    engine = scene.engine
    said, kept, put_back = 6, 3, [77, 88]
    feed = WatchedTurn.feed

    def call_at_the_end(turn: WatchedTurn, token_id: int) -> TextCall | None:
        feed(turn, token_id)
        if turn._tokens < said:
            return None
        return TextCall(
            trigger=0, argument="", tail="", taken_back=said - kept, put_back=put_back
        )

    monkeypatch.setattr(WatchedTurn, "feed", call_at_the_end)
    for _ in range(6):
        prompt = random_ids(scene.rng, 60)
        result = random_ids(scene.rng, 20)
        spoken = engine.generate(prompt, 20, **scene.params)
        context = [*prompt, *spoken[:kept], *put_back]
        expected = engine.generate([*context, *result], 12, **scene.params)
        name = f"far-{next(_names)}"
        trigger = (TextTrigger("(", ")"),)
        engine.add(
            name, prompt, max_tokens=99, text_triggers=trigger, resumable=True, **scene.params
        )
        engine.run_until(lambda name=name: engine.ended(name))
        assert known_but_rewritten(engine, name) == []
        engine.add(name, result, max_tokens=12, resumable=True, **scene.params)
        engine.run_until(lambda name=name: engine.ended(name))
        assert engine.turns[name][-1].token_ids == expected
        probe = f"probe-{next(_names)}"
        engine.add(probe, [*prompt, *spoken[:said]], max_tokens=14, **scene.params)
        engine.run_until(lambda probe=probe: engine.ended(probe))
        assert engine.turns[probe][-1].token_ids == spoken[said:]
        engine.close(name)


def test_any_tokens_at_all(scene: Scene) -> None:
    """Halves of characters, tokens without text: how they read depends on what stands before
    them, but what stays is what was told, and goes on as from scratch."""
    engine, params = scene.engine, {"ignore_eos": True}
    calls = 0
    for _ in range(12):
        prompt = random_ids(scene.rng, scene.rng.randint(30, 90))
        result = random_ids(scene.rng, 9)
        said = engine.generate(prompt, 60)
        text = scene.tokenizer.decode(said)
        letters = [letter for letter in text[:30] if letter.isprintable() and letter.isascii()]
        if not letters:
            continue
        trigger = TextTrigger(letters[0], letters[-1])
        name = f"any-{next(_names)}"
        engine.add(
            name, prompt, max_tokens=60, text_triggers=(trigger,), resumable=True, **params
        )
        engine.run_until(lambda name=name: engine.ended(name))
        if (call := engine.turns[name][-1].call) is not None:
            calls += 1
            context = list(engine.scheduler.requests[name].all_token_ids)
            spoken = engine.turns[name][-1].token_ids
            assert spoken == said[: len(spoken)]
            kept = spoken[: len(spoken) - call.taken_back]
            assert context == [*prompt, *kept, *call.put_back]
            assert call.tail.endswith(trigger.end)
            expected = engine.generate([*context, *result], 8)
            engine.add(name, result, max_tokens=8, resumable=True, **params)
            engine.run_until(lambda name=name: engine.ended(name))
            assert engine.turns[name][-1].token_ids == expected
        engine.close(name)
    assert calls > 3


def test_no_space_comes_before_what_is_left_of_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Llama's tokenizer puts one before any text that is encoded alone."""
    tokenizer = llama_tokenizer()
    monkeypatch.setattr(text_triggers, "cached_tokenizer_from_config", lambda _: tokenizer)
    mark = SessionMark(
        key="k",
        trigger_token_ids=frozenset(),
        park_at_end_of_turn=False,
        text_triggers=(TextTrigger("S[", "]"),),
    )
    params = SamplingParams(extra_args=mark.to_extra_args())
    prompt_ids = tokenizer.encode("Say it:", add_special_tokens=False)
    request = Request("r", prompt_ids, params, None, resumable=True)
    request.streaming_queue = deque()
    triggers = TextTriggers(None)
    triggers.begin_turn(request)
    said = tokenizer.convert_tokens_to_ids([SPACE + "S", "[", "y", "](", "y"])
    request.append_output_token_ids(said)
    assert triggers.cut(request, said, False) == (said[:4], True)
    assert tokenizer.decode(request.all_token_ids) == "Say it: S[y]"
    assert triggers.uncomputed_tokens(request) == 1
