"""Log lines of interceptions: who, which, how long, with what end, and nothing of their words.

Arguments, results and the messages of errors may hold secrets, and are in no line.
"""

import logging
from dataclasses import dataclass

from intercept_core.engine.interception import Interception

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallLog:
    """Writes the lines of one request's interceptions.

    Ids and numbers are fields of the records, by which an operator finds all lines of a
    request, a session or a call: here, in the worker that took the call, and in the response.

    Attributes:
        response_id: The request's id, as its client sees it.
        session_id: Key of the conversation.
    """

    response_id: str = ""
    session_id: str = ""

    def step(self, interception: Interception, *, first: bool = False) -> None:
        """Notes the beginning and the end of a call, and what its context has cost."""
        match interception.state:
            case "running" if first:
                self._write("interception started", interception)
            case "succeeded":
                self._write("interception ended", interception, outcome="succeeded")
            case "failed":
                code = (interception.error or "").partition(":")[0]
                self._write("interception ended", interception, outcome=code or "failed")
            case "resumed":
                self._write(
                    "context resumed",
                    interception,
                    disposition=interception.context,
                    recomputed_tokens=interception.recomputed_tokens,
                    result_tokens=interception.result_tokens,
                )

    def _write(self, message: str, interception: Interception, **fields: object) -> None:
        fields |= {
            "kind": interception.kind,
            "call_id": interception.id,
            "response_id": self.response_id,
            "session_id": self.session_id,
            "seconds": round(interception.seconds, 6),
            "context_tokens": interception.context_tokens,
        }
        outcome = fields.get("outcome") or fields.get("disposition")
        facts = [interception.kind, interception.id, *([outcome] if outcome else [])]
        logger.info("%s: %s", message, " ".join(map(str, facts)), extra=fields)
