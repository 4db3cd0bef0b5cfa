"""Who sends a webhook: the address behind our own proxies, and whether it is one of the platform's. Pure."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from app.settings import Network

Address = IPv4Address | IPv6Address


def sender_address(peer: str | None, forwarded: Iterable[str], trusted_proxies: Sequence[Network]) -> Address | None:
    """The address that a request comes from, None if that cannot be said.

    `peer` is who opened the connection, `forwarded` the X-Forwarded-For headers in their order. Each proxy writes at
    the right end whom it heard from, so they are believed from the right, and only as far as trusted proxies wrote
    them: what a stranger has put before that is his own invention.
    """
    address = parse_address(peer or "")
    hops = [hop for header in forwarded for hop in header.split(",")]
    while address is not None and hops and is_within(address, trusted_proxies):
        address = parse_address(hops.pop())
    return address


def is_within(address: Address, networks: Sequence[Network]) -> bool:
    """Whether the address belongs to one of the networks."""
    return any(address in network for network in networks)


def parse_address(text: str) -> Address | None:
    """An address as peers and proxies write it, None if it is none: with a port, in brackets, IPv4 within IPv6."""
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
