"""What a request says of the engine that may hold its context."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic_core import from_json

LEAST_CHARS = 256
"""A shorter beginning is computed again faster than it is worth a queue."""

PROMPT_CHUNK_CHARS = 256
PROMPT_CHUNK_TOKENS = 64

KEY_BYTES = 16

Key = bytes


@dataclass(frozen=True, slots=True)
class RouteHint:
    """Names of the contexts that would serve a request.

    A request leaves its context behind under its session and its ``last`` key. A later one
    that goes on where it ended has that key among its ``keys``: all that was asked before is
    how it begins. One that shares only its first messages with others, such as the system's,
    continues none of them and has none of their keys.

    Attributes:
        session_id: The session that the client named, or "".
        keys: Hashes of the beginnings of the prompt, the longest first.
    """

    session_id: str = ""
    keys: tuple[Key, ...] = ()

    @property
    def last(self) -> tuple[Key, ...]:
        """The key of the whole prompt, if it is long enough for one."""
        return self.keys[:1]

    @property
    def session_key(self) -> tuple[Key, ...]:
        """The key of the session, if there is one."""
        return (_digest("session", self.session_id).digest(),) if self.session_id else ()

    @classmethod
    def of(cls, body: bytes, header_session_id: str = "", *, truncated: bool = False) -> Self:
        """Reads a request to the OpenAI API.

        Args:
            body: Its JSON; what is no object, or no JSON, has no keys.
            header_session_id: The session that a header names; one in the body precedes it,
                as in vLLM.
            truncated: Whether ``body`` is only the beginning.
        """
        content = _object(body)
        if content is None:
            return cls(header_session_id)
        session_id = content.get("session_id") or header_session_id or _xargs_session(content)
        return cls(
            session_id if isinstance(session_id, str) else "",
            tuple(reversed([*_keys(content, truncated)])),
        )


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        content = from_json(body, allow_partial="trailing-strings")
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _xargs_session(content: Mapping[str, Any]) -> Any:
    xargs = content.get("vllm_xargs")
    return xargs.get("session_id") if isinstance(xargs, dict) else None


def _keys(content: Mapping[str, Any], truncated: bool) -> Iterator[Key]:
    """Of longer and longer beginnings."""
    messages, prompt = content.get("messages"), content.get("prompt")
    if isinstance(messages, list):
        # The last one of a body that was cut off is not what it says.
        whole = messages[:-1] if truncated else messages
        yield from _hashes("chat", (json.dumps(one, sort_keys=True) for one in whole))
    elif isinstance(prompt, str):
        size = PROMPT_CHUNK_CHARS
        ends = range(size, len(prompt) + 1, size)
        yield from _hashes("text", (prompt[end - size : end] for end in ends))
    elif isinstance(prompt, list) and all(type(token) is int for token in prompt):
        size = PROMPT_CHUNK_TOKENS
        ends = range(size, len(prompt) + 1, size)
        yield from _hashes("ids", (f"{prompt[end - size : end]}" for end in ends))


def _hashes(kind: str, parts: Iterable[str]) -> Iterator[Key]:
    digest = _digest(kind, "")
    chars = 0
    for part in parts:
        # The length first: no two lists of parts look alike.
        digest.update(_encoded(f"{len(part)}:{part}"))
        chars += len(part)
        if chars >= LEAST_CHARS:
            yield digest.copy().digest()


def _digest(kind: str, text: str) -> "hashlib.blake2b":
    return hashlib.blake2b(_encoded(f"{kind} {text}"), digest_size=KEY_BYTES)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # JSON may hold what UTF-8 does not
