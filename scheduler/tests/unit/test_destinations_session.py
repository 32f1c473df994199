"""Which addresses are public: a room's relay must not reach into the operator's network."""

import aiohttp
import pytest
from yarl import URL

from hivetalk_scheduler.destinations.session import explain, is_public


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.192",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff0e::1",
        "::ffff:127.0.0.1",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:db8::1",
        "2001:0:7f00:1::",
    ],
)
def test_everything_else_is_not(address: str) -> None:
    assert not is_public(address)


def test_an_explanation_does_not_show_the_url() -> None:
    url = URL("https://user:hunter2@example.org/hunter2")
    info = aiohttp.RequestInfo(url, "GET", {}, url)  # type: ignore[arg-type]
    for error in (
        aiohttp.InvalidURL(url),
        aiohttp.WSServerHandshakeError(info, (), status=403, message="Forbidden"),
    ):
        assert "hunter2" not in explain(error)
    assert (
        explain(aiohttp.WSServerHandshakeError(info, (), status=403, message="Forbidden"))
        == "HTTP 403 Forbidden"
    )
