"""Whether a domain leads to this server: what name servers say, and what needs nobody to say it."""

from __future__ import annotations

import pytest

from tidewire.services.proxy.verification import problem_of
from tidewire.settings import Settings

ZONE = {
    "api.example.com": ["203.0.113.7", "2001:db8::7"],
    "pointed.example.net": ["203.0.113.7"],
    "pointed6.example.net": ["2001:db8::7"],
    "elsewhere.example.net": ["198.51.100.1"],
    "loopback.example.net": ["127.0.0.1"],
    "localhost": ["127.0.0.1", "::1"],
}
"""What a name server would say."""


async def resolve(host: str, port: int) -> list[str]:
    assert port == 0
    if host not in ZONE:
        raise OSError("no such name")
    return ZONE[host]


@pytest.mark.parametrize(
    ("domain", "problem"),
    [
        ("pointed.example.net", ""),
        ("pointed6.example.net", ""),
        ("x.functions.localhost", ""),
        ("x.localhost", ""),
        ("elsewhere.example.net", "leads to 198.51.100.1"),
        ("unknown.example.net", "No name server knows"),
        ("loopback.example.net", "No name server knows"),
        ("notfunctions.localhost.example.net", "No name server knows"),
    ],
)
async def test_a_domain_leads_here(domain: str, problem: str) -> None:
    found = await problem_of(domain, Settings(hostnames=["api.example.com", "localhost"]), resolve)
    assert problem in found
    assert bool(problem) == bool(found)


async def test_names_of_this_machine_say_nothing_about_others() -> None:
    """A server that knows only `localhost` as its name cannot tell whose a domain is."""
    found = await problem_of("loopback.example.net", Settings(), resolve)
    assert "hostnames" in found


async def test_names_below_localhost_count_only_where_the_server_is_so_called() -> None:
    settings = Settings(hostnames=["api.example.com"], functions_domain="")
    assert await problem_of("x.localhost", settings, resolve)
