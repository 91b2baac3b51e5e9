"""Where ``infercept status`` gets reports from."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import httpx
from pydantic import ValidationError
from rich.console import Console

from deployments.status.report import ServerStatus

TIMEOUT_S = 15.0
"""Longer than a replica waits for the others."""

CONNECT_TIMEOUT_S = 5.0

PATH = "/v1/status"


class NoServerError(RuntimeError):
    """Nothing answers, or something else does; the message says what to do."""


class Source(Protocol):
    """Fetches the status of one application or more."""

    def fetch(self) -> list[ServerStatus]:
        """The status now.

        Raises:
            NoServerError: if there is nobody to ask.
            RuntimeError: if who was asked could not say.
        """
        ...


class HttpSource:
    """Asks a server by its URL.

    Args:
        url: With the application's route prefix, if it has one.
        api_key: What the server asks for, if it does.
        transport: How requests go out; the network if not given.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._client = httpx.Client(timeout=TIMEOUT_S, transport=transport, headers=headers)

    def close(self) -> None:
        """Closes its connections."""
        self._client.close()

    def fetch(self) -> list[ServerStatus]:
        try:
            response = self._client.get(f"{self.url}{PATH}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoServerError(
                f"no server answers at {self.url} ({error}); start one with "
                "`infercept serve configs/demo.yaml`, or give its URL"
            ) from None
        if response.status_code == httpx.codes.NOT_FOUND:
            raise NoServerError(
                f"what answers at {self.url} has no {PATH}: it is another server, another "
                "route prefix, or an older release"
            )
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise NoServerError(f"{self.url} wants an API key: set INFERCEPT_API_KEY")
        if not response.is_success:
            raise RuntimeError(
                f"{self.url}{PATH} answered {response.status_code}: {response.text:.300}"
            )
        try:
            return [ServerStatus.model_validate_json(response.content)]
        except ValidationError as error:
            raise NoServerError(
                f"what answers at {self.url}{PATH} is no status of this project: "
                f"{error.errors()[0]['msg']}"
            ) from None


class RaySource:
    """Asks the applications of a cluster, without HTTP."""

    def fetch(self) -> list[ServerStatus]:
        from ray import serve

        asked = [
            serve.get_deployment_handle(deployment, name).status.remote()
            for name, application in serve.status().applications.items()
            for deployment in application.deployments
            if deployment == "LLMReplica"
        ]
        if not asked:
            raise NoServerError("no application of this project runs on that Ray")
        return [one.result(timeout_s=TIMEOUT_S) for one in asked]


def _look_for(address: str) -> None:
    """Ray itself tries for minutes.

    Raises:
        NoServerError: if nobody listens at an address that has a port.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "//" in host:
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise NoServerError(f"no Ray at {address}: {error}") from None


@contextmanager
def http_source(url: str, api_key: str | None = None) -> Iterator[Source]:
    """The server at ``url``."""
    source = HttpSource(url, api_key)
    try:
        yield source
    finally:
        source.close()


@contextmanager
def ray_source(address: str) -> Iterator[Source]:
    """The cluster at ``address``.

    Raises:
        NoServerError: if there is none.
    """
    _look_for(address)
    with Console(stderr=True).status(f"joining the Ray at {address}"):
        import ray
        from ray import serve  # noqa: F401  # sets up the logger that is silenced here

        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        try:
            ray.init(
                address=address,
                namespace="serve",
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (ConnectionError, ValueError) as error:
            raise NoServerError(f"no Ray at {address}: {error}") from None
    try:
        yield RaySource()
    finally:
        ray.shutdown()
