"""Locust itself, in a process of its own, against a server that says what it is told."""

import asyncio
import csv
import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from live_server import live_server
from locust_parser import LocustParser
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from loadtest.load import __main__ as load_command
from loadtest.load.locust_run import LOCUSTFILE, LocustRun
from loadtest.load.options import add_options
from loadtest.soak import __main__ as soak_command

ANSWER_DEADLINE_S = 30.0
GAME = "alfworld"
"""Its prompts need no encyclopedia, which takes seconds to read."""

SECONDS = 5
USERS = 6


class Server:
    """A model that calls the calculator, whereupon some streams break off, or asks the human.

    Attributes:
        sent: How many requests came, by their tools.
        broken: How many streams broke off.
        answers: What humans said.
    """

    def __init__(self):
        self.sent = Counter()
        self.broken = 0
        self.answers = []
        self._numbers = itertools.count()
        self._waiting = {}
        self.app = Starlette(
            routes=[
                Route("/v1/models", self.models),
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                Route("/v1/interceptions/{name}", self.answer, methods=["POST"]),
            ]
        )

    async def models(self, request):
        return JSONResponse({"object": "list", "data": [{"id": "a-model"}]})

    async def answer(self, request):
        self.answers.append((await request.json())["text"])
        self._waiting.pop(request.path_params["name"]).set()
        return Response(status_code=204)

    async def chat(self, request):
        body = await request.json()
        assert body["model"] == "a-model"
        (kind, *_) = sorted(tool["function"]["name"] for tool in body["tools"])
        self.sent[kind] += 1
        breaks = kind == "calculator" and self.sent[kind] % 3 == 2
        self.broken += breaks
        stream = self._stream(kind, f"call-{next(self._numbers)}", breaks)
        return StreamingResponse(stream, media_type="text/event-stream")

    async def _stream(self, kind, name, breaks):
        called = "chatbot" if kind == GAME else kind

        def told(state, seconds):
            choice = {"index": 0, "delta": {}, "finish_reason": None}
            call = {"id": name, "kind": called, "state": state, "seconds": seconds}
            return event(choices=[choice], interception=call)

        yield text("Wait. ")
        if called == "chatbot":
            self._waiting[name] = asyncio.Event()
            yield told("running", 0.0)
            async with asyncio.timeout(ANSWER_DEADLINE_S):
                await self._waiting[name].wait()
        else:
            yield told("running", 0.0)
        yield told("succeeded", 0.01)
        yield told("resumed", 0.01)
        if breaks:
            return
        yield text("It is")
        yield text(" 42.", "stop")
        yield event(choices=[], usage={"completion_tokens": 20})
        yield "data: [DONE]\n\n"


def event(**body):
    return f"data: {json.dumps(body)}\n\n"


def text(said, finish_reason=None):
    return event(
        choices=[{"index": 0, "delta": {"content": said}, "finish_reason": finish_reason}]
    )


@pytest.fixture(scope="module")
def server():
    return Server()


@pytest.fixture(scope="module")
def folder(server, tmp_path_factory):
    """What a load test has left, after the server's script and the shape of spikes."""
    folder = tmp_path_factory.mktemp("load")
    arguments = ["--kinds", "calculator", GAME, "--think-scale", "0.001"]
    arguments += ["--shape", "spike", "--shape-interval", "6", "--shape-peak", "12"]
    with live_server(server.app) as port:
        run = LocustRun(f"http://127.0.0.1:{port}", USERS, SECONDS, folder, arguments)
        assert run.run() == 1, "some requests fail"
    return folder


@pytest.fixture(scope="module")
def rows(folder):
    with (folder / "load_stats.csv").open() as file:
        return {(row["Type"], row["Name"]): row for row in csv.DictReader(file)}


def count(rows, *key):
    return int(rows[key]["Request Count"])


def test_every_request_is_counted_and_every_broken_stream_is_a_failure(server, rows):
    assert server.broken > 0
    for kind in ("calculator", GAME):
        assert count(rows, "POST", kind) == server.sent[kind] > USERS
    assert int(rows["POST", "calculator"]["Failure Count"]) == server.broken
    assert int(rows["POST", GAME]["Failure Count"]) == 0


def test_measures_have_rows_and_stay_out_of_the_totals(server, rows):
    whole = server.sent["calculator"] - server.broken
    for measure in ("TTFT", "ITL", "resume", "norm.lat", "in tools", "call"):
        assert count(rows, measure, "calculator") == whole
    requests = server.sent.total() + len(server.answers)
    assert count(rows, "", "Aggregated") == requests


def test_questions_are_answered_while_the_stream_stays_open(server, rows):
    assert len(server.answers) == server.sent[GAME] == count(rows, "POST", "answer")
    assert all(server.answers)


def test_the_table_and_the_report_are_written(server, folder):
    table = (folder / "table.md").read_text()
    assert f"| alfworld   |{server.sent[GAME]:>9} |" in table
    report = (folder / "report.html").read_text()
    assert "norm.lat" in report


def test_the_shape_changes_the_number_of_users(folder):
    log = (folder / "locust.log").read_text()
    assert "updating to 6 users" in log
    assert "updating to 12 users" in log


def test_the_options_of_the_documentation_exist():
    command = [sys.executable, "-m", "locust", "--locustfile", str(LOCUSTFILE), "--help"]
    locusts = subprocess.run(command, capture_output=True, text=True, check=True, timeout=150)
    custom = LocustParser()
    add_options(custom)
    ours = (
        parser.format_help()
        for parser in (custom, load_command.parser(), soak_command.parser())
    )
    known = option_names("".join((locusts.stdout, *ours)))
    page = Path(__file__).parents[2] / "docs/loadtest.md"
    named = option_names(page.read_text())
    assert len(named) > 15
    assert named - known == set()


def option_names(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))
