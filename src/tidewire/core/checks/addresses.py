"""Checks of the addresses of people and of places on the net."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final
from urllib.parse import urlsplit

from tidewire.core.parameters import Check, InvalidParameterError
from tidewire.core.redirects import is_address

LONGEST_URL: Final = 2048
_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOSTNAME: Final = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*|\*|\[[0-9A-Fa-f:.]{{2,45}}\]")


@dataclass(frozen=True)
class Email(Check):
    """An e-mail address: one ``@`` between a dotless-edged local part and a dotted domain, at most 320."""

    json_type = "string"
    details: ClassVar = {"format": "email"}
    pattern: ClassVar[re.Pattern[str]] = re.compile(
        r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
        r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    )

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > 320 or not self.pattern.fullmatch(value):
            raise InvalidParameterError("Value must be a valid email address.")
        return value


@dataclass(frozen=True)
class Phone(Check):
    """A phone number as E.164 has it: ``+`` and 7 to 15 digits, the first of them not 0."""

    json_type = "string"
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"\+[1-9][0-9]{6,14}")

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or not self.pattern.fullmatch(value):
            raise InvalidParameterError("Value must be a phone number: a '+' and 7 to 15 digits.")
        return value

    def schema(self) -> dict[str, object]:
        return {"type": "string", "pattern": "^" + self.pattern.pattern + "$"}


@dataclass(frozen=True)
class RedirectUrl(Check):
    """An address that users are sent to; whether the project allows it is the operation's to check.

    See :func:`tidewire.core.redirects.redirect_allowed`.
    """

    json_type = "string"
    maximum: ClassVar[int] = 2048

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= self.maximum or not is_address(value):
            raise InvalidParameterError("Value must be a valid URL, such as https://example.com/path.")
        return value

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "uri", "maxLength": self.maximum}


@dataclass(frozen=True)
class Url(Check):
    """An address on the web: ``http`` or ``https``, with a host and without user name and password."""

    json_type = "string"
    details: ClassVar = {"format": "uri", "maxLength": LONGEST_URL}

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > LONGEST_URL or not _is_web_url(value):
            raise InvalidParameterError("Value must be a valid URL that begins with http:// or https://.")
        return value


@dataclass(frozen=True)
class RemoteUrl(Url):
    """The address of something that the server is to fetch; the operation checks whether it may be called."""


@dataclass(frozen=True)
class WebhookUrl(Url):
    """The address that a webhook sends to. The operation checks whether its host may be called, which depends
    on settings."""


@dataclass(frozen=True)
class Hostname(Check):
    """The name of a host, ``*.`` in front of it for all below it, or empty for none."""

    json_type = "string"
    details: ClassVar = {"maxLength": 253}
    wildcards: bool = True

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > 253:
            raise InvalidParameterError("Value must be a host name of at most 253 characters.")
        if value and (not _HOSTNAME.fullmatch(value) or ("*" in value and not self.wildcards)):
            raise InvalidParameterError("Value must be a host name without protocol, port and path.")
        return value.lower()


@dataclass(frozen=True)
class PublicDomain(Check):
    """A domain name of the public Internet, such as ``example.com``; no address and no bare host name.

    A URL counts as its host.
    """

    json_type = "string"
    details: ClassVar = {"maxLength": LONGEST_URL}
    pattern: ClassVar[re.Pattern[str]] = re.compile(
        r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])"
    )

    def convert(self, value: object) -> str:
        if isinstance(value, str) and "://" in value and len(value) <= LONGEST_URL and _is_web_url(value):
            value = urlsplit(value).hostname
        if not isinstance(value, str) or len(value) > 253 or not self.pattern.fullmatch(value):
            raise InvalidParameterError("Value must be a public domain, such as example.com.")
        return value


@dataclass(frozen=True)
class Domain(PublicDomain):
    """A domain name as it stands in the header Host, in lower case; no address, port or path."""

    details: ClassVar = {"maxLength": 253}

    def convert(self, value: object) -> str:
        if isinstance(value, str) and "://" in value:
            raise InvalidParameterError("Value must be a domain without protocol, such as api.example.com.")
        return super().convert(value).lower()


EmailAddress = Annotated[str, Email()]
PhoneNumber = Annotated[str, Phone()]


def _is_web_url(text: str) -> bool:
    if not text.isprintable() or any(character in text for character in " \\"):
        return False
    try:
        parts = urlsplit(text)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        return False
    if parts.scheme.lower() not in {"http", "https"} or parts.username is not None or not port_fits:
        return False
    host = parts.hostname or ""
    return bool(_HOSTNAME.fullmatch(f"[{host}]" if ":" in host else host)) and "*" not in host
