"""From a model's arguments to an HTTP request."""

import json
import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit

import httpx

from augment_workers.base import AugmentationError

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Send = Literal["query", "json"]

IDEMPOTENT: frozenset[str] = frozenset({"GET", "PUT", "DELETE"})
"""Methods that may be repeated without doing anything twice (RFC 9110, 9.2.2)."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class RequestTemplate:
    """Where requests go, and how the arguments travel.

    Args:
        method: Of HTTP.
        url: ``{name}`` in its path or query is the place of an argument.
        send: How the other arguments go: in the ``query``, or as an object in a body of
            ``json``. By default GET and DELETE take the query.
        parameters: JSON schema of the arguments.

    Raises:
        ValueError: if the URL is none, or does not fit the schema.
    """

    def __init__(
        self, method: Method, url: str, send: Send | None, parameters: Mapping[str, Any]
    ) -> None:
        self.method = method
        self._url = url
        self._in_query = (
            send or ("query" if method in ("GET", "DELETE") else "json")
        ) == "query"
        self._names = _checked_names(url, parameters)
        self._host = checked_host(url)
        if self._in_query:
            properties = parameters.get("properties", {})
            fixed = {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
            for name in sorted(fixed & (properties.keys() - self._names)):
                raise ValueError(f"url: its query has {name!r}, and so has the schema")

    @property
    def host(self) -> str:
        """The host that is asked."""
        return self._host

    def fill(self, arguments: Mapping[str, Any]) -> tuple[httpx.URL, Any]:
        """The URL and the object for the JSON body, None for no body.

        Raises:
            AugmentationError: if an argument cannot stand in a URL.
        """
        rest = {name: arguments[name] for name in arguments if name not in self._names}
        filled = _PLACEHOLDER.sub(
            lambda found: _quoted(found[1], arguments.get(found[1])), self._url
        )
        url = httpx.URL(filled)
        if url.host != self._host:
            raise AugmentationError("the arguments lead to another host")
        if not self._in_query:
            return url, rest
        pairs = [pair for name, value in rest.items() for pair in _query_pairs(name, value)]
        if pairs:
            url = url.copy_with(params=[*url.params.multi_items(), *pairs])
        return url, None


def _checked_names(url: str, parameters: Mapping[str, Any]) -> frozenset[str]:
    names = frozenset(_PLACEHOLDER.findall(url))
    for name in sorted(names):
        if name not in parameters.get("properties", {}):
            raise ValueError(f"url: {{{name}}} is no argument of the schema")
        if name not in parameters.get("required", ()):
            raise ValueError(f"url: {{{name}}} must be one of the schema's required arguments")
    return names


def checked_host(url: str) -> str:
    """The host of a URL of the configuration.

    Raises:
        ValueError: if it is no URL for requests, or holds a secret.
    """
    try:
        parts = urlsplit(url)
        host = httpx.URL(_PLACEHOLDER.sub("x", url)).host
    except (ValueError, httpx.InvalidURL) as error:
        raise ValueError(f"url: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("url: must begin with http:// or https:// and a host")
    if "{" in parts.netloc:
        raise ValueError("url: arguments can stand in its path and query alone")
    if "@" in parts.netloc or "${" in url:
        raise ValueError("url: secrets belong in headers, e.g. Authorization: Bearer ${NAME}")
    return host


def _quoted(name: str, value: Any) -> str:
    text = _text(value)
    # A segment of dots would lead to another place of the server, also when it is quoted.
    if text.strip(".") == "":
        raise AugmentationError(
            f"arguments.{name}: {text!r} cannot stand in an address", code="bad_arguments"
        )
    return quote(text, safe="", errors="replace")


def _query_pairs(name: str, value: Any) -> list[tuple[str, str]]:
    if value is None:
        return []
    return [(name, _text(one)) for one in (value if isinstance(value, list) else [value])]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
