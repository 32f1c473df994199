"""The HTTP session that relays and webhooks share the making of."""

import errno
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

import aiohttp
from aiohttp.typedefs import LooseHeaders

HEADERS: LooseHeaders = {"User-Agent": "hivetalk-scheduler"}

_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_6TO4 = IPv6Network("2002::/16")
_PROTOCOL_ASSIGNMENTS = IPv4Network("192.0.0.0/24")

_AddressInfo = tuple[int, int, int, str, tuple[object, ...]]


def new_session(connections: int, *, public_only: bool = False) -> aiohttp.ClientSession:
    """A session of at most `connections` (0: any number).

    public_only: it connects to public addresses and to no others.
    """
    connector = aiohttp.TCPConnector(
        limit=connections,
        # Longer than a run lasts, so that what `open` found is still there when the moment comes.
        ttl_dns_cache=120,
        keepalive_timeout=120,
        socket_factory=_public_socket if public_only else None,
    )
    return aiohttp.ClientSession(
        connector=connector,
        headers=HEADERS,
        cookie_jar=aiohttp.DummyCookieJar(),
        # An answer is read for a few words; a compressed one could unpack to gigabytes.
        auto_decompress=False,
        # Each send has its own time limit.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
    )


def explain(error: Exception) -> str:
    """What went wrong, in words without the URL, which may hold a secret."""
    if isinstance(error, aiohttp.ClientResponseError):
        return f"HTTP {error.status} {error.message}"[:200]
    if isinstance(error, aiohttp.InvalidURL):
        return "the URL cannot be used"
    return (str(error) or type(error).__name__)[:200]


def is_public(address: str) -> bool:
    """Whether `address` (an IP address) is one of the public Internet, itself and what it maps to."""
    ip = ip_address(address.partition("%")[0])
    if ip.version == 6:
        if ip.ipv4_mapped or ip in _NAT64:
            ip = IPv4Address(int(ip) & 0xFFFF_FFFF)
        elif ip not in _GLOBAL_UNICAST or ip in _6TO4:
            return False
    return ip.is_global and not ip.is_multicast and ip not in _PROTOCOL_ASSIGNMENTS


def _public_socket(info: _AddressInfo) -> socket.socket:
    # Called with the very address that is connected to next, so no second look-up can differ (DNS rebinding).
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        text = f"{address[0]} is not a public address; room_relays = any would allow it"
        raise PermissionError(errno.EACCES, text)
    return socket.socket(family, kind, protocol)
