"""Connections to nothing but addresses that were checked, below httpx's own machinery."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

from httpcore import AsyncNetworkBackend, AsyncNetworkStream

from augment_workers.base import AugmentationError


class Guard(Protocol):
    """What is used of :class:`~augment_workers.address_guard.AddressGuard`."""

    async def checked_addresses(self, host: str) -> Sequence[str]:
        """Addresses that may be connected to."""
        ...


_Transport = TypeVar("_Transport")


def pinned(transport: _Transport, guard: Guard) -> _Transport:
    """Has a transport of httpx, or of httpx2, ask ``guard`` before each connection.

    The name is resolved once and the connection made to an address of that answer, so that
    no second answer can lead elsewhere. TLS still asks for the name, and checks it.

    Args:
        transport: An ``AsyncHTTPTransport`` that goes through no proxy.
        guard: Finds and checks the addresses of a host.

    Raises:
        AttributeError: if the transport is not built as it was in the releases we know.
    """
    pool: Any = transport._pool  # type: ignore[attr-defined]
    pool._network_backend = PinnedBackend(pool._network_backend, guard)
    return transport


class PinnedBackend(AsyncNetworkBackend):
    """Makes the connections of one pool.

    Args:
        inner: Connects.
        guard: Finds and checks the addresses of a host.
    """

    def __init__(self, inner: AsyncNetworkBackend, guard: Guard) -> None:
        self._inner = inner
        self._guard = guard

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """See ``httpcore.AsyncNetworkBackend``.

        Raises:
            AugmentationError: if the guard refuses the host.
        """
        *others, last = await self._guard.checked_addresses(host)
        for address in others:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except Exception:
                continue  # the next may be reachable
        return await self._inner.connect_tcp(last, port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """Refuses: no tool is told to."""
        raise AugmentationError("tools may not connect to sockets of this machine")

    async def sleep(self, seconds: float) -> None:
        """See ``httpcore.AsyncNetworkBackend``."""
        await self._inner.sleep(seconds)
