"""What an e-mail address tells about its mailbox, without asking anybody."""

from __future__ import annotations

from dataclasses import dataclass
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
_OTHER_FREE: Final = frozenset(
    {
        "aol.com",
        "gmx.com",
        "gmx.de",
        "gmx.net",
        "mail.com",
        "mail.ru",
        "web.de",
        "yahoo.com",
        "yandex.com",
        "zoho.com",
    }
)
_FREE: Final = _GMAIL | _PLUS_TAGS | _OTHER_FREE


@dataclass(frozen=True)
class Mailbox:
    """The fields of a user that derive from the e-mail address; None where nothing is known."""

    email_canonical: str | None = None
    """The one spelling of all addresses that reach the same mailbox."""
    email_is_canonical: bool | None = None
    email_is_free: bool | None = None
    email_is_disposable: bool | None = None
    email_is_corporate: bool | None = None


def mailbox(email: str) -> Mailbox:
    """Describe the mailbox of a lower-case address."""
    canonical = _canonical(email)
    known = email.rpartition("@")[2] in _FREE
    return Mailbox(
        email_canonical=canonical,
        email_is_canonical=canonical == email,
        email_is_free=True if known else None,
        email_is_disposable=False if known else None,
        email_is_corporate=False if known else None,
    )


def _canonical(email: str) -> str:
    local, _, domain = email.rpartition("@")
    if domain in _GMAIL:
        local, domain = local.partition("+")[0].replace(".", ""), "gmail.com"
    elif domain in _PLUS_TAGS:
        local = local.partition("+")[0]
    # An address that is nothing but a tag belongs to nobody we know.
    return f"{local}@{domain}" if local else email
