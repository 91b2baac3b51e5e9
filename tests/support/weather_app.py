"""A web service as users have them, for tests of tools that are URLs."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse

PNG = b"\x89PNG\r\n\x1a\n\x00\xff"


@dataclass
class Weather:
    """The service, and what it saw.

    Attributes:
        app: The application to serve.
        seen: Method, path with query, headers and body of each request, oldest first.
        failures: Statuses of the next responses of ``/flaky``.
        works: Set when ``/hang`` has begun to work.
        left: Set when a client has gone meanwhile.
    """

    app: FastAPI = field(default_factory=FastAPI)
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    works: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.app.middleware("http")(self._record)
        routes = {
            "/cities/{city}": self._city,
            "/echo": self._echo,
            "/redirect": self._redirect,
            "/flaky": self._flaky,
            "/hang": self._hang,
            "/stream": self._stream,
            "/raw": self._raw,
            "/endless": self._endless,
        }
        for path, handler in routes.items():
            methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
            self.app.add_api_route(path, handler, methods=methods, response_model=None)

    def headers(self, name: str) -> list[str | None]:
        """One header of every request."""
        return [headers.get(name) for _, _, headers, _ in self.seen]

    async def _record(self, request: Request, call_next: Any) -> Response:
        path = request.scope["raw_path"].decode()
        path += f"?{request.url.query}" if request.url.query else ""
        self.seen.append((request.method, path, dict(request.headers), await request.body()))
        response: Response = await call_next(request)
        return response

    async def _city(self, city: str, days: int = 1) -> Response:
        if city == "Atlantis":
            return JSONResponse({"detail": "no such city"}, status_code=404)
        return JSONResponse({"city": city, "days": days, "now": {"sky": "clear", "c": 21.5}})

    async def _echo(self, request: Request) -> Response:
        return JSONResponse(
            {
                "method": request.method,
                "query": request.query_params.multi_items(),
                "headers": dict(request.headers),
                "body": (await request.body()).decode(),
            },
            headers={"Set-Cookie": "session=1"},
        )

    async def _redirect(self, to: str, status: int = 307) -> Response:
        return RedirectResponse(to, status_code=status)

    async def _flaky(self) -> Response:
        if self.failures:
            return Response(
                "busy", status_code=self.failures.pop(0), headers={"Retry-After": "2"}
            )
        return Response("at last")

    async def _hang(self) -> Response:
        async def work() -> AsyncIterator[str]:
            try:
                yield _event("progress", {"fraction": 0.1})
                self.works.set()
                await asyncio.sleep(600)
            finally:
                self.left.set()

        return StreamingResponse(work(), media_type="text/event-stream")

    async def _stream(self, ends_with: str = "result") -> Response:
        async def work() -> AsyncIterator[str]:
            yield ": a comment\n\n"
            yield _event("progress", {"fraction": 0.25, "eta_s": 3})
            yield _event("log", "heard by nobody")
            yield "event: progress\ndata: no JSON\n\n"
            yield _event("progress", {"fraction": 0.75, "eta_s": 1.5})
            if ends_with:
                yield _event(ends_with, {"now": {"sky": "clear"}})

        return StreamingResponse(work(), media_type="text/event-stream")

    async def _raw(self, kind: str) -> Response:
        bodies: dict[str, tuple[bytes, str]] = {
            "png": (PNG, "image/png"),
            "latin": ("größer".encode("latin-1"), "text/plain; charset=latin-1"),
            "text": ("größer".encode(), "text/plain"),
            "unknown charset": (b"x", "text/plain; charset=klingon"),
        }
        if kind == "gzip":
            return Response(b"...", headers={"Content-Encoding": "gzip"})
        body, media_type = bodies[kind]
        return Response(body, headers={"Content-Type": media_type})

    async def _endless(self) -> Response:
        async def more() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 4096

        return StreamingResponse(more(), media_type="text/plain")


def _event(kind: str, data: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"
