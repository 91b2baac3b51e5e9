"""Files come from the URL in the interception, and are what it says."""

import io
import threading
import wave
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from deployments.demo.files import fetch


def wav(seconds: float) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8000)
        recording.writeframes(bytes(int(seconds * 8000) * 2))
    return content.getvalue()


FILES = {"/v1/artifacts/a.png": ("image/png", b"12345"), "/b.wav": ("audio/wav", wav(1.5))}


class FileServer(BaseHTTPRequestHandler):
    keys: ClassVar[list[str | None]] = []
    """What came as a key with each request."""

    def do_GET(self) -> None:
        self.keys.append(self.headers["Authorization"])
        if self.path not in FILES:
            self.send_error(404)
            return
        content_type, content = FILES[self.path]
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), FileServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def told(url: str, content_type: str, size_bytes: int) -> dict[str, object]:
    return {"name": "x", "url": url, "content_type": content_type, "size_bytes": size_bytes}


def test_a_file_is_fetched(url: str) -> None:
    file = fetch(f"{url}/v1", told("/v1/artifacts/a.png", "image/png", 5))
    assert (file.name, file.description) == ("x", "image/png, 5 bytes")
    assert file.url == f"{url}/v1/artifacts/a.png"


def test_a_recording_has_a_duration(url: str) -> None:
    size_bytes = len(FILES["/b.wav"][1])
    file = fetch(f"{url}/v1", told(f"{url}/b.wav", "audio/wav", size_bytes))
    assert file.description == f"audio/wav, {size_bytes} bytes, 1.5 s"


def test_the_key_goes_to_the_server_and_to_no_other_origin(url: str) -> None:
    headers = {"Authorization": "Bearer secret"}
    # The last two are the same machine by another name, and another port of it.
    servers = (url, f"{url}/v1", url.replace("127.0.0.1", "localhost"), "http://127.0.0.1:9")
    FileServer.keys.clear()
    for server in servers:
        fetch(server, told(f"{url}/v1/artifacts/a.png", "image/png", 5), headers)
    assert FileServer.keys == ["Bearer secret", "Bearer secret", None, None]


def test_another_file_than_was_told_is_an_error(url: str) -> None:
    with pytest.raises(ValueError, match=r"image/png of 5 bytes, not \('image/png', 6\)"):
        fetch(url, told("/v1/artifacts/a.png", "image/png", 6))
