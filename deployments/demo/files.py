"""Files that tools made while ``infercept demo`` ran, fetched as a client fetches them."""

import io
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

FETCH_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class File:
    """A file as the server gave it out.

    Attributes:
        name: The artifact's.
        description: Its type and size, and how long it sounds.
        url: Where it is.
    """

    name: str
    description: str
    url: str


def fetch(
    server_url: str, artifact: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> File:
    """Gets an artifact by the URL in its interception.

    Args:
        server_url: Where relative URLs begin.
        artifact: What the interception said of it.
        headers: Sent to the server, and to nobody else: the API key is among them.

    Raises:
        httpx.HTTPError: when the server does not give it out.
        ValueError: when it is not what the interception said.
    """
    server = httpx.URL(f"{server_url.rstrip('/')}/")
    url = server.join(artifact["url"])
    own = headers if _origin(url) == _origin(server) else None
    # No redirects are followed, so what is sent stays at that origin.
    response = httpx.get(url, timeout=FETCH_TIMEOUT_S, headers=own).raise_for_status()
    content_type = response.headers["content-type"]
    told = (artifact["content_type"], artifact["size_bytes"])
    if (content_type, len(response.content)) != told:
        raise ValueError(
            f"{url} is {content_type} of {len(response.content)} bytes, not {told}"
        )
    return File(
        artifact["name"],
        f"{content_type}, {len(response.content)} bytes{_duration(response.content)}",
        str(url),
    )


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _duration(content: bytes) -> str:
    if not content.startswith(b"RIFF"):
        return ""
    with wave.open(io.BytesIO(content)) as recording:
        return f", {recording.getnframes() / recording.getframerate():.1f} s"
