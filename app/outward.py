"""Requests to addresses that strangers chose: they reach the outer world, and nothing of our own network.

A name is resolved here, every address behind it is judged, and the connection goes to a judged address: nobody resolves
a second time, so a name that changes its mind meanwhile (DNS rebinding) changes nothing. A redirect is a request like
any other and passes here again. Ranges are those of the IANA special-purpose address registries (RFC 6890).
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

WEB_PORTS = frozenset({80, 443})
MOST_REDIRECTS = 3
MOST_ADDRESSES = 3  # tried one after another when they do not answer
RESOLVE_SECONDS = 5.0
# Addresses that carry an IPv4 address inside (RFC 4291, 6052, 8215, 3056, 4380), and site-local ones (RFC 3879).
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10",
        "192.88.99.0/24",
    )
)  # fmt: skip

Resolve = Callable[[str, int], Awaitable[list[str]]]


class AddressRefused(httpx.TransportError):
    """We do not go there; asking again will not help. Says why in a Russian sentence, without the address."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system knows them. Raises OSError, UnicodeError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_outer(text: str) -> bool:
    """Whether this IP address belongs to the public internet."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if any(address.version == network.version and address in network for network in _NEVER):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


class OutwardTransport(httpx.AsyncBaseTransport):
    """Judges every request before it leaves.

    `internal` names the hosts that may be anywhere: `kafka.local` on any port, `127.0.0.1:8001` on this one. `ports`
    are those of everybody else. The inner transport keeps no connection: one is bound to the name it was made for.
    """

    def __init__(
        self,
        internal: Collection[str] = (),
        *,
        resolve: Resolve = resolve,
        ports: Collection[int] = WEB_PORTS,
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._internal = frozenset(name.lower() for name in internal)
        self._resolve = resolve
        self._ports = frozenset(ports)
        self._inner = inner or httpx.AsyncHTTPTransport(
            trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises AddressRefused, ConnectError (no such name) and what the inner transport raises."""
        addresses = await self._judged(request)
        for address in addresses[:-1]:
            try:
                return await self._send(request, address)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._send(request, addresses[-1])

    async def _judged(self, request: httpx.Request) -> list[str]:
        url = request.url
        if url.scheme not in ("http", "https"):
            raise AddressRefused("Адрес не начинается с http:// или https://", request=request)
        if url.userinfo:
            raise AddressRefused("В адресе записаны имя или пароль", request=request)
        host, port = url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80)
        is_internal = self._is_internal(host, port)
        if port not in self._ports and not is_internal:
            raise AddressRefused("Адрес называет необычный порт", request=request)
        addresses = await self._addresses(request, host, port)
        if not is_internal and not all(map(is_outer, addresses)):
            raise AddressRefused("Адрес ведёт во внутреннюю сеть", request=request)
        return addresses[:MOST_ADDRESSES]

    def _is_internal(self, host: str, port: int) -> bool:
        name = host.lower().rstrip(".")
        shown = f"[{name}]" if ":" in name else name
        return not self._internal.isdisjoint({name, f"{shown}:{port}"})

    async def _addresses(self, request: httpx.Request, host: str, port: int) -> list[str]:
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:  # a time-out is an OSError too
            raise httpx.ConnectError("Адрес не находится", request=request) from error
        if not addresses:
            raise httpx.ConnectError("Адрес не находится", request=request)
        return addresses

    async def _send(self, request: httpx.Request, address: str) -> httpx.Response:
        """To this very address, under the name that was asked for: in Host, in SNI, and in the certificate."""
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.raw_host.decode("ascii")},
        )
        return await self._inner.handle_async_request(pinned)

    async def aclose(self) -> None:
        """Give the connections back."""
        await self._inner.aclose()


def outward_client(transport: OutwardTransport, *, timeout_seconds: float, is_led_on: bool) -> httpx.AsyncClient:
    """A client that goes out through `transport`; with `is_led_on` it follows redirects. It keeps no cookies."""
    return httpx.AsyncClient(
        transport=transport,
        timeout=timeout_seconds,
        trust_env=False,
        follow_redirects=is_led_on,
        max_redirects=MOST_REDIRECTS,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )
