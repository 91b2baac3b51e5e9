"""Which requests are recognised as going on where another ended."""

import json

import pytest

from deployments.routing.hint import LEAST_CHARS, PROMPT_CHUNK_TOKENS, RouteHint

LONG = "A question about apples. " * 20
SYSTEM = {"role": "system", "content": "You are kind. " * 40}
FIRST = {"role": "user", "content": LONG}
ANSWER = {"role": "assistant", "content": "Twelve."}
SECOND = {"role": "user", "content": "And pears?"}


def hint(**body):
    return RouteHint.of(json.dumps(body).encode())


def continues(later, earlier):
    return bool(earlier.last) and earlier.last[0] in later.keys


def test_a_longer_history_continues_the_shorter():
    before = hint(messages=[SYSTEM, FIRST], model="m")
    after = hint(model="m", stream=True, messages=[SYSTEM, FIRST, ANSWER, SECOND])
    assert continues(after, before)
    assert not continues(before, after)
    assert continues(before, before), "the same request again"


def test_the_longest_beginning_comes_first():
    before = hint(messages=[SYSTEM, FIRST, ANSWER, SECOND])
    longer = hint(messages=[SYSTEM, FIRST, ANSWER, SECOND, ANSWER])
    assert longer.keys[1:] == before.keys


def test_a_shared_system_message_continues_nobody():
    one = hint(messages=[SYSTEM, FIRST])
    other = hint(messages=[SYSTEM, {"role": "user", "content": LONG + "?"}])
    assert set(one.keys) & set(other.keys), "they do share a beginning"
    assert not continues(one, other)
    assert not continues(other, one)


def test_fields_of_a_message_may_change_their_order():
    turned = {"content": LONG, "role": "user"}
    assert hint(messages=[turned]) == hint(messages=[FIRST])


def test_other_words_are_another_conversation():
    changed = FIRST | {"content": LONG.replace("apples", "prunes")}
    later = hint(messages=[SYSTEM, changed, ANSWER, SECOND])
    assert not continues(later, hint(messages=[SYSTEM, FIRST]))


def test_short_beginnings_have_no_key():
    assert hint(messages=[{"role": "user", "content": "Hi"}]).keys == ()
    assert hint(prompt="x" * (LEAST_CHARS - 1)).keys == ()


def test_a_text_continues_its_beginning():
    before, after = hint(prompt=LONG), hint(prompt=LONG + ANSWER["content"] * 100)
    assert continues(after, before)
    assert not continues(hint(prompt="!" + LONG), before)


def test_token_ids_continue_their_beginning():
    ids = list(range(4 * PROMPT_CHUNK_TOKENS))
    before, after = hint(prompt=ids), hint(prompt=[*ids, 5, 6, 7])
    assert continues(after, before)
    assert not continues(hint(prompt=ids[::-1]), before)


@pytest.mark.parametrize("prompt", [["a" * 999, "b" * 999], [[1] * 999], [True] * 999, 7, None])
def test_several_prompts_and_nonsense_have_no_key(prompt):
    assert hint(prompt=prompt).keys == ()


def test_a_body_that_was_cut_off_counts_up_to_the_last_whole_message():
    body = json.dumps({"model": "m", "messages": [SYSTEM, FIRST, ANSWER, SECOND]}).encode()
    for end in range(len(body) - 15, len(body) - 5):
        cut = RouteHint.of(body[:end], truncated=True)
        assert cut.last == hint(messages=[SYSTEM, FIRST, ANSWER]).last


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"\xff\xfe", b'{"messages": 3}'])
def test_what_is_no_request_has_no_key(body):
    assert RouteHint.of(body, "s") == RouteHint("s")


def test_the_session_of_the_body_precedes_that_of_the_header_as_in_vllm():
    assert RouteHint.of(b'{"session_id": "body"}', "header").session_id == "body"
    xargs = b'{"vllm_xargs": {"session_id": "xargs"}}'
    assert RouteHint.of(xargs, "header").session_id == "header"
    assert RouteHint.of(xargs).session_id == "xargs"
    assert RouteHint.of(b'{"session_id": 3, "vllm_xargs": null}').session_id == ""


def test_text_that_is_no_unicode_does_no_harm():
    body = json.dumps({"prompt": "\ud800" * LEAST_CHARS, "session_id": "\ud800"}).encode()
    hint = RouteHint.of(body, "header")
    assert hint.session_key
    assert RouteHint("\ud800").session_key != RouteHint("s").session_key
