import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deployments import exit_codes
from deployments.demo.command import Conversation, demo_command, print_table, run_demo
from deployments.demo.files import File
from deployments.demo.questions import QUESTIONS, Question
from deployments.models.dialogues import TOOLS

FILES = ("image", "speech")

CHUNK = '"id":"1","object":"chat.completion.chunk","created":1,"model":"m"'
EMPTY = '"choices":[{"index":0,"delta":{},"finish_reason":null}]'
TOLD = '"id":"call","kind":"calculator","arguments":{"expression":"6*7"},"context_tokens":30'
STREAM = [
    f'{{{CHUNK},"choices":[{{"index":0,"delta":{{"content":"Wait. "}}}}]}}',
    f'{{{CHUNK},{EMPTY},"interception":{{{TOLD},"state":"running","seconds":0.0}}}}',
    f'{{{CHUNK},{EMPTY},"interception":{{{TOLD},"state":"succeeded","seconds":0.25}}}}',
    f'{{{CHUNK},{EMPTY},"interception":{{{TOLD},"state":"resumed","seconds":0.25,'
    '"context":"discarded","recomputed_tokens":30,"result_tokens":5}}',
    f'{{{CHUNK},"choices":[{{"index":0,"delta":{{"content":"It is 42."}}}}]}}',
    f'{{{CHUNK},"choices":[],"usage":{{"prompt_tokens":9,"completion_tokens":21,'
    '"total_tokens":30}}',
    "[DONE]",
]
"""What a server says that calls a tool once."""

IMAGE = b"12345"
DRAWN = (
    '"id":"call","kind":"image","arguments":{"prompt":"a cat"},"context_tokens":30,"artifacts":'
    '[{"name":"a.png","url":"/v1/artifacts/a.png","content_type":"image/png","size_bytes":5}]'
)
DRAWING = [
    f'{{{CHUNK},{EMPTY},"interception":{{{DRAWN},"state":"succeeded","seconds":0.25}}}}',
    f'{{{CHUNK},"choices":[{{"index":0,"delta":{{"content":"Your image: a.png"}}}}]}}',
    "[DONE]",
]
"""What a server says whose tool makes a file."""


class FakeServer(BaseHTTPRequestHandler):
    status = 200
    stream = STREAM

    def do_GET(self):
        if self.path == "/v1/artifacts/a.png":
            self._send("image/png", IMAGE)
            return
        self._send("application/json", b'{"object":"list","data":[{"id":"m"}]}')

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        lines = "".join(f"data: {line}\n\n" for line in self.stream)
        self._send("text/event-stream", lines.encode())

    def _send(self, content_type, content):
        self.send_response(200 if self.command == "GET" else self.status)
        self.send_header("Content-Type", content_type)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


class FailingServer(FakeServer):
    status = 500


class GuardedServer(FakeServer):
    """One that wants an API key."""

    def parse_request(self):
        if not super().parse_request():
            return False
        known = self.headers["Authorization"] == "Bearer secret"
        if not known:
            self.send_error(401)
        return known


class GuardedDrawingServer(GuardedServer):
    stream = DRAWING


def config_at(folder, port):
    """A file that would be served at ``port``."""
    config = folder / "app.yaml"
    config.write_text(
        f"http_options: {{host: 127.0.0.1, port: {port}}}\n"
        "applications: [{import_path: 'deployments.builder:build', args: {model: a-model}}]\n"
    )
    return config


@pytest.fixture
def start():
    servers = []

    def start(handler):
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_key_is_sent_to_a_server_that_wants_one(start, capsys):
    url = start(GuardedServer)
    assert run_demo(url, QUESTIONS[:1]) == exit_codes.NO_SERVER
    assert "wants an API key: set INFERCEPT_API_KEY" in capsys.readouterr().err
    question = Question("calculator", "What is 6*7?", "42")
    assert run_demo(url, [question], api_key="secret") == 0


def test_a_file_is_fetched_with_the_key(start, capsys):
    question = Question("image", "Draw a cat.", "image", makes_file=True)
    assert run_demo(start(GuardedDrawingServer), [question], api_key="secret") == 0
    out = capsys.readouterr().out
    assert "/v1/artifacts/a.png  image/png, 5 bytes" in out
    assert out.split()[-3:] == ["1", "of", "1"]


