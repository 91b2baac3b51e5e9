"""Delivers what a human answers to the model's question."""

from collections.abc import Mapping

import httpx

ANSWER_TIMEOUT_S = 30.0


def send_reply(
    url: str, interception_id: str, text: str, headers: Mapping[str, str] | None = None
) -> str | None:
    """Answers an interception of the server at ``url``; returns what went wrong, if so."""
    path = f"{url.rstrip('/')}/v1/interceptions/{interception_id}"
    try:
        response = httpx.post(
            path, json={"text": text}, timeout=ANSWER_TIMEOUT_S, headers=headers
        )
    except httpx.HTTPError as error:
        return repr(error)
    return None if response.is_success else response.text
