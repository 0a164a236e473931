"""Which host names make up a site: those for which browsers keep cookies together."""

from __future__ import annotations

import ipaddress
from typing import Final

from publicsuffixlist import PublicSuffixList

_SUFFIXES: Final = PublicSuffixList()
"""Read when the program starts: it takes longer than a request may hold others up."""


def same_site(host: str, other: str) -> bool:
    """Whether two hosts, in lower case, are of one site: the same, or below one registrable domain.

    By the list of public suffixes, below which strangers have names beside each other.
    """
    return host == other or ((site := _registrable(host)) is not None and site == _registrable(other))


def _registrable(host: str) -> str | None:
    """The domain that somebody registered; None for addresses and for names that are suffixes themselves."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _SUFFIXES.privatesuffix(host)
    return None
