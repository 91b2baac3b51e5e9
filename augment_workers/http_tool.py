"""A tool that is a URL, described in the configuration."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Annotated, Any

import httpx
from pydantic import AfterValidator, Field

from augment_workers.address_guard import AddressGuard, Resolver
from augment_workers.arguments import schema_problem
from augment_workers.base import Augmentation, AugmentationError, PoolDefaults, ToolSpec
from augment_workers.http_answer import LimitedStream, ResultPath, read_events, read_reason
from augment_workers.http_request import IDEMPOTENT, Method, RequestTemplate, Send
from augment_workers.pinned_transport import pinned
from augment_workers.secret_text import Secrets
from intercept_core.bus.messages import Call, Event, Progress, Result

_log = logging.getLogger(__name__)

MAX_REDIRECTS = 5
MAX_WAIT_S = 10.0
_TRANSIENT = frozenset({429, 502, 503, 504})
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def _is_schema(schema: dict[str, Any]) -> dict[str, Any]:
    if (problem := schema_problem(schema)) is not None:
        raise ValueError(f"is no JSON schema: {problem}")
    return schema


class HttpTool(Augmentation):
    """Sends each call to one URL and gives the model what comes back.

    Args:
        url: Where calls go; ``{name}`` in its path or query is the place of an argument.
        description: For the model.
        parameters: JSON schema of the arguments.
        method: Of HTTP.
        send: How arguments without a place in the URL go: in the ``query``, which is usual
            for GET and DELETE, or as an object in a body of ``json``.
        headers: Of every request; ``${NAME}`` and ``${file:/path}`` stand for secrets of the
            worker's environment and disk.
        result: JMESPath of what the model gets of a JSON answer; all of it if not given.
        silence_timeout_s: Seconds without a byte, or a connection, after which a request has
            failed. The deadline of the call is the augmentation's ``timeout_s``.
        attempts: Requests for one call, the first included.
        idempotent: Whether repeating a request does nothing twice; as its method says if not
            given. Else a request is repeated only if it has not been taken.
        max_response_bytes: Longest answer.
        allow: Hosts, addresses and networks that are not public and may be connected to.
        ca_file: Certificates of authorities to trust beside those of the machine.
        typical_duration_s: A usual call's seconds.
        resolver: Finds addresses of hosts.
        secrets: What references stand for; this process's environment if not given.
        sleep: Waits so many seconds; paces the repetitions.

    Raises:
        ValueError: if the options do not fit each other, or a secret is missing.
    """

    kind = "http"
    # Nobody but the operator knows what must not be done twice.
    defaults = PoolDefaults(retry=False)

    def __init__(
        self,
        url: str,
        description: str,
        parameters: Annotated[dict[str, Any], AfterValidator(_is_schema)],
        *,
        method: Method = "GET",
        send: Send | None = None,
        headers: dict[str, str] | None = None,
        result: str | None = None,
        silence_timeout_s: Annotated[float, Field(gt=0)] = 30.0,
        attempts: Annotated[int, Field(ge=1)] = 1,
        idempotent: bool | None = None,
        max_response_bytes: Annotated[int, Field(ge=1)] = 1_000_000,
        allow: tuple[str, ...] = (),
        ca_file: Path | None = None,
        typical_duration_s: Annotated[float, Field(gt=0)] = 1.0,
        resolver: Resolver | None = None,
        secrets: Secrets | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._schema = parameters
        self._template = RequestTemplate(method, url, send, parameters)
        self._path = ResultPath(result)
        self._attempts = attempts
        self._idempotent = method in IDEMPOTENT if idempotent is None else idempotent
        self._max_response_bytes = max_response_bytes
        self._sleep = sleep
        self._secrets = secrets or Secrets()
        self._headers = dict(headers or {})
        self._filled_headers()  # a secret that is missing is missed now
        trust = httpx.create_ssl_context()
        if ca_file is not None:
            trust.load_verify_locations(ca_file)
        guard = AddressGuard(allow, resolver)
        self._client = httpx.AsyncClient(
            transport=pinned(httpx.AsyncHTTPTransport(verify=trust), guard),
            timeout=silence_timeout_s,
            # One conversation's cookies are none of another's.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            trust_env=False,  # no proxy, whose connections nobody would check
            headers={"Accept-Encoding": "identity", "User-Agent": "infercept-serve"},
        )

    @classmethod
    def declared(cls, **options: Any) -> ToolSpec:
        """See :class:`Augmentation`."""
        template = RequestTemplate(
            options.get("method", "GET"),
            options["url"],
            options.get("send"),
            options["parameters"],
        )
        ResultPath(options.get("result"))
        AddressGuard(options.get("allow", ())).check_literal(template.host)
        return ToolSpec(
            description=options["description"],
            parameters=options["parameters"],
            typical_duration_s=options.get("typical_duration_s", 1.0),
        )

    @property
    def argument_schema(self) -> Mapping[str, Any]:
        """The schema of the configuration."""
        return self._schema

    async def run(self, call: Call) -> AsyncIterator[Event]:
        """Yields what the server says of its progress, and its answer.

        Raises:
            AugmentationError: if it cannot be asked, refuses, or does not answer.
        """
        try:
            async with aclosing(self._ask(call)) as events:
                async for event in events:
                    yield event
        except AugmentationError as error:
            raise self._secrets.redacted(error) from None

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    def _filled_headers(self) -> dict[str, str]:
        # For each request anew: files with secrets are replaced from time to time.
        return {
            name: self._secrets.fill(f"headers.{name}", text)
            for name, text in self._headers.items()
        }

    async def _ask(self, call: Call) -> AsyncGenerator[Progress | Result, None]:
        for attempt in range(1, self._attempts + 1):
            try:
                async with aclosing(self._ask_once(call)) as events:
                    async for event in events:
                        yield self._without_secrets(call, event)
                return
            except _Transient as failure:
                if attempt == self._attempts or not (self._idempotent or failure.not_taken):
                    raise AugmentationError(failure.reason) from None
                _log.info("%s: attempt %d failed, trying again", call.kind, attempt)
                wait_s = (
                    failure.wait_s if failure.wait_s is not None else 0.5 * 2 ** (attempt - 1)
                )
                await self._sleep(min(wait_s, MAX_WAIT_S))

    def _without_secrets(self, call: Call, event: Progress | Result) -> Progress | Result:
        if isinstance(event, Result):
            return call.result(self._secrets.redact(event.text))
        return event

    async def _ask_once(self, call: Call) -> AsyncGenerator[Progress | Result, None]:
        url, body = self._template.fill(call.arguments)
        request = self._client.build_request(
            self._template.method, url, json=body, headers=self._filled_headers()
        )
        try:
            async with self._response(request) as response:
                if response.status_code in _TRANSIENT:
                    raise _Transient(
                        await read_reason(response),
                        wait_s=_asked_wait_s(response),
                        not_taken=response.status_code == httpx.codes.TOO_MANY_REQUESTS,
                    )
                if not response.is_success:
                    raise AugmentationError(await read_reason(response))
                async with aclosing(read_events(response, call, self._path)) as events:
                    async for event in events:
                        yield event
        except AugmentationError as error:
            if error.retryable:
                raise _Transient(str(error), not_taken=True) from None
            raise
        except httpx.HTTPError as error:
            # Its own text may quote what was sent.
            reason = f"{self._template.host} does not answer: {type(error).__name__}."
            raise _Transient(reason, not_taken=isinstance(error, _NOT_SENT)) from None

    @asynccontextmanager
    async def _response(self, request: httpx.Request) -> AsyncGenerator[httpx.Response, None]:
        """The response at the end of all redirects, its body still to come."""
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._client.send(request, stream=True, follow_redirects=False)
            try:
                assert isinstance(response.stream, httpx.AsyncByteStream)
                response.stream = LimitedStream(response.stream, self._max_response_bytes)
                if response.next_request is None:
                    yield response
                    return
                request = self._redirected(request, response.next_request)
            finally:
                await response.aclose()
        raise AugmentationError(f"more than {MAX_REDIRECTS} redirects in a row")

    def _redirected(self, before: httpx.Request, after: httpx.Request) -> httpx.Request:
        """The request that follows a redirect; to another host it takes nothing along.

        Raises:
            AugmentationError: if it would take the arguments elsewhere, or lead back from TLS.
        """
        if before.url.scheme == "https" and after.url.scheme != "https":
            raise AugmentationError("the tool redirects to a connection without encryption")
        if after.url.userinfo:
            raise AugmentationError("the tool redirects to an address with a password in it")
        if _origin(before.url) == _origin(after.url):
            return after
        if after.method != "GET":
            raise AugmentationError(f"the tool redirects a {after.method} to another host")
        return self._client.build_request("GET", after.url)


class _Transient(Exception):
    """A request that may succeed when it is sent again."""

    def __init__(
        self, reason: str, *, wait_s: float | None = None, not_taken: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s
        self.not_taken = not_taken


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _asked_wait_s(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None
