"""Which hosts browsers keep cookies together for."""

from __future__ import annotations

import pytest

from tidewire.identity.sites import same_site


@pytest.mark.parametrize(
    ("host", "other", "same"),
    [
        ("api.example.com", "api.example.com", True),
        ("api.example.com", "app.example.com", True),
        ("example.com", "deep.app.example.com", True),
        ("api.shop.example.co.uk", "www.example.co.uk", True),
        ("localhost", "localhost", True),
        ("10.0.0.1", "10.0.0.1", True),
        ("::1", "::1", True),
        ("api.example.com", "api.example.org", False),
        ("badexample.com", "example.com", False),
        # Strangers have names beside each other below these.
        ("one.co.uk", "two.co.uk", False),
        ("one.github.io", "two.github.io", False),
        ("github.io", "one.github.io", False),
        ("com", "example.com", False),
        ("localhost", "app.localhost", False),
        ("10.0.0.1", "20.0.0.1", False),
        ("::1", "::2", False),
    ],
)
async def test_sites(host: str, other: str, same: bool) -> None:
    assert await same_site(host, other) is same
    assert await same_site(other, host) is same
