"""A real HTTP server for tests, on a thread of its own."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn

PATIENCE_S = 30.0


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@contextlib.contextmanager
def live_server(
    app: Any, *, host: str = "127.0.0.1", port: int = 0, certificate: Path | None = None
) -> Iterator[int]:
    """Serves an ASGI application and gives the port.

    Args:
        app: The application.
        host: Address to listen on.
        port: 0 for any.
        certificate: A PEM file with key and certificate, for TLS.
    """
    config = uvicorn.Config(
        app, log_level="critical", timeout_graceful_shutdown=1, ssl_certfile=certificate
    )
    server = _Server(config)
    with socket.create_server((host, port)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            assert server.listens.wait(PATIENCE_S)
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(PATIENCE_S)
    assert not thread.is_alive()
