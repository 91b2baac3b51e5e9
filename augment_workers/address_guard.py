"""Which addresses tools may connect to."""

import asyncio
import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from augment_workers.base import AugmentationError

_log = logging.getLogger(__name__)

_Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")
_NEVER_PUBLIC: tuple[IPv4Network | IPv6Network, ...] = (
    IPv4Network("100.64.0.0/10"),  # behind a carrier's translator
    IPv4Network("192.0.0.0/24"),
    IPv6Network("64:ff9b:1::/48"),  # a network's own translation to IPv4
)
"""Not public, though some Python releases say so."""


class Resolver(ABC):
    """Finds the addresses of a host."""

    @abstractmethod
    async def addresses(self, host: str) -> Sequence[str]:
        """At least one IP address.

        Raises:
            OSError: if there is none.
        """


class SystemResolver(Resolver):
    """Asks the operating system, as every other program on the machine does."""

    async def addresses(self, host: str) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class AddressGuard:
    """Refuses every address that is not public, but for what the operator allows.

    Args:
        allowed: Names of hosts, addresses, and networks such as ``10.1.0.0/16``.
        resolver: Finds addresses; the operating system if not given.

    Raises:
        ValueError: if an entry of ``allowed`` is none of these.
    """

    def __init__(self, allowed: Sequence[str] = (), resolver: Resolver | None = None) -> None:
        self._networks: list[IPv4Network | IPv6Network] = []
        self._hosts: set[str] = set()
        for entry in allowed:
            try:
                self._networks.append(ip_network(entry))
            except ValueError as error:
                if not entry.strip() or "/" in entry or ":" in entry:
                    raise ValueError(
                        f"{entry!r} is no network ({error}); give the name of a host without "
                        "its port, an address, or a network such as 10.1.0.0/16"
                    ) from None
                self._hosts.add(_plain(entry))
        self._resolver = resolver or SystemResolver()

    async def checked_addresses(self, host: str) -> Sequence[str]:
        """The addresses of ``host``, every one of which may be connected to.

        Whoever connects must use these and not ask again: the next answer may be another.

        Raises:
            AugmentationError: if it has none, or one that is refused.
        """
        try:
            addresses = [str(ip_address(host.strip("[]")))]
        except ValueError:
            addresses = list(await self._resolved(host))
        if _plain(host) in self._hosts:
            return addresses
        for address in addresses:
            if (reason := self._refusal(ip_address(address))) is not None:
                _log.warning("Refused to connect to %s: %s is %s.", host, address, reason)
                raise AugmentationError(
                    f"{host} is refused: its address is {reason}; the operator of this server "
                    "can allow it (option allow)"
                )
        return addresses

    def check_literal(self, host: str) -> None:
        """Refuses a host that is written as an address, without asking anybody.

        Raises:
            ValueError: if it is one that would be refused.
        """
        try:
            address = ip_address(host.strip("[]"))
        except ValueError:
            return
        if (reason := self._refusal(address)) is not None:
            raise ValueError(
                f"{host} is refused: it is {reason}; if it is meant, allow: [{host}]"
            )

    async def _resolved(self, host: str) -> Sequence[str]:
        try:
            return await self._resolver.addresses(host)
        except OSError:
            raise AugmentationError(f"{host} has no address.", retryable=True) from None

    def _refusal(self, address: _Address) -> str | None:
        """What is wrong with ``address``; None if it may be connected to."""
        meant = _meant_by(address)
        if any(one in network for one in (address, *meant) for network in self._networks):
            return None
        return next((reason for one in meant if (reason := _not_public(one))), None)


def _plain(host: str) -> str:
    return host.strip().rstrip(".").lower()


def _meant_by(address: _Address) -> list[_Address]:
    """The addresses that traffic to ``address`` concerns; IPv6 can carry it on to IPv4."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address] if address.sixtofour is None else [address, address.sixtofour]


def _not_public(address: _Address) -> str | None:
    """Why nobody on the internet has this address; None if somebody may have it."""
    for reason in ("unspecified", "loopback", "link_local", "multicast"):
        if getattr(address, f"is_{reason}"):
            return reason.replace("_", "-")
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    if address.is_private or site_local or any(address in one for one in _NEVER_PUBLIC):
        return "private"
    return "reserved" if address.is_reserved or not address.is_global else None
