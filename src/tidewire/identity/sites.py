"""Which host names make up a site: those for which browsers keep cookies together."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from functools import cache


async def same_site(host: str, other: str) -> bool:
    """Whether two hosts, in lower case, are of one site: the same, or below one registrable domain.

    By the list of public suffixes, below which strangers have names beside each other. The list is read
    when two hosts differ for the first time, in a thread: that takes a tenth of a second.
    """
    if host == other:
        return True
    if not _is_domain(host) or not _is_domain(other):
        return False
    if not _suffixes.cache_info().currsize:
        await asyncio.to_thread(_suffixes)
    registrable = _suffixes()
    return (site := registrable(host)) is not None and site == registrable(other)


def _is_domain(host: str) -> bool:
    """Whether it is a name below another one: no address, and not ``localhost``."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." in host
    return False


@cache
def _suffixes() -> Callable[[str], str | None]:
    """What tells the domain that somebody registered; None for names that are suffixes themselves."""
    # Most servers never need it.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList().privatesuffix
