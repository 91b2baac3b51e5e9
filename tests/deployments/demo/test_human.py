import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deployments.demo.human import Human


class FakeServer(BaseHTTPRequestHandler):
    answers: list = []  # noqa: RUF012

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answers.append((self.path, body))
        self.send_response(404 if self.path.endswith("over") else 204)
        self.end_headers()
        if self.path.endswith("over"):
            self.wfile.write(b'{"error": {"message": "it is over"}}')

    def log_message(self, *args):
        pass


@pytest.fixture
def url():
    FakeServer.answers = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def told(id_="a", **fields):
    return {"id": id_, "kind": "chatbot", "state": "running"} | fields


def test_prepared_replies_come_in_their_order(url, capsys):
    human = Human(url, types=False, replies=("Lisbon", "in May"))
    for id_ in ("a", "a", "b", "c"):
        human.hear(told(id_))
    assert FakeServer.answers == [
        ("/v1/interceptions/a", {"text": "Lisbon"}),
        ("/v1/interceptions/b", {"text": "in May"}),
        ("/v1/interceptions/c", {"text": "in May"}),
    ]
    assert capsys.readouterr().out.splitlines() == [
        "   you> Lisbon",
        "   you> in May",
        "   you> in May",
    ]


@pytest.mark.parametrize(
    ("typed", "sent"), [("Rome \n", "Rome"), ("\n", "Lisbon"), ("", "Lisbon")]
)
def test_what_is_typed_is_sent_and_enter_takes_the_prepared(url, monkeypatch, typed, sent):
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    human = Human(url, types=True, replies=("Lisbon",))
    human.hear(told())
    assert FakeServer.answers == [("/v1/interceptions/a", {"text": sent})]
    assert human.improvises == (sent != "Lisbon")


def test_only_questions_are_answered(url):
    human = Human(url, types=False)
    human.hear(told(kind="calculator"))
    human.hear(told(state="succeeded"))
    assert FakeServer.answers == []
    human.hear(told())
    assert len(FakeServer.answers) == 1, "there is an answer even if none is prepared"


def test_an_answer_that_is_not_taken_is_told(url, capsys):
    Human(url, types=False).hear(told("over"))
    assert "not delivered: " in (out := capsys.readouterr().out) and "it is over" in out
    Human("http://127.0.0.1:9", types=False).hear(told())
    assert "ConnectError" in capsys.readouterr().out