def test_it_prints_conversations_and_a_table(start, capsys):
    questions = [
        Question("calculator", "What is 6*7?", "42"),
        Question("calculator", "What is 6*8?", "48"),
    ]
    assert run_demo(start(FakeServer), questions) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:7] == [
        " 1 What is 6*7?",
        "   Wait. ",
        '   | calculator {"expression": "6*7"}',
        "   | calculator answered in 250.0 ms",
        "   | context of 30 tokens discarded, 30 recomputed, 5 added",
        "   It is 42.",
    ]
    first, second, totals = (line.split() for line in lines[-3:])
    assert (first[:4], first[-2:]) == (["1", "calculator", "1", "0.250"], ["42", "yes"])
    assert second[-2:] == ["48", "no"]
    assert totals[:3] == ["all", "2", "0.500"]
    assert totals[-5:] == ["42", "tokens", "1", "of", "2"]


def test_who_gives_answers_of_their_own_gets_no_verdict(capsys):
    question = Question("chatbot", "Which city?", "Lisbon", ("Lisbon",))
    print_table(
        [
            Conversation(question, answer="Lisbon it is."),
            Conversation(question, answer="Rome it is.", improvised=True),
        ]
    )
    first, second, totals = (line.split() for line in capsys.readouterr().out.splitlines()[-3:])
    assert (first[-1], second[-1]) == ("yes", "-")
    assert totals[-3:] == ["1", "of", "1"]


def test_an_error_of_the_server_is_told(start, capsys):
    assert run_demo(start(FailingServer), QUESTIONS[:1]) == 1
    assert "error: " in capsys.readouterr().out


def test_no_server(capsys):
    assert run_demo("http://127.0.0.1:9", QUESTIONS[:1]) == exit_codes.NO_SERVER
    assert "no server answers at http://127.0.0.1:9" in capsys.readouterr().err


def test_a_running_server_is_asked_although_it_wants_a_key(start, tmp_path, capsys):
    config = config_at(tmp_path, int(start(GuardedServer).rpartition(":")[2]))
    assert demo_command(None, config, types=False, api_key="secret") == 0
    assert "asking the server at http://127.0.0.1:" in capsys.readouterr().out
    assert demo_command(None, config, types=False) == exit_codes.NO_SERVER
    assert "wants an API key: set INFERCEPT_API_KEY" in capsys.readouterr().err


def test_a_ray_that_does_not_start_is_told(tmp_path, monkeypatch, capsys):
    @contextmanager
    def too_busy(metrics_port):
        raise ConnectionError("Ray did not start on this machine")
        yield

    monkeypatch.setattr("deployments.serving.server.local_ray", too_busy)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        config = config_at(tmp_path, probe.getsockname()[1])
    assert demo_command(None, config) == exit_codes.FAILED
    assert "infercept: Ray did not start on this machine" in capsys.readouterr().err


def test_there_are_several_questions_of_every_kind():
    kinds = [question.kind for question in QUESTIONS]
    assert set(kinds) == set(TOOLS)
    assert min(kinds.count(kind) for kind in TOOLS) >= 2
    assert all(question.makes_file == (question.kind in FILES) for question in QUESTIONS)
    assert all(question.replies for question in QUESTIONS if question.kind == "chatbot")


@pytest.mark.parametrize(
    ("expected", "answer", "right"),
    [
        ("42", "It is 42.", True),
        ("42", "It is 142.", False),
        ("42", "It is 42.5.", False),
        ("42", "It is 4.42.", False),
        ("1315", "That makes 1,315 coins.", True),
        ("chemist", "A French Chemist (born 1867)", True),
        ("chemist", "It is chemistry.", False),
    ],
)
def test_an_answer_is_right_if_it_has_the_number_or_word_in_it(expected, answer, right):
    assert Question("calculator", "", expected).is_answered_by(answer) is right


def test_a_question_for_a_file_is_right_if_the_answer_names_what_was_made():
    question = Question("image", "Draw.", "image", makes_file=True)
    made = Conversation(question, answer="Here is your image: image-0123456789.png")
    assert not made.right
    made.files.append(File("image-0123456789.png", "image/png, 9 bytes", "http://a"))
    assert made.right
    made.files.append(File("image-aaaaaaaaaa.png", "image/png, 9 bytes", "http://b"))
    assert not made.right
