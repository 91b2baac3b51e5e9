"""A conversation that remembers what was said."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import openai

from deployments.terminal.lines import Lines
from deployments.terminal.replies import send_reply
from deployments.terminal.stream import Said, Step, Used, events
from deployments.terminal.stream_view import StreamView
from deployments.terminal.words import duration

REQUEST_TIMEOUT_S = 900.0
"""Longer than people take to answer what the model asks."""


class NothingSaidError(RuntimeError):
    """The model asks something, and nobody is there to answer."""


@dataclass
class Answer:
    """One answer as it comes.

    Attributes:
        text: What the model has said.
        tokens: Tokens that it wrote, calls included.
        interceptions: The last that was told of each, by id.
        first_s: Seconds to the first sign of life.
        total_s: Seconds to the end.
    """

    text: str = ""
    tokens: int = 0
    interceptions: dict[str, Any] = field(default_factory=dict)
    first_s: float | None = None
    total_s: float = 0.0

    def summary(self) -> str:
        """Its costs in a line."""
        facts = [f"{self.tokens} tokens in {duration(self.total_s)}"]
        if self.first_s is not None:
            facts.append(f"the first after {duration(self.first_s)}")
        if told := list(self.interceptions.values()):
            calls = "1 call" if len(told) == 1 else f"{len(told)} calls"
            facts.append(f"{calls} of {duration(sum(one['seconds'] for one in told))}")
            lost = sum(one.get("recomputed_tokens") or 0 for one in told)
            facts.append(f"{lost} tokens recomputed")
        return " · ".join(facts)


class ChatSession:
    """Sends messages with all that went before, and shows the answers.

    Args:
        client: The ``openai`` client of the server.
        model: The model's name.
        view: Where answers are shown.
        lines: Where answers to the model's questions come from.
        tools: Augmentations that the model may call, with commas; ``all``; or ``none``.
        system: A system message, if any.
        limits: ``max_tokens`` and ``temperature``.

    Attributes:
        messages: The conversation so far.
        session_id: Under which augmentations and routing know it.
    """

    def __init__(
        self,
        client: openai.OpenAI,
        model: str,
        view: StreamView,
        lines: Lines,
        *,
        tools: str = "all",
        system: str | None = None,
        limits: dict[str, Any] | None = None,
    ) -> None:
        self._client = client
        self._model = model
        self._view = view
        self._lines = lines
        self._tools = tools
        self._system = system
        self._limits = limits or {}
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forgets what was said."""
        self.session_id = uuid.uuid4().hex
        self.messages: list[Any] = []
        if self._system is not None:
            self.messages.append({"role": "system", "content": self._system})

    def say(self, text: str) -> Answer:
        """Sends a message and shows the answer; what fails leaves no trace in ``messages``.

        Raises:
            openai.OpenAIError: if there is no answer.
            httpx.HTTPError: if it breaks off.
            NothingSaidError: if the model asks something, and ``lines`` have ended.
            KeyboardInterrupt: as it comes; the server is told to stop.
        """
        asked = [*self.messages, {"role": "user", "content": text}]
        answer = Answer()
        started_s = time.monotonic()
        with self._answering(asked) as stream:
            for event in events(stream):
                if answer.first_s is None:
                    answer.first_s = time.monotonic() - started_s
                self._take(answer, event)
        answer.total_s = time.monotonic() - started_s
        self.messages = [*asked, {"role": "assistant", "content": answer.text}]
        return answer

    @contextmanager
    def _answering(self, messages: list[Any]) -> Iterator[Any]:
        headers = {"X-Session-Id": self.session_id}
        if self._tools != "none":
            headers["X-InferCept-Augmentations"] = self._tools
        self._view.wait("the model")
        try:
            stream = self._client.chat.completions.create(
                model=self._model,
                messages=messages,
                stream=True,
                stream_options={"include_usage": True},
                extra_headers=headers,
                **self._limits,
            )
            with stream:  # closing it tells the server, whatever ends us
                yield stream
        finally:
            self._view.end_line()

    def _take(self, answer: Answer, event: Said | Step | Used) -> None:
        match event:
            case Said(text):
                answer.text += text
                self._view.text(text)
            case Step(told):
                is_new = event.id not in answer.interceptions
                answer.interceptions[event.id] = told
                self._view.step(told)
                if told["state"] == "succeeded":
                    self._show_files(told)
                if is_new and event.asks:
                    self._answer(event)
            case Used(tokens):
                answer.tokens = tokens

    def _show_files(self, told: Any) -> None:
        for file in told.get("artifacts", ()):
            url = httpx.URL(str(self._client.base_url)).join(file["url"])
            self._view.note(f"{url}  {file['content_type']}, {file['size_bytes']:,} bytes", "")

    def _answer(self, step: Step) -> None:
        self._view.rest()
        text = self._lines.next("   you> ")
        if text is None:
            raise NothingSaidError(
                "the model asks, and there is no line left to answer it: "
                f"{step.told['arguments'].get('message', '')}"
            )
        url = str(self._client.base_url).rstrip("/").removesuffix("/v1")
        headers = {"Authorization": f"Bearer {self._client.api_key}"}
        if (problem := send_reply(url, step.id, text, headers)) is not None:
            self._view.note(f"not delivered: {problem}", "red")
        self._view.wait("the model")
