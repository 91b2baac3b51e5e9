"""The client side of a streamed HTTP response, from bytes that arrive in pieces."""

from collections.abc import Callable, Iterable, Iterator

from geventhttpclient.response import HTTPSocketResponse

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
END = b"0\r\n\r\n"


class Pieces:
    """A socket that receives what it is told, in these pieces; closed after the last.

    Args:
        pieces: What each call of ``recv`` gives.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces: Iterator[bytes] = iter(pieces)

    def recv(self, size: int) -> bytes:
        """The next piece; empty at the end, as from a socket that the other side has closed."""
        return next(self._pieces, b"")

    def close(self) -> None:
        """Nothing to do."""


def chunk(text: str) -> bytes:
    """A text as a chunk of the body."""
    body = text.encode()
    return b"%x\r\n%s\r\n" % (len(body), body)


def line_reader(pieces: Iterable[bytes]) -> Callable[[], bytes]:
    """What reads lines from a response that comes in ``pieces``, as locust users do."""
    response = HTTPSocketResponse(Pieces(pieces))
    return lambda: response.readline(b"\n")
