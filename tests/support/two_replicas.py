"""Clients of a server with two engines, who note which of them answered."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

PATIENCE_S = 60.0
THINK_S = 0.05
REPLICA = "x-infercept-replica"
MODEL = "scripted"


def long_text(name: str, chars: int = 600) -> str:
    """About as many tokens as characters, which begin like no other text's."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return (digest * (chars // len(digest) + 1))[:chars]


@dataclass(frozen=True)
class Answer:
    """What became of a request.

    Attributes:
        replica: Who answered; None if nobody did.
        status: HTTP status; None if the connection broke.
        text: What the model said, or the error.
        cached_tokens: Tokens of the prompt that the replica still had.
        seconds: From sending to the end.
    """

    replica: str | None
    status: int | None
    text: str
    cached_tokens: int = 0
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return self.status == 200


class Client:
    """Asks the scripted model.

    Args:
        url: Of the server.
        turns: Encodes what the model is to say.
    """

    def __init__(self, url: str, turns: Any) -> None:
        # HAProxy closes idle connections when it learns of other replicas, at any moment.
        limits = httpx.Limits(max_keepalive_connections=0)
        self.http = httpx.AsyncClient(base_url=url, timeout=PATIENCE_S, limits=limits)
        self._turns = turns

    async def ask(
        self, content: str | list[Any] = "Hi", session_id: str = "", **fields: Any
    ) -> Answer:
        """One request that is answered as a whole."""
        started_at = time.monotonic()
        try:
            response = await self.http.post(
                "/v1/chat/completions",
                json=self.body(content, "Fine.", **fields),
                headers={"x-session-id": session_id} if session_id else None,
            )
        except httpx.TransportError as error:
            assert not isinstance(error, httpx.TimeoutException), "it hangs"
            return Answer(None, None, repr(error), seconds=time.monotonic() - started_at)
        replica, seconds = response.headers.get(REPLICA), time.monotonic() - started_at
        if response.status_code != 200:
            return Answer(replica, response.status_code, response.text, seconds=seconds)
        told = response.json()
        details = told["usage"].get("prompt_tokens_details") or {}
        return Answer(
            replica,
            200,
            told["choices"][0]["message"]["content"],
            details.get("cached_tokens", 0),
            seconds,
        )

    def body(self, content: str | list[Any], *turns: str, **fields: Any) -> dict[str, Any]:
        messages = (
            content if isinstance(content, list) else [{"role": "user", "content": content}]
        )
        return {
            "model": MODEL,
            "messages": messages,
            "temperature": 0,
            "max_tokens": 200,
            **self._turns(*turns),
            **fields,
        }

    @asynccontextmanager
    async def asked_human(self, session_id: str, chars: int = 600) -> AsyncIterator["Parked"]:
        """A stream that waits for a human's answer meanwhile."""
        call = {"name": "chatbot", "arguments": {"message": f"{session_id}?"}}
        body = self.body(
            long_text(session_id, chars),
            f"<tool_call>{json.dumps(call)}</tool_call>",
            "Thanks.",
            tools=[{"type": "function", "function": {"name": "chatbot"}}],
            stream=True,
        )
        headers = {"x-session-id": session_id}
        async with self.http.stream(
            "POST", "/v1/chat/completions", json=body, headers=headers
        ) as response:
            assert response.status_code == 200, await response.aread()
            parked = Parked(response)
            async with asyncio.timeout(PATIENCE_S):
                await parked.asked.wait()
            try:
                yield parked
            finally:
                parked.reading.cancel()
                await asyncio.wait((parked.reading,))

    async def answer(self, call_id: str, session_id: str) -> httpx.Response:
        """A human's answer, by way of the replica of a session."""
        return await self.http.post(
            f"/v1/interceptions/{call_id}",
            json={"text": "Yes."},
            headers={"x-session-id": session_id},
        )


class Parked:
    """A stream that is being read.

    Attributes:
        replica: Who serves it.
        call_id: Of the question that it waits with.
        asked: Set when it waits.
        reading: Done when the stream has ended: with its text, or an error.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.replica = response.headers[REPLICA]
        self.call_id = ""
        self.asked = asyncio.Event()
        self.reading = asyncio.create_task(self._read(response))

    async def _read(self, response: httpx.Response) -> str:
        text = ""
        async for line in response.aiter_lines():
            data = line.removeprefix("data: ")
            if not data.startswith("{"):
                continue
            chunk = json.loads(data)
            if "error" in chunk:
                raise RuntimeError(chunk["error"]["message"])
            told = chunk.get("interception")
            if told is not None and told["state"] == "running":
                self.call_id = told["id"]
                self.asked.set()
            text += chunk["choices"][0]["delta"].get("content") or ""
        return text


@dataclass
class Load:
    """Sessions that ask again and again.

    Attributes:
        answers: What became of each request, by session.
    """

    client: Client
    answers: dict[str, list[Answer]] = field(default_factory=dict)

    @asynccontextmanager
    async def of(self, *session_ids: str) -> AsyncIterator["Load"]:
        """Has these sessions ask meanwhile."""
        tasks = [asyncio.create_task(self._session(one)) for one in session_ids]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            ended, _ = await asyncio.wait(tasks)
        for task in ended:
            if not task.cancelled():
                task.result()  # one that hangs

    async def _session(self, session_id: str) -> None:
        answers = self.answers.setdefault(session_id, [])
        while True:
            answers.append(await self.client.ask("Hi", session_id))
            await asyncio.sleep(THINK_S)

    async def until(self, *session_ids: str, good: int = 3) -> None:
        """Until the last ``good`` answers of each session are good ones, from now on."""
        starts = {one: len(self.answers.get(one, ())) for one in session_ids}
        async with asyncio.timeout(PATIENCE_S):
            for one, start in starts.items():
                while not self._is_served(one, start, good):
                    await asyncio.sleep(0.05)

    def _is_served(self, session_id: str, start: int, good: int) -> bool:
        latest = self.answers.get(session_id, [])[start:][-good:]
        return len(latest) == good and all(answer.is_good for answer in latest)
