"""What an operator sees of the real application: status and log lines, during a real chat."""

import io
import time

import pytest
from rich.console import Console
from scripted_app import MODEL, PATIENCE_S, call

from deployments.status.source import HttpSource, RaySource
from deployments.terminal.chat_session import ChatSession
from deployments.terminal.lines import Piped
from deployments.terminal.stream_view import StreamView

QUESTION = call("chatbot", message="Tea or coffee?")


class Watchful:
    """A human who looks at the status before answering."""

    def __init__(self, source, answer):
        self._source = source
        self._answer = answer
        self.seen = None

    def next(self, prompt):
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            (self.seen,) = self._source.fetch()
            # The scheduler hears of the kind a moment after the client does.
            if [kind.kind for kind in self.seen.engines[0].parked] == ["chatbot"]:
                return self._answer
            assert time.monotonic() < deadline_s, self.seen
            time.sleep(0.02)


@pytest.fixture
def source(base_url):
    source = HttpSource(base_url)
    yield source
    source.close()


def session(client, lines, output, script):
    view = StreamView(Console(file=output, width=200), indent="")
    limits = {"max_tokens": 220, "temperature": 0, "extra_body": script}
    return ChatSession(client, MODEL, view, lines, tools="chatbot,calculator", limits=limits)


def test_a_chat_is_seen_from_outside(client, source, script):
    turns = script(f"Well. {QUESTION}", call("calculator", expression="6*7"), "Fine: 42.")
    human = Watchful(source, "Tea.")
    output = io.StringIO()
    (before,) = source.fetch()
    answer = session(client, human, output, turns).say("Ask me.")
    assert answer.text == "Well. Fine: 42."
    assert len(answer.interceptions) == 2
    lines = output.getvalue().splitlines()
    assert '| chatbot {"message": "Tea or coffee?"}' in lines
    assert '| calculator {"expression": "6*7"}' in lines
    assert sum(line.startswith("| context of ") for line in lines) == 2

    during = human.seen
    (parked,) = during.engines[0].parked
    assert parked.requests == 1
    assert parked.context_tokens > 0
    assert sum(parked.dispositions.values()) == 1
    device = during.engines[0].device_blocks
    assert sum(device.values()) == 64  # vLLM keeps one of the 65 for itself
    assert device["preserved"] > 0

    (after,) = source.fetch()
    assert after.engines[0].parked == []
    added = after.engines[0].intercepted - before.engines[0].intercepted
    assert added == 2
    waste = [one.engines[0].waste_byte_seconds["preserved"] for one in (before, after)]
    assert waste[1] > waste[0]
    assert after.engines[0].uptime_s > before.engines[0].uptime_s


def test_deployments_are_told_with_their_replicas(source):
    (status,) = source.fetch()
    assert (status.application, status.model, status.policy) == ("http", MODEL, "adaptive")
    assert status.silent == 0
    engine, *workers = status.deployments
    assert engine.name == "LLMReplica"
    assert {one.name for one in workers} >= {"augmentation-chatbot", "augmentation-speech"}
    assert all(one.status == "HEALTHY" for one in status.deployments)
    assert all(one.replicas == {"RUNNING": 1} for one in status.deployments)


def test_a_cluster_is_asked_without_http(source):
    (told,) = source.fetch()
    asked = [one for one in RaySource().fetch() if one.application == "http"]
    assert [one.deployments for one in asked] == [told.deployments]
    assert [e.replica for e in asked[0].engines] == [e.replica for e in told.engines]


def test_a_plain_message_needs_no_tools(client, script):
    output = io.StringIO()
    talk = session(client, Piped(io.StringIO()), output, script("Hello."))
    assert talk.say("Hi!").interceptions == {}
    assert output.getvalue() == "Hello.\n"
