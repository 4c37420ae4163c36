"""Which addresses may be contacted."""

from __future__ import annotations

import pytest

from bot.clients.addresses import refusal


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "8.8.8.8"])
def test_public_addresses_are_open(address: str) -> None:
    assert refusal(address, allow_private=False) == ""
    assert refusal(address, allow_private=True) == ""


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "::1",
        "fc00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:0a00:0001::1",
        "::10.0.0.1",
    ],
)
def test_private_addresses_are_open_only_where_the_catalog_says_so(address: str) -> None:
    assert refusal(address, allow_private=False)
    assert refusal(address.removeprefix("64:ff9b::"), allow_private=True) == ""


@pytest.mark.parametrize("address", ["100.64.0.1", "192.0.2.1", "198.18.0.1", "240.0.0.1", "255.255.255.255"])
def test_shared_and_reserved_addresses_are_closed(address: str) -> None:
    assert refusal(address, allow_private=False)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "169.254.1.1",
        "fe80::1%eth0",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_metadata_link_local_and_multicast_are_closed_whatever_the_catalog_says(address: str) -> None:
    assert refusal(address, allow_private=False)
    assert refusal(address, allow_private=True)
