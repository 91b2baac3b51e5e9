"""Where connections go, over real sockets and with a resolver that lies."""

import datetime
import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import httpx2
import pytest
from calls import make_call
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from live_server import live_server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from augment_workers.address_guard import AddressGuard, Resolver
from augment_workers.base import AugmentationError
from augment_workers.http_tool import HttpTool
from augment_workers.pinned_transport import pinned
from augment_workers.secret_text import Secrets
from intercept_core.bus.messages import Result

HERE = "127.0.0.1"
ELSEWHERE = "127.0.0.2"
SECRET = "hunter2-token"


class FakeResolver(Resolver):
    """Knows some hosts, and what to say each time it is asked for one.

    Attributes:
        asked: The hosts it was asked for.
    """

    def __init__(self, **answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers = {name.replace("_", "."): list(said) for name, said in answers.items()}

    async def addresses(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        said = self._answers[host]
        return [said.pop(0) if len(said) > 1 else said[0]]


class Site:
    """A server that remembers what it was asked, and redirects where it is told to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        methods = ["GET", "POST"]
        self.app = Starlette(routes=[Route("/{path:path}", self.answer, methods=methods)])

    async def answer(self, request: Request) -> Response:
        self.seen.append((request.method, dict(request.headers), await request.body()))
        target = request.query_params.get("to")
        if target is not None:
            return RedirectResponse(target, int(request.query_params.get("status", "307")))
        return PlainTextResponse(self.name)


@pytest.fixture
def sites() -> Iterator[tuple[Site, Site, int]]:
    """Two servers on the same port of two addresses."""
    here, elsewhere = Site("here"), Site("elsewhere")
    with ExitStack() as stack:
        port = stack.enter_context(live_server(here.app, host=HERE))
        stack.enter_context(live_server(elsewhere.app, host=ELSEWHERE, port=port))
        yield here, elsewhere, port


async def call(url: str, resolver: Resolver, **options: Any) -> str:
    """The tool's result or reason."""
    defaults: dict[str, Any] = {
        "description": "A test.",
        "parameters": {"type": "object"},
        "allow": (HERE, ELSEWHERE),
        "headers": {"X-Key": "${KEY}", "Authorization": "Bearer ${KEY}"},
    }
    secrets = Secrets({"KEY": SECRET})
    tool = HttpTool(url, resolver=resolver, secrets=secrets, **(defaults | options))
    try:
        (event,) = [event async for event in tool.run(make_call(arguments={"a": 1}))]
        assert isinstance(event, Result)
        return event.text
    except AugmentationError as error:
        return str(error)
    finally:
        await tool.close()


async def test_a_second_answer_leads_nowhere_else(sites: tuple[Site, Site, int]) -> None:
    here, elsewhere, port = sites
    resolver = FakeResolver(tool_example=[HERE, ELSEWHERE])
    assert await call(f"http://tool.example:{port}/", resolver) == "here"
    assert resolver.asked == ["tool.example"], "once: what was checked is what is used"
    assert not elsewhere.seen
    assert here.seen[0][1]["host"] == f"tool.example:{port}"


async def test_a_name_that_moves_into_the_network_is_refused(
    sites: tuple[Site, Site, int],
) -> None:
    _, elsewhere, port = sites
    resolver = FakeResolver(tool_example=[HERE, ELSEWHERE])
    url = f"http://tool.example:{port}/"
    assert await call(url, resolver, allow=(HERE,)) == "here"
    assert "tool.example is refused" in await call(url, resolver, allow=(HERE,))
    assert not elsewhere.seen


async def test_an_address_that_does_not_answer_is_followed_by_the_next(
    sites: tuple[Site, Site, int],
) -> None:
    *_, port = sites

    class Two(Resolver):
        async def addresses(self, host: str) -> Sequence[str]:
            return ["127.0.0.3", HERE]

    allowed = (HERE, "127.0.0.3")
    assert await call(f"http://tool.example:{port}/", Two(), allow=allowed) == "here"


# -- redirects -------------------------------------------------------------------------


async def test_a_redirect_is_checked_like_a_first_request(
    sites: tuple[Site, Site, int],
) -> None:
    _, elsewhere, port = sites
    resolver = FakeResolver(tool_example=[HERE], inside_example=[ELSEWHERE])
    for target in (f"http://inside.example:{port}/", f"http://{ELSEWHERE}:{port}/"):
        url = f"http://tool.example:{port}/?to={target}"
        assert "is refused: its address is loopback" in await call(url, resolver, allow=(HERE,))
    assert not elsewhere.seen


async def test_another_host_gets_no_headers(sites: tuple[Site, Site, int]) -> None:
    here, elsewhere, port = sites
    resolver = FakeResolver(tool_example=[HERE], other_example=[ELSEWHERE])
    url = f"http://tool.example:{port}/?to=http://other.example:{port}/"
    assert await call(url, resolver) == "elsewhere"
    assert here.seen[0][1]["x-key"] == SECRET
    ((method, headers, body),) = elsewhere.seen
    assert (method, body) == ("GET", b"")
    assert SECRET not in str(headers)


async def test_not_even_on_the_way_back(sites: tuple[Site, Site, int]) -> None:
    here, elsewhere, port = sites
    resolver = FakeResolver(tool_example=[HERE], other_example=[ELSEWHERE])
    back = quote(f"http://tool.example:{port}/end", safe="")
    there = quote(f"http://other.example:{port}/?to={back}", safe="")
    assert await call(f"http://tool.example:{port}/?to={there}", resolver) == "here"
    first, last = here.seen
    assert SECRET in str(first) and elsewhere.seen
    assert SECRET not in str(last) + str(elsewhere.seen)


async def test_the_same_host_gets_everything_again(sites: tuple[Site, Site, int]) -> None:
    here, _, port = sites
    resolver = FakeResolver(tool_example=[HERE])
    url = f"http://tool.example:{port}/?to=/end"
    assert await call(url, resolver, method="POST") == "here"
    assert [(m, h["x-key"], b) for m, h, b in here.seen] == [("POST", SECRET, b'{"a":1}')] * 2


async def test_arguments_in_a_body_do_not_travel_on(sites: tuple[Site, Site, int]) -> None:
    _, elsewhere, port = sites
    resolver = FakeResolver(tool_example=[HERE], other_example=[ELSEWHERE])
    url = f"http://tool.example:{port}/?to=http://other.example:{port}/"
    assert "redirects a POST to another host" in await call(url, resolver, method="POST")
    assert not elsewhere.seen


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("http://user:word@tool.example:{port}/", "with a password in it"),
        ("ftp://tool.example/", "UnsupportedProtocol|another host"),
        ("file:///etc/passwd", "UnsupportedProtocol|does not answer"),
    ],
)
async def test_redirects_that_nobody_should_follow(
    sites: tuple[Site, Site, int], target: str, message: str
) -> None:
    *_, port = sites
    resolver = FakeResolver(tool_example=[HERE])
    said = await call(f"http://tool.example:{port}/?to={target.format(port=port)}", resolver)
    assert any(part in said for part in message.split("|")), said


