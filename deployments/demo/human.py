"""The human in ``infercept demo``: answers what the model asks."""

from collections.abc import Mapping, Sequence
from typing import Any

from deployments.terminal.replies import send_reply

KIND = "chatbot"


class Human:
    """Answers by keyboard, or with the replies that a question comes with.

    Args:
        url: The server's.
        types: Whether somebody sits at the keyboard; a reply that is only confirmed with
            Enter is the prepared one all the same.
        replies: What is said to the first question, the second, and so on; the last one to
            all that follow.
        headers: Sent with each answer.

    Attributes:
        improvises: Whether somebody has typed an answer of their own.
    """

    def __init__(
        self,
        url: str,
        *,
        types: bool,
        replies: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.improvises = False
        self._url = url.rstrip("/")
        self._headers = headers
        self._types = types
        self._replies = list(replies) or ["I do not know."]
        self._answered: set[str] = set()

    def hear(self, told: Mapping[str, Any]) -> None:
        """Answers an interception if it asks something; blocks while somebody types."""
        asks = told["kind"] == KIND and told["state"] == "running"
        if not asks or told["id"] in self._answered:
            return
        self._answered.add(told["id"])
        prepared = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        text = self._typed(prepared) if self._types else prepared
        if not self._types:
            print(f"   you> {text}", flush=True)
        problem = send_reply(self._url, told["id"], text, self._headers)
        if problem is not None:
            print(f"   | not delivered: {problem}", flush=True)

    def _typed(self, prepared: str) -> str:
        try:
            typed = input(f"   you [{prepared}]> ").strip() or prepared
        except EOFError:
            print(flush=True)
            return prepared
        self.improvises |= typed != prepared
        return typed
