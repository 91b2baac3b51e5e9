"""The mix is the same for the same seed, and has the means of the paper's table 1."""

from collections import defaultdict
from collections.abc import Iterable
from random import Random

import pytest

from loadtest.workloads.conversation import Conversation
from loadtest.workloads.scale import Scale
from loadtest.workloads.six_kinds import KINDS, Spread, six_kinds


@pytest.fixture(scope="module")
def many() -> dict[str, list[Conversation]]:
    """Some two thousand of each kind, none cut off for its length."""
    by_kind = defaultdict(list)
    for conversation in six_kinds(120.0, 100.0, seed=5, most_tokens=10**6):
        by_kind[conversation.kind].append(conversation)
    return dict(by_kind)


def mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def calls_of(conversation: Conversation) -> list:
    return [s.interception for s in conversation.segments if s.interception is not None]


def test_kinds_are_drawn_evenly(many: dict[str, list[Conversation]]) -> None:
    assert many.keys() == KINDS.keys()
    for found in many.values():
        assert len(found) == pytest.approx(2000, rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_how_often_it_is_intercepted(many: dict[str, list[Conversation]], kind: str) -> None:
    found = mean(len(calls_of(conversation)) for conversation in many[kind])
    assert found == pytest.approx(KINDS[kind].count.mean, rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_how_long_calls_take(many: dict[str, list[Conversation]], kind: str) -> None:
    for turn in KINDS[kind].turns:
        found = mean(
            call.seconds
            for conversation in many[kind]
            for call in calls_of(conversation)
            if call.kind == turn.kind
        )
        assert found == pytest.approx(turn.seconds.mean, rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_how_long_contexts_are(many: dict[str, list[Conversation]], kind: str) -> None:
    def contexts(conversation: Conversation) -> Iterable[int]:
        tokens = conversation.prompt_tokens
        for segment in conversation.segments:
            tokens += segment.output_tokens
            if segment.interception is not None:
                yield tokens
                tokens += segment.interception.return_tokens

    found = mean(mean(contexts(conversation)) for conversation in many[kind])
    # Prompts of at least eight tokens lengthen the shortest contexts.
    assert found == pytest.approx(KINDS[kind].context_tokens.mean, rel=0.1)


def test_image_and_speech_alternate_with_a_human(
    many: dict[str, list[Conversation]],
) -> None:
    for kind in ("image", "speech"):
        for conversation in many[kind]:
            called = [call.kind for call in calls_of(conversation)]
            assert called == [(kind, "chatbot")[i % 2] for i in range(len(called))]


def test_the_same_seed_brings_the_same_workload() -> None:
    assert six_kinds(2.0, 60.0, seed=3) == six_kinds(2.0, 60.0, seed=3)
    assert six_kinds(2.0, 60.0, seed=3) != six_kinds(2.0, 60.0, seed=4)


def test_another_rate_brings_the_same_conversations_at_other_times() -> None:
    slow, fast = six_kinds(1.0, 100.0), six_kinds(4.0, 25.0)
    for one, other in zip(slow, fast, strict=False):
        assert (one.kind, one.prompt_tokens, one.segments) == (
            other.kind,
            other.prompt_tokens,
            other.segments,
        )
        assert one.arrival_s == pytest.approx(4 * other.arrival_s)


def test_no_context_grows_longer_than_it_may() -> None:
    drawn = six_kinds(10.0, 60.0, most_tokens=3000)
    assert max(conversation.total_tokens for conversation in drawn) <= 3000


def test_too_large_a_scale_is_explained() -> None:
    with pytest.raises(ValueError, match=r"--scale-tokens 9: \w+ requests .* within 4096"):
        six_kinds(10.0, 60.0, scale=Scale(tokens=9))


def test_a_spread_has_its_mean_and_deviation() -> None:
    rng = Random(9)
    drawn = [Spread(28.6, 15.6).draw(rng) for _ in range(20_000)]
    centre = mean(drawn)
    assert centre == pytest.approx(28.6, rel=0.02)
    assert mean((value - centre) ** 2 for value in drawn) ** 0.5 == pytest.approx(
        15.6, rel=0.05
    )
    assert Spread(7).draw(rng) == 7
    assert Spread(0.01).draw_count(rng) == 1


@pytest.mark.parametrize("factors", [(0, 1, 1), (1, -1, 1), (1, 1, 0), (1, 1, 1.5)])
def test_scales_that_make_no_sense(factors: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="tokens must be positive"):
        Scale(*factors)


def test_a_scale_shrinks_all_but_leaves_something() -> None:
    (one, *_) = six_kinds(1.0, 60.0, seed=1)
    small = Scale(tokens=1e-6, seconds=0.5, count=1e-6).apply(one)
    assert small.prompt_tokens == 1
    assert len(calls_of(small)) == 1
    assert calls_of(small)[0].seconds == pytest.approx(calls_of(one)[0].seconds / 2)
    assert small.segments[-1].interception is None
    assert small.arrival_s == one.arrival_s