async def test_redirects_in_a_circle_end(sites: tuple[Site, Site, int]) -> None:
    here, _, port = sites
    resolver = FakeResolver(tool_example=[HERE])

    async def again(request: Request) -> Response:
        here.seen.append((request.method, {}, b""))
        return RedirectResponse("/")

    here.app.router.routes[:] = [Route("/", again)]
    assert "more than 5 redirects" in await call(f"http://tool.example:{port}/", resolver)
    assert len(here.seen) == 6


# -- TLS -------------------------------------------------------------------------------


@contextmanager
def tls_site(folder: Path, name: str) -> Iterator[tuple[int, Path]]:
    """A server for ``name`` with a certificate of its own; its port and the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public, both = folder / "public.pem", folder / "both.pem"
    public.write_bytes(pem)
    both.write_bytes(secret + pem)
    with live_server(Site(name).app, certificate=both) as port:
        yield port, public


async def test_tls_asks_for_the_name_and_checks_it(tmp_path: Path) -> None:
    resolver = FakeResolver(tool_example=[HERE], other_example=[HERE])
    with tls_site(tmp_path, "tool.example") as (port, public):
        assert await call(f"https://tool.example:{port}/", resolver, ca_file=public) == (
            "tool.example"
        )
        stranger = await call(f"https://other.example:{port}/", resolver, ca_file=public)
        assert stranger == "other.example does not answer: ConnectError."
        untrusted = await call(f"https://tool.example:{port}/", resolver)
        assert untrusted == "tool.example does not answer: ConnectError."
        downgrade = f"https://tool.example:{port}/?to=http://tool.example:{port}/"
        assert "without encryption" in await call(downgrade, resolver, ca_file=public)


# -- both libraries --------------------------------------------------------------------


@pytest.mark.parametrize("library", [httpx, httpx2])
async def test_both_libraries_ask_before_they_connect(
    sites: tuple[Site, Site, int], library: Any
) -> None:
    _, elsewhere, port = sites
    resolver = FakeResolver(tool_example=[HERE], inside_example=[ELSEWHERE])
    transport = pinned(library.AsyncHTTPTransport(), AddressGuard((HERE,), resolver))
    async with library.AsyncClient(transport=transport, trust_env=False) as client:
        assert (await client.get(f"http://tool.example:{port}/")).text == "here"
        for host in ("inside.example", ELSEWHERE, str(int(ipaddress.ip_address(ELSEWHERE)))):
            with pytest.raises((AugmentationError, KeyError)):
                await client.get(f"http://{host}:{port}/")
    assert not elsewhere.seen


@pytest.mark.parametrize("library", [httpx, httpx2])
async def test_sockets_of_the_machine_are_refused(library: Any, tmp_path: Path) -> None:
    transport = pinned(library.AsyncHTTPTransport(uds=str(tmp_path / "s")), AddressGuard())
    async with library.AsyncClient(transport=transport) as client:
        with pytest.raises(AugmentationError, match="sockets of this machine"):
            await client.get("http://a.example/")


def test_a_transport_of_another_make_is_not_trusted() -> None:
    with pytest.raises(AttributeError):
        pinned(httpx.ASGITransport(Starlette()), AddressGuard())
