"""Providers of text messages (SMS): a name, or a DSN as Appwrite has it, and an HTTP address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

LOCAL_PROVIDERS: Final = ("mock", "none")
"""Providers that send nothing anywhere."""
_HTTP: Final = "http"
_MOCK_URL: Final = "http://request-catcher-sms:5000/"
_MOCK_AGENT: Final = "Appwrite Mock Message Sender"
_NOT_SERVED: Final = frozenset({"fast2sms", "inforu", "msg91", "telesign", "textmagic", "twilio", "vonage"})
_HEADER: Final = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_OF_THE_CONNECTION: Final = frozenset({"connection", "content-length", "host", "transfer-encoding"})


@dataclass(frozen=True)
class HttpProvider:
    """A provider that takes text messages at an HTTP address."""

    url: str
    headers: tuple[tuple[str, str], ...]
    """Headers that are sent with each message. They may hold secrets."""

    def __repr__(self) -> str:
        return "HttpProvider()"


def parse_provider(provider: str, url: str, headers: Sequence[str]) -> HttpProvider | None:
    """The provider with this name or DSN; None for one that sends nothing anywhere.

    ``headers``: each as ``Name: value``. Raises ValueError; its text says what is wrong and holds no secret.
    """
    given = _parsed(headers)
    if provider in LOCAL_PROVIDERS:
        return None
    if provider == _HTTP:
        return HttpProvider(_checked_url(url), given)
    if not provider.startswith("sms://"):
        raise ValueError("it must be mock, none, http, or a DSN such as sms://USER:SECRET@mock")
    try:
        dsn = urlsplit(provider)
        name = dsn.hostname or ""
    except ValueError:
        raise ValueError("the DSN cannot be read") from None
    if name != "mock":
        # What is no name of a provider may be a part of the secret.
        named = f"the provider {name}" if name in _NOT_SERVED else "the provider of the DSN"
        raise ValueError(
            f"{named} is not served, only mock is: to reach others set it to http, and sms_url to a program "
            "that passes messages on to them"
        )
    own = (
        ("User-Agent", _MOCK_AGENT),
        ("X-Username", unquote(dsn.username or "")),
        ("X-Key", unquote(dsn.password or "")),
    )
    return HttpProvider(_checked_url(url or _MOCK_URL), (*own, *given))


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("sms_url must be the http or https address that messages are posted to")
    return url


def _parsed(headers: Sequence[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for header in headers:
        match = _HEADER.fullmatch(header)
        if match is None:
            raise ValueError("each of sms_headers has the form 'Name: value'")
        if match[1].lower() in _OF_THE_CONNECTION:
            raise ValueError(f"sms_headers cannot set {match[1]}")
        found.append((match[1], match[2].strip()))
    return tuple(found)
