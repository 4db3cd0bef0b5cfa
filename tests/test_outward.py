"""What strangers make us ask for reaches the outer world only, however it is named and wherever it leads."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.outward import AddressRefused, OutwardTransport, is_outer, outward_client, resolve

OUTER = "93.184.215.14"
INNER = [
    "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "192.88.99.1", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:1::1", "fe80::1", "fe80::1%eth0",
    "fec0::1", "fc00::1", "fd12::1", "ff02::1", "ff0e::1", "100::1", "2001:db8::1", "no address", "",
]  # fmt: skip


@pytest.mark.parametrize("address", INNER)
def test_an_address_that_is_not_of_the_public_internet_is_inner(address: str) -> None:
    assert not is_outer(address)


@pytest.mark.parametrize("address", [OUTER, "8.8.8.8", "2a00:1450:4010:c05::71"])
def test_an_address_of_the_public_internet_is_outer(address: str) -> None:
    assert is_outer(address)


@dataclass
class World:
    """Names and their addresses, the next answer each time; servers that note who was asked for, and where."""

    names: dict[str, list[list[str]]]
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    answers: dict[str, httpx.Response] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)

    async def resolve(self, host: str, port: int) -> list[str]:
        answers = self.names.get(host)
        if answers is None:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def answer(self, request: httpx.Request) -> httpx.Response:
        name = str(request.extensions.get("sni_hostname"))
        if request.url.host in self.silent:
            raise httpx.ConnectError("silent")
        self.asked.append((request.url.host, request.headers["host"], name))
        return self.answers.get(name) or httpx.Response(200, text=f"from {request.url.host}")

    def client(self, internal: tuple[str, ...] = (), *, is_led_on: bool = True) -> httpx.AsyncClient:
        transport = OutwardTransport(internal, resolve=self.resolve, inner=httpx.MockTransport(self.answer))
        return outward_client(transport, timeout_seconds=5, is_led_on=is_led_on)


def towards(url: str) -> httpx.Response:
    return httpx.Response(302, headers={"Location": url})


async def test_the_connection_goes_to_the_address_that_was_judged_under_the_name_that_was_asked_for() -> None:
    world = World({"files.example": [[OUTER]]})
    async with world.client() as client:
        assert (await client.get("https://files.example/photo.jpg")).text == f"from {OUTER}"
    assert world.asked == [(OUTER, "files.example", "files.example")]


async def test_a_name_that_changes_its_mind_after_being_judged_changes_nothing() -> None:
    world = World({"files.example": [[OUTER], ["127.0.0.1"]]})
    async with world.client() as client:
        await client.get("http://files.example/")
        assert [place for place, *_ in world.asked] == [OUTER]
        with pytest.raises(AddressRefused, match="внутреннюю сеть"):
            await client.get("http://files.example/")


@pytest.mark.parametrize("address", INNER[:-2])
async def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    world = World({"trap.example": [[address]]})
    async with world.client() as client:
        with pytest.raises(AddressRefused, match="внутреннюю сеть"):
            await client.get("http://trap.example/")
    assert world.asked == []


async def test_one_inner_address_among_outer_ones_is_enough_to_refuse() -> None:
    world = World({"trap.example": [[OUTER, "10.0.0.1"]]})
    async with world.client() as client:
        with pytest.raises(AddressRefused):
            await client.get("http://trap.example/")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://2130706433/", "http://0x7f.1/",
     "http://127.1/", "http://localhost/", "http://LOCALHOST./"],
)  # fmt: skip
async def test_this_machine_is_refused_however_it_is_written(url: str) -> None:
    transport = OutwardTransport(resolve=resolve, inner=httpx.MockTransport(World({}).answer))
    async with outward_client(transport, timeout_seconds=5, is_led_on=True) as client:
        with pytest.raises((AddressRefused, httpx.ConnectError)):
            await client.get(url)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://files.example/", "http"), ("file:///etc/passwd", "http"), ("gopher://files.example/", "http"),
        ("http://files.example:8080/", "порт"), ("https://files.example:22/", "порт"),
        ("http://user:word@files.example/", "пароль"), ("http://files.example@127.0.0.1/", "пароль"),
    ],
)  # fmt: skip
async def test_other_schemes_ports_and_written_passwords_are_refused(url: str, sentence: str) -> None:
    world = World({"files.example": [[OUTER]], "": [[OUTER]]})
    async with world.client() as client:
        with pytest.raises((AddressRefused, httpx.UnsupportedProtocol), match=sentence):
            await client.get(url)
    assert world.asked == []


@pytest.mark.parametrize("target", ["http://inside.example/", "http://files.example:6379/", "file:///etc/passwd"])
async def test_a_redirect_is_judged_like_any_request(target: str) -> None:
    world = World({"files.example": [[OUTER]], "inside.example": [["10.0.0.1"]]})
    world.answers["files.example"] = towards(target)
    async with world.client() as client:
        with pytest.raises((AddressRefused, httpx.UnsupportedProtocol)):
            await client.get("http://files.example/")
    assert len(world.asked) == 1


async def test_a_redirect_to_another_outer_name_is_followed_at_most_three_times() -> None:
    world = World({"files.example": [[OUTER]], "other.example": [["8.8.8.8"]]})
    world.answers["files.example"] = towards("https://other.example/photo")
    async with world.client() as client:
        assert (await client.get("http://files.example/")).text == "from 8.8.8.8"
        world.answers["other.example"] = towards("http://files.example/again")
        with pytest.raises(httpx.TooManyRedirects):
            await client.get("http://files.example/")
    assert len(world.asked) == 2 + 4


async def test_a_client_that_is_not_led_on_stays() -> None:
    world = World({"files.example": [[OUTER]]})
    world.answers["files.example"] = towards("http://files.example/again")
    async with world.client(is_led_on=False) as client:
        assert (await client.get("http://files.example/")).status_code == 302


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    world = World({"files.example": [["8.8.4.4", OUTER]]}, silent={"8.8.4.4"})
    async with world.client() as client:
        assert (await client.get("http://files.example/")).text == f"from {OUTER}"


@pytest.mark.parametrize("names", [{}, {"files.example": [[]]}])
async def test_an_unknown_name_may_be_asked_for_again_later(names: dict[str, list[list[str]]]) -> None:
    async with World(names).client() as client:
        with pytest.raises(httpx.ConnectError) as caught:
            await client.get("http://files.example/")
    assert not isinstance(caught.value, AddressRefused)


async def test_cookies_of_strangers_are_not_kept() -> None:
    world = World({"files.example": [[OUTER]]})
    world.answers["files.example"] = httpx.Response(200, headers={"Set-Cookie": "who=me"})
    async with world.client() as client:
        await client.get("http://files.example/")
        assert list(client.cookies.jar) == []


@pytest.mark.parametrize(
    ("internal", "url", "is_let_through"),
    [
        ("kafka.local", "http://kafka.local:9000/", True), ("kafka.local", "http://KAFKA.local./", True),
        ("kafka.local:9000", "http://kafka.local:9000/", True), ("kafka.local:9000", "http://kafka.local/", False),
        ("kafka.local", "http://other.local/", False), ("[::1]:8001", "http://[::1]:8001/", True),
    ],
)  # fmt: skip
async def test_only_the_hosts_that_an_administrator_names_may_be_inside(
    internal: str, url: str, is_let_through: bool
) -> None:
    inside = [["10.0.0.1"]]
    world = World({"kafka.local": inside, "kafka.local.": inside, "other.local": inside, "::1": [["::1"]]})
    async with world.client((internal,)) as client:
        try:
            assert (await client.get(url)).status_code == 200
        except AddressRefused:
            assert not is_let_through
        else:
            assert is_let_through


@pytest.fixture
async def tls_server(tmp_path: Path) -> AsyncIterator[tuple[int, Callable[[], ssl.SSLContext], list[str | None]]]:
    """A server on this machine whose certificate is for files.example; the names that clients asked it for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "files.example")])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("files.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    asked: list[str | None] = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    context.sni_callback = lambda connection, name, _: asked.append(name)  # type: ignore[assignment]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield port, lambda: ssl.create_default_context(cafile=pem), asked


@pytest.mark.parametrize(("name", "is_trusted"), [("files.example", True), ("other.example", False)])
async def test_a_certificate_must_be_for_the_name_although_the_connection_is_by_number(
    tls_server: tuple[int, Callable[[], ssl.SSLContext], list[str | None]], name: str, is_trusted: bool
) -> None:
    port, trust, asked = tls_server
    world = World({name: [["127.0.0.1"]]})
    inner = httpx.AsyncHTTPTransport(verify=trust(), trust_env=False)
    transport = OutwardTransport((name,), resolve=world.resolve, inner=inner)
    async with outward_client(transport, timeout_seconds=5, is_led_on=True) as client:
        if is_trusted:
            assert (await client.get(f"https://{name}:{port}/")).text == "ok"
        else:
            with pytest.raises(httpx.ConnectError, match="certificate"):
                await client.get(f"https://{name}:{port}/")
    assert asked == [name]
