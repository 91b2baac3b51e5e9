"""``infercept chat``."""

import sys
from dataclasses import dataclass
from typing import TextIO

import httpx
import openai
from rich.console import Console

from deployments import exit_codes
from deployments.terminal.chat_session import REQUEST_TIMEOUT_S, ChatSession, NothingSaidError
from deployments.terminal.lines import Lines, Typed, standard_input
from deployments.terminal.stream_view import INDENT, StreamView

NEW, HELP = "/new", "/help"
ENDS = ("/exit", "/quit")
_LEAVES = "Ctrl-D leaves"
_GREETING = f"Ctrl-C stops an answer, {NEW} forgets what was said, {_LEAVES}"


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """The arguments of the command.

    Attributes:
        url: The server.
        message: The one message to send; None for those of standard input.
        tools: Augmentations that the model may call, with commas; ``all``; or ``none``.
        model: Its name; None for the server's first.
        system: A system message.
        max_tokens: Of one answer, calls included.
        temperature: 0 for the likeliest tokens.
        api_key: What the server asks for, if it does.
    """

    url: str
    message: str | None = None
    tools: str = "all"
    model: str | None = None
    system: str | None = None
    max_tokens: int = 1000
    temperature: float = 0.0
    api_key: str | None = None


def chat_command(
    options: ChatOptions, lines: Lines | None = None, output: TextIO | None = None
) -> int:
    """Talks until there is no more to say; returns the exit code of the program.

    Args:
        options: The arguments.
        lines: What the human says; standard input if not given.
        output: Where answers go; standard output if not given.
    """
    answers = Console(file=output)
    steps = answers if answers.is_terminal or output is not None else Console(stderr=True)
    url = options.url.rstrip("/").removesuffix("/v1")
    client = openai.OpenAI(
        base_url=f"{url}/v1",
        api_key=options.api_key or "none",
        timeout=REQUEST_TIMEOUT_S,
        max_retries=0,
    )
    with client:
        try:
            model = options.model or client.models.list().data[0].id
        except (openai.OpenAIError, httpx.HTTPError, IndexError) as error:
            return _no_server(url, error)
        view = StreamView(answers, steps, indent=INDENT if answers.is_terminal else "")
        lines = lines or standard_input()
        session = ChatSession(
            client,
            model,
            view,
            lines,
            tools=options.tools,
            system=options.system,
            limits={"max_tokens": options.max_tokens, "temperature": options.temperature},
        )
        if options.message is not None:
            return _one(session, view, options.message)
        if answers.is_terminal:
            answers.print(f"[bold]{model}[/bold] at {url}", highlight=False)
            answers.print(_GREETING, style="bright_black", highlight=False)
        return _all(session, view, lines)


def _all(session: ChatSession, view: StreamView, lines: Lines) -> int:
    worst = exit_codes.DONE
    while True:
        try:
            text = lines.next("\nyou> ")
        except KeyboardInterrupt:
            if not isinstance(lines, Typed):
                return exit_codes.INTERRUPTED
            view.note(f"nothing is under way; {_LEAVES}")
            continue
        if text is None or text in ENDS:
            return worst
        if text.startswith("/") and " " not in text:  # and not sent: a model would make it up
            if text == NEW:
                session.begin_anew()
            else:
                view.note(_GREETING if text == HELP else f"no command {text}: {_GREETING}")
            continue
        code = _one(session, view, text)
        # An answer that was stopped was not wanted: that is no failure.
        worst = worst if code == exit_codes.INTERRUPTED else max(worst, code)


def _one(session: ChatSession, view: StreamView, text: str) -> int:
    try:
        answer = session.say(text)
    except KeyboardInterrupt:
        view.note("stopped; nothing of it is kept")
        return exit_codes.INTERRUPTED
    except openai.APIStatusError as error:
        return _failed(session, view, f"{error.status_code}: {_message(error)}")
    except (openai.OpenAIError, httpx.HTTPError, NothingSaidError) as error:
        return _failed(session, view, str(error))
    view.note(answer.summary())
    return exit_codes.DONE


def _failed(session: ChatSession, view: StreamView, why: str) -> int:
    view.note(f"error: {why}", "red")
    if len(session.messages) > 1:
        view.note(f"the conversation is as before; {NEW} begins another")
    return exit_codes.FAILED


def _message(error: openai.APIStatusError) -> str:
    body = error.body
    return str(body.get("message", error)) if isinstance(body, dict) else str(error)


def _short(error: Exception) -> str:
    return str(error).rstrip(".").lower() or type(error).__name__


def _no_server(url: str, error: Exception) -> int:
    if isinstance(error, openai.AuthenticationError):
        why = f"the server at {url} wants an API key: set INFERCEPT_API_KEY"
    else:
        why = (
            f"no server answers at {url} ({_short(error)}); start one with "
            "`infercept serve configs/demo.yaml`, or give its --url"
        )
    print(f"infercept: {why}", file=sys.stderr)
    return exit_codes.NO_SERVER
