"""Which network addresses an http step may talk to: the public ones, unless the catalog opens private ones.

Names are checked after they were resolved, since any name can point anywhere. An IPv6 address that carries an
IPv4 one (mapped, NAT64, 6to4, Teredo) is judged by what it carries as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

# RFC 6052 and RFC 8215: the last 32 bits are an IPv4 address behind a translator.
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))

# Cloud metadata services: they hand out credentials to whoever asks from the inside.
_METADATA = frozenset(
    ip_address(text) for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254")
)


def refusal(text: str, *, allow_private: bool) -> str:
    """Why the address must not be contacted, or "". `allow_private` opens private and loopback addresses only:
    link-local, metadata, multicast and unspecified ones stay closed whatever the catalog says."""
    address = ip_address(text.split("%")[0])
    for one in (address, *_carried(address)):
        if reason := _reason(one, allow_private=allow_private):
            return reason
    return ""


def _reason(address: Address, *, allow_private: bool) -> str:
    if address in _METADATA:
        return "a cloud metadata address"
    if address.is_unspecified or address.is_multicast or address.is_link_local:
        return "a link-local, multicast or unspecified address"
    if allow_private and (address.is_private or address.is_loopback):
        return ""
    if address.is_loopback:
        return "a loopback address"
    # is_global is false for private, shared, documentation, benchmarking and reserved ranges alike.
    return "" if address.is_global else "a private or reserved address"


def _carried(address: Address) -> Iterator[IPv4Address]:
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if any(address in network for network in _NAT64) or int(address) >> 32 == 0:
        # ::a.b.c.d, the old "compatible" form, is judged too; `::` and `::1` are caught before.
        yield IPv4Address(int(address) & 0xFFFFFFFF)
