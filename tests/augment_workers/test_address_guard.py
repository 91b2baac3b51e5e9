import ipaddress
import logging
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment_workers.address_guard import AddressGuard, Resolver
from augment_workers.base import AugmentationError


class FakeResolver(Resolver):
    """Gives the next of its answers, and the last one from then on."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)

    async def addresses(self, host: str) -> Sequence[str]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not answer:
            raise OSError("no such host")
        return answer


async def checked(host: str, *allowed: str, answer: Sequence[str] = ()) -> Sequence[str]:
    return await AddressGuard(allowed, FakeResolver(answer)).checked_addresses(host)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
async def test_public_addresses_may_be_connected_to(address: str) -> None:
    assert await checked("tool.example", answer=[address]) == [address]
    assert list(map(ipaddress.ip_address, await checked(address))) == [
        ipaddress.ip_address(address)
    ]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("10.1.2.3", "private"),
        ("172.31.0.1", "private"),
        ("192.168.0.1", "private"),
        ("100.64.0.1", "private"),
        ("192.0.0.8", "private"),
        ("169.254.169.254", "link-local"),
        ("224.0.0.1", "multicast"),
        ("240.0.0.1", "private"),
        ("255.255.255.255", "private"),
        ("0.0.0.0", "unspecified"),
        ("::1", "loopback"),
        ("::", "unspecified"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fc00::1", "private"),
        ("fec0::1", "private"),
        ("ff02::1", "multicast"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "link-local"),
        ("::127.0.0.1", "reserved"),
        ("64:ff9b::7f00:1", "loopback"),
        ("64:ff9b::a00:1", "private"),
        ("64:ff9b:1::1", "private"),
        ("2002:7f00:1::", "loopback"),
        ("2001:0:7f00:1::", "private"),
    ],
)
async def test_all_other_addresses_are_refused(
    address: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(
        AugmentationError, match=rf"tool\.example is refused: .* {reason};"
    ) as error:
        await checked("tool.example", answer=[address])
    assert address not in str(error.value), "which network this is concerns no client"
    assert address in caplog.text
    with pytest.raises(AugmentationError, match="is refused"):
        await checked(address)
    with pytest.raises(ValueError, match="is refused"):
        AddressGuard().check_literal(address)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "localhost", "[::1]"]
)
async def test_other_ways_to_write_an_address_are_seen_through(host: str) -> None:
    with pytest.raises(AugmentationError, match=r"is refused|has no address"):
        await AddressGuard().checked_addresses(host)  # the system's own resolver


async def test_one_bad_answer_among_good_ones_is_enough() -> None:
    with pytest.raises(AugmentationError, match="is refused"):
        await checked("tool.example", answer=["8.8.8.8", "10.0.0.1"])


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("10.0.0.0/8", "tool.example"),
        ("10.0.0.1", "tool.example"),
        ("10.0.0.1", "10.0.0.1"),
        ("Tool.Example", "tool.example."),
    ],
)
async def test_the_operator_allows_networks_and_hosts(allowed: str, host: str) -> None:
    assert await checked(host, allowed, answer=["10.0.0.1"]) == ["10.0.0.1"]


async def test_an_allowed_network_is_allowed_in_its_other_forms() -> None:
    mapped = "::ffff:10.0.0.1"
    assert await checked("tool.example", "10.0.0.0/8", answer=[mapped]) == [mapped]


async def test_what_is_allowed_allows_nothing_else() -> None:
    with pytest.raises(AugmentationError, match="is refused"):
        await checked("other.example", "tool.example", "10.0.0.0/24", answer=["10.0.1.1"])
    with pytest.raises(AugmentationError, match="is refused"):
        await checked("tool.example.evil.example", "tool.example", answer=["10.0.0.1"])


async def test_a_host_without_an_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(AugmentationError, match=r"tool\.example has no address") as error:
        await checked("tool.example", answer=())
    assert error.value.retryable


@pytest.mark.parametrize(
    "entry", ["10.0.0.1/8", "tool.example:80", "http://tool.example", "", "10/99"]
)
def test_mistakes_in_what_is_allowed(entry: str) -> None:
    with pytest.raises(ValueError, match="is no network"):
        AddressGuard([entry])


@given(st.ip_addresses())
def test_nothing_is_let_through_that_the_standard_library_calls_private(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    try:
        AddressGuard().check_literal(str(address))
    except ValueError:
        return
    meant = getattr(address, "ipv4_mapped", None) or address
    translated = address in ipaddress.ip_network("64:ff9b::/96")
    assert translated or (meant.is_global and not meant.is_multicast)
