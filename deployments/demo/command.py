"""``infercept demo``: watch a model call tools, and what became of its context meanwhile."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai
from rich.console import Console

from deployments import exit_codes
from deployments.demo.files import File, fetch
from deployments.demo.human import Human
from deployments.demo.questions import QUESTIONS, Question
from deployments.terminal.stream import Said, Step, Used, events
from deployments.terminal.stream_view import StreamView

REQUEST_TIMEOUT_S = 120.0
MAX_TOKENS = 1000
"""For all turns of a request: a game takes some hundred."""


@dataclass
class Conversation:
    """One question and all that followed.

    Attributes:
        question: What was asked.
        answer: What the model said, without calls.
        interceptions: The last that was told of each, by id.
        total_s: Seconds from the request to its end.
        tokens: Tokens that the model wrote, calls included.
        files: What tools made, fetched from the server.
        improvised: Whether a human answered otherwise than the expected answer has it.
        error: Why there is no answer; empty if there is one.
    """

    question: Question
    answer: str = ""
    interceptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    total_s: float = 0.0
    tokens: int = 0
    files: list[File] = field(default_factory=list)
    improvised: bool = False
    error: str = ""

    @property
    def tool_s(self) -> float:
        """Seconds in augmentations."""
        return sum(told["seconds"] for told in self.interceptions.values())

    @property
    def recomputed_tokens(self) -> int:
        """Tokens of context that were computed again."""
        return sum(told.get("recomputed_tokens", 0) for told in self.interceptions.values())

    @property
    def right(self) -> bool:
        """Whether the answer has the expected number or word in it, and names the files."""
        if self.question.makes_file and not self.files:
            return False
        named = all(file.name in self.answer for file in self.files)
        return named and self.question.is_answered_by(self.answer)


def demo_command(
    url: str | None, config: Path, types: bool | None = None, api_key: str | None = None
) -> int:
    """Runs the demo; returns the exit code of the program.

    Args:
        url: A running server; None to start one.
        config: What to serve without ``url``.
        types: Whether somebody answers by keyboard; None for where there is a terminal.
        api_key: What the server asks for, if it does.
    """
    if types is None:
        types = sys.stdin.isatty()
    if url is not None:
        return run_demo(url, types=types, api_key=api_key)
    # Imported late: a client of a running server needs no Ray.
    from deployments.serving.deploy_file import DeployFileError
    from deployments.serving.endpoint import EndpointTakenError
    from deployments.serving.server import StartError

    try:
        with _some_server(config) as found:
            return run_demo(found, types=types, api_key=api_key)
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except (DeployFileError, EndpointTakenError, StartError, ConnectionError) as error:
        print(f"infercept: {error}", file=sys.stderr)
        return exit_codes.FAILED


@contextmanager
def _some_server(config: Path) -> Iterator[str]:
    """The server of ``config`` if it runs already, else one for the time being."""
    from deployments.progress import Progress
    from deployments.serving.command import endpoint_of
    from deployments.serving.deploy_file import load_deploy_file
    from deployments.serving.local_ray import stopped_by_signals
    from deployments.serving.server import running_server

    with stopped_by_signals():
        file = load_deploy_file(config)
        endpoint = endpoint_of(file, None, None)
        if _answers(endpoint.url):
            print(f"asking the server at {endpoint.url}", flush=True)
            yield endpoint.url
            return
        with Progress() as progress, running_server(file, endpoint, progress):
            yield endpoint.url


def _answers(url: str) -> bool:
    """Whether a server is there, be it one that asks for a key."""
    try:
        status = httpx.get(f"{url}/v1/models", timeout=5.0).status_code
    except httpx.HTTPError:
        return False
    # Whoever asks it with the wrong key, or none, is told of the key, not of a taken port.
    return status in (httpx.codes.OK, httpx.codes.UNAUTHORIZED)


def run_demo(
    url: str,
    questions: Sequence[Question] = QUESTIONS,
    *,
    types: bool = False,
    api_key: str | None = None,
) -> int:
    """Asks everything and prints it; returns the exit code of the program."""
    client = openai.OpenAI(
        base_url=f"{url.rstrip('/')}/v1",
        api_key=api_key or "none",
        timeout=REQUEST_TIMEOUT_S,
        max_retries=0,
    )
    with client:
        try:
            model = client.models.list().data[0].id
        except openai.AuthenticationError:
            print(
                f"infercept: the server at {url} wants an API key: set INFERCEPT_API_KEY",
                file=sys.stderr,
            )
            return exit_codes.NO_SERVER
        except openai.OpenAIError as error:
            print(f"infercept: no server answers at {url}: {error}", file=sys.stderr)
            return exit_codes.NO_SERVER
        conversations = []
        for number, question in enumerate(questions, start=1):
            print(f"\n{number:2} {question.text}", flush=True)
            human = Human(
                url, types=types, replies=question.replies, headers=client.auth_headers
            )
            conversations.append(converse(client, model, question, human))
    print_table(conversations)
    return int(any(conversation.error for conversation in conversations))


def converse(
    client: openai.OpenAI, model: str, question: Question, human: Human
) -> Conversation:
    """Asks one question, streamed, and prints what happens as it happens."""
    conversation = Conversation(question)
    started_at_s = time.monotonic()
    view = StreamView(Console())
    try:
        stream = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": question.text}],
            tools=[{"type": "function", "function": {"name": question.kind}}],
            temperature=0,
            max_tokens=MAX_TOKENS,
            stream=True,
            stream_options={"include_usage": True},
        )
        for event in events(stream):
            _take(conversation, event, view)
            if isinstance(event, Step):
                if event.asks:
                    view.rest()
                human.hear(event.told)
        view.end_line()
        conversation.improvised = human.improvises
        _fetch_files(conversation, client)
    except (openai.OpenAIError, httpx.HTTPError, ValueError) as error:
        view.end_line()
        conversation.error = str(error)
        print(f"\n   error: {error}", flush=True)
    finally:
        view.rest()
    conversation.total_s = time.monotonic() - started_at_s
    return conversation


def _fetch_files(conversation: Conversation, client: openai.OpenAI) -> None:
    for told in conversation.interceptions.values():
        for artifact in told.get("artifacts", ()):
            file = fetch(str(client.base_url), artifact, client.auth_headers)
            print(f"   | {file.url}  {file.description}", flush=True)
            conversation.files.append(file)


def _take(conversation: Conversation, event: Said | Step | Used, view: StreamView) -> None:
    match event:
        case Step(told):
            conversation.interceptions[event.id] = dict(told)
            view.step(told)
        case Said(text):
            conversation.answer += text
            view.text(text)
        case Used(tokens):
            conversation.tokens = tokens


def print_table(conversations: Sequence[Conversation]) -> None:
    """One line a question, and a line of totals."""
    row = "{:>5}  {:<10}  {:>5}  {:>8}  {:>8}  {:>10}  {:<13}  {:<5}"
    print("\n" + row.format(*_HEADINGS))
    for number, made in enumerate(conversations, start=1):
        print(row.format(number, made.question.kind, *_cells(made), _verdict(made)))
    judged = [made for made in conversations if not made.improvised]
    right = f"{sum(made.right for made in judged)} of {len(judged)}"
    print(row.format("all", "", *_totals(conversations), right), flush=True)


_HEADINGS = (
    *("", "tool", "calls", "tool s", "total s"),
    *("recomputed", "expected", "right"),
)


def _cells(made: Conversation) -> tuple[object, ...]:
    return (
        len(made.interceptions),
        f"{made.tool_s:.3f}",
        f"{made.total_s:.2f}",
        made.recomputed_tokens,
        made.question.expected,
    )


def _totals(conversations: Sequence[Conversation]) -> tuple[object, ...]:
    return (
        sum(len(made.interceptions) for made in conversations),
        f"{sum(made.tool_s for made in conversations):.3f}",
        f"{sum(made.total_s for made in conversations):.2f}",
        sum(made.recomputed_tokens for made in conversations),
        f"{sum(made.tokens for made in conversations)} tokens",
    )


def _verdict(made: Conversation) -> str:
    if made.error:
        return "error"
    if made.improvised:
        return "-"
    return "yes" if made.right else "no"
