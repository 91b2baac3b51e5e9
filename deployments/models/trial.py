"""One dialogue as a model carries it on, and whether that was right."""

import re
from dataclasses import dataclass, field
from typing import Any

from deployments.models.dialogue import ERROR_PREFIX, Dialogue

WON = "You won."
_FILE_NAME = re.compile(r"\b(?:image|speech)-[0-9a-f]{10}\.\w+")


@dataclass(kw_only=True)
class Trial:
    """A dialogue that a model carries on from its first question.

    Attributes:
        group: The line of the report that it counts for.
        reference: What the model should say; what the human replies; which calls fail.
        text: The prompt and all that followed.
        questions: What the user says later.
        game: The game that the model plays, if it begins one.
        calls: The calls that it made.
        results: What they brought.
        answers: The turns that it ended.
        finished: Whether it has nothing more to say.
    """

    group: str
    reference: Dialogue
    text: str
    questions: list[str]
    game: str | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    finished: bool = False

    @property
    def right_tools(self) -> bool:
        """Whether it called the right tools in the right order; in a game, that one alone."""
        if self.game:
            return {c.get("name") for c in self.calls} == {self.reference.kind}
        return [c.get("name") for c in self.calls] == [c["name"] for c in self.reference.calls]

    @property
    def right_calls(self) -> bool:
        """Whether it also got every argument right; in a game, whether it won."""
        if self.game:
            return any(result.endswith(WON) for result in self.results)
        return self.calls == self.reference.calls

    @property
    def right_answer(self) -> bool:
        """Whether its last answer is right, word for word but for the names of files."""
        if not self.answers:
            return False
        if self.game:
            return self.right_calls
        expected: str = self.reference.messages[-1]["content"]
        return (
            _FILE_NAME.sub("{}", self.answers[-1]) == _FILE_NAME.sub("{}", expected)
            and self.names_its_files
        )

    @property
    def names_its_files(self) -> bool:
        """Whether the last answer names the files that the tools made, and no others."""
        made = [name for result in self.results for name in _FILE_NAME.findall(result)]
        return bool(self.answers) and _FILE_NAME.findall(self.answers[-1]) == made

    def scripted(self, call: dict[str, Any]) -> str | None:
        """What the reference has for the next call: a failure, or the human's reply."""
        position = len(self.calls)
        calls = self.reference.calls
        if position >= len(calls) or calls[position]["name"] != call.get("name"):
            return None
        results = [m["content"] for m in self.reference.messages if m["role"] == "tool"]
        result: str = results[position]
        if call["name"] == "chatbot":
            return result
        return result if result.startswith(ERROR_PREFIX) and calls[position] == call else None


@dataclass(kw_only=True)
class Paraphrase(Trial):
    """A question in words that no generator has.

    Attributes:
        accepted: Arguments of its only call of the kind, one of which is right; none if it
            is the answer alone that counts.
        mentioned: What the argument must mention, if it may be put in many ways.
        expected: What the last answer must mention.
    """

    accepted: tuple[str, ...] = ()
    mentioned: tuple[str, ...] = ()
    expected: str = ""

    @property
    def right_tools(self) -> bool:
        """Whether it called the tool and no other."""
        return {c.get("name") for c in self.calls} == {self.reference.kind}

    @property
    def right_calls(self) -> bool:
        """Whether the argument is right, or else whether the call led to the right answer."""
        if self.game:
            return super().right_calls
        if not self.accepted and not self.mentioned:
            return self.right_tools and self.right_answer
        said = [str(v) for c in self.calls for v in dict(c.get("arguments", {})).values()]
        if self.accepted:
            return self.right_tools and len(said) == 1 and said[0] in self.accepted
        words = said[0].casefold() if said else ""
        return self.right_tools and all(word.casefold() in words for word in self.mentioned)

    @property
    def right_answer(self) -> bool:
        """Whether the last answer has what is expected in it, and the names of the files."""
        if self.game or not self.answers:
            return self.game is not None and super().right_calls
        pattern = rf"(?<![\w.]){re.escape(self.expected)}(?!\w|\.\d)"
        found = re.search(pattern, self.answers[-1], re.IGNORECASE) is not None
        return found and self.names_its_files
