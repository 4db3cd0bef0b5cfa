"""Whom the service trusts when it calls MAX: the usual authorities, and one more where the settings name its file."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from app.platforms.base import FailureKind, SendFailed
from app.platforms.max_messenger import MaxMessenger
from app.resources import platforms_client
from app.settings import Settings
from tests.platforms.max_room import CREDENTIALS, PRIVATE

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


def self_signed(folder: Path) -> tuple[Path, Path]:
    """The certificate of an authority that nobody knows, and its key; good for this machine."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Примерский удостоверяющий центр")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "root.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, secret


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, Path]:
    return self_signed(tmp_path)


@pytest.fixture
async def port(authority: tuple[Path, Path]) -> AsyncIterator[int]:
    """A server with that certificate."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


def settings_with(ca_file: Path | None, port: int) -> Settings:
    return Settings(_env_file=None, max_ca_file=ca_file, max_api_url=f"https://localhost:{port}")  # type: ignore[call-arg]


async def test_the_authority_of_the_file_is_trusted_at_the_host_of_max(authority: tuple[Path, Path], port: int) -> None:
    async with platforms_client(settings_with(authority[0], port)) as client:
        assert (await client.get(f"https://localhost:{port}/me")).status_code == 200


async def test_it_is_trusted_nowhere_else(authority: tuple[Path, Path], port: int) -> None:
    async with platforms_client(settings_with(authority[0], port)) as client:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get(f"https://127.0.0.1:{port}/method/users.get")


async def test_without_the_file_an_answer_waits_and_the_operator_reads_what_is_missing(port: int) -> None:
    settings = settings_with(None, port)
    async with platforms_client(settings) as client:
        with pytest.raises(SendFailed, match="APPEALS_MAX_CA_FILE") as failure:
            await MaxMessenger().send(client, settings.api_url("max"), CREDENTIALS, PRIVATE)
    assert failure.value.kind is FailureKind.RETRY


def test_a_file_that_is_missing_or_holds_no_certificate_is_named_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"файл сертификатов .*нет\.pem не читается"):
        settings_with(tmp_path / "нет.pem", 443)
    other = tmp_path / "other.pem"
    other.write_text("не сертификат")
    with pytest.raises(ValidationError, match=r"в файле .*other\.pem нет сертификатов PEM"):
        settings_with(other, 443)
