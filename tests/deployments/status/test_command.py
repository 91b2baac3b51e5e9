import io
import json

import httpx
import pytest
from rich.console import Console

from deployments import exit_codes
from deployments.status.command import StatusOptions, show, status_command
from deployments.status.source import HttpSource, NoServerError

URL = "http://server.example/"


class Looks:
    """Gives one report after the other."""

    def __init__(self, *reports):
        self._reports = list(reports)

    def fetch(self):
        return [self._reports.pop(0)]


class Over(Exception):
    pass


def watch(source, options, *, terminal):
    """Two looks, then an end."""
    file = io.StringIO()
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 2:
            raise Over

    console = Console(file=file, width=140, height=60, force_terminal=terminal)
    with pytest.raises(Over):
        show(source, options, console, sleep)
    assert slept == [2.0, 2.0]
    return file.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_watch_shows_what_was_wasted_in_between(engine, server, terminal):
    looks = Looks(
        server(engine(uptime_s=100.0, waste_byte_seconds={"preserved": 0.0})),
        server(engine(uptime_s=102.0, waste_byte_seconds={"preserved": 2.0 * 2**30})),
    )
    text = watch(looks, StatusOptions(URL, watch_s=2.0), terminal=terminal)
    assert text.count("since the last look") == 1
    assert "1.00 GiB·s/s" in text


def test_programs_get_a_line_of_json_for_each_look(engine, server, capsys):
    looks = Looks(server(engine()), server(engine(running=9)))
    watch(looks, StatusOptions(URL, watch_s=2.0, as_json=True), terminal=False)
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["engines"][0]["running"], second["engines"][0]["running"]) == (3, 9)


def test_nobody_answers(capsys):
    code = status_command(StatusOptions("http://127.0.0.1:9"))
    assert code == exit_codes.NO_SERVER
    error = capsys.readouterr().err
    assert "no server answers at http://127.0.0.1:9" in error
    assert "infercept serve configs/demo.yaml" in error


def test_no_ray_is_told_at_once(capsys):
    code = status_command(StatusOptions(URL, address="127.0.0.1:9"))
    assert code == exit_codes.NO_SERVER
    assert "no Ray at 127.0.0.1:9: " in capsys.readouterr().err


def answering(status, text="", **fields):
    transport = httpx.MockTransport(lambda request: httpx.Response(status, text=text, **fields))
    return HttpSource(URL, transport=transport)


@pytest.mark.parametrize(
    ("status", "text", "error", "part"),
    [
        (404, "", NoServerError, "has no /v1/status"),
        (401, "", NoServerError, "INFERCEPT_API_KEY"),
        (200, "[]", NoServerError, "no status of this project"),
        (200, "<html>", NoServerError, "no status of this project"),
        (500, "it broke", RuntimeError, "answered 500: it broke"),
    ],
)
def test_answers_that_are_none(status, text, error, part):
    with pytest.raises(error, match=part):
        answering(status, text).fetch()


def test_a_report_comes_back_as_it_was_told(engine, server):
    told = server(engine())
    asked = []

    def answer(request):
        asked.append((str(request.url), request.headers.get("authorization")))
        return httpx.Response(200, text=told.model_dump_json())

    source = HttpSource(f"{URL}v1/", "secret", httpx.MockTransport(answer))
    assert source.fetch() == [told]
    assert asked == [("http://server.example/v1/status", "Bearer secret")]
