"""Whether a domain leads to this server, which is what lets it be answered for a project."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from tidewire.identity.heads import is_loopback
from tidewire.outbound.guard import Resolve, resolve_host
from tidewire.settings import Settings

LOOKUP_SECONDS: Final = 10.0
"""How long name servers may take to answer."""
_LOOPBACK: Final = "localhost"
"""All names below it are of this machine (RFC 6761, section 6.3)."""


def own_hosts(settings: Settings) -> frozenset[str]:
    """The names of this server itself, in lower case: none of them ever leads to a function."""
    named = {name.lower().rstrip(".") for name in settings.hostnames}
    return frozenset({*named, _LOOPBACK, settings.functions_domain.lower()} - {""})


def is_below(domain: str, parent: str) -> bool:
    """Whether a domain is below another one, by any number of labels."""
    return bool(parent) and domain.endswith(f".{parent.lower()}")


def leads_here_for_sure(domain: str, settings: Settings) -> bool:
    """Whether nobody needs to be asked: the operator says so, or it is a name of this machine."""
    if is_below(domain, settings.functions_domain):
        return True
    return is_below(domain, _LOOPBACK) and _LOOPBACK in map(str.lower, settings.hostnames)


async def problem_of(domain: str, settings: Settings, resolve: Resolve = resolve_host) -> str:
    """Why a domain does not count as leading here; empty if it does.

    It does if a name server answers with an address that a name in the setting ``hostnames`` has too,
    whether by CNAME or by addresses of its own. Addresses of the machine itself do not count: they say
    nothing about whom a domain belongs to.
    """
    if leads_here_for_sure(domain, settings):
        return ""
    ours = await _addresses_of(sorted(own_hosts(settings)), resolve)
    if not ours:
        names = ", ".join(settings.hostnames)
        return (
            f"This server's own names ({names}) lead to no address that others could reach: set `hostnames` "
            "to the names that it is reached by."
        )
    theirs = await _addresses_of([domain], resolve)
    if theirs.intersection(ours):
        return ""
    advice = f"set a CNAME record to {settings.hostnames[0]}, and have it verified again."
    if not theirs:
        return f"No name server knows an address of {domain}: {advice}"
    return f"{domain} leads to {', '.join(sorted(theirs)[:5])}, which is not this server: {advice}"


async def _addresses_of(names: Iterable[str], resolve: Resolve) -> set[str]:
    """The addresses that these names have, but for those of the machine itself."""
    found: set[str] = set()
    for name in names:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                found.update(await resolve(name, 0))
        except OSError:  # a name without an address, or none within the time
            continue
    return {address for address in found if not is_loopback(address)}
