"""Checks of the parameters that describe projects, keys, platforms and webhooks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final
from urllib.parse import urlsplit

from tidewire.core.event_patterns import is_event_pattern
from tidewire.core.parameters import Check, InvalidParameterError, Text
from tidewire.core.scopes import PROJECT_KEY_SCOPES
from tidewire.core.time import parse_datetime

LONGEST_URL: Final = 2048
_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOSTNAME: Final = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*|\*|\[[0-9A-Fa-f:.]{{2,45}}\]")


@dataclass(frozen=True)
class NewProjectId(Check):
    """The id of a project to be: lower-case letters, digits and hyphens, or ``unique()``."""

    json_type = "string"
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"[a-z0-9][a-z0-9-]{0,35}")

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or (value != "unique()" and not self.pattern.fullmatch(value)):
            raise InvalidParameterError(
                "The id of a project has 1 to 36 characters, letters a-z, digits and hyphen, and does not "
                "start with a hyphen."
            )
        return value

    def catalog(self) -> dict[str, object]:
        return {"format": "project-id", "max_length": 36}

    def schema(self) -> dict[str, object]:
        return {"type": "string", "maxLength": 36}


@dataclass(frozen=True)
class NotBlank(Text):
    """Text that is not only white space; white space around it is dropped."""

    def convert(self, value: object) -> str:
        text = super().convert(value).strip()
        if not text:
            raise InvalidParameterError("Value must not be blank.")
        return text

    def catalog(self) -> dict[str, object]:
        return {**super().catalog(), "non_blank": True}


@dataclass(frozen=True)
class Digits(Text):
    """Text of ASCII digits only."""

    def convert(self, value: object) -> str:
        text = super().convert(value)
        if not (text.isascii() and text.isdigit()):
            raise InvalidParameterError("Value must consist of digits.")
        return text

    def catalog(self) -> dict[str, object]:
        return {**super().catalog(), "allowed_chars": "0-9"}


@dataclass(frozen=True)
class Datetime(Check):
    """A time as ISO 8601 text; the operation receives milliseconds since the epoch."""

    json_type = "string"

    def convert(self, value: object) -> int:
        if not isinstance(value, str) or len(value) > 64:
            raise InvalidParameterError("Value must be a time as ISO 8601 has it.")
        try:
            return parse_datetime(value)
        except ValueError:
            raise InvalidParameterError(
                "Value must be a time as ISO 8601 has it, such as 2030-01-31T12:00:00Z."
            ) from None

    def catalog(self) -> dict[str, object]:
        return {"format": "datetime"}

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "date-time"}


@dataclass(frozen=True)
class Hostname(Check):
    """The name of a host, ``*.`` in front of it for all below it, or empty for none."""

    json_type = "string"
    wildcards: bool = True

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > 253:
            raise InvalidParameterError("Value must be a host name of at most 253 characters.")
        if value and (not _HOSTNAME.fullmatch(value) or ("*" in value and not self.wildcards)):
            raise InvalidParameterError("Value must be a host name without protocol, port and path.")
        return value.lower()

    def catalog(self) -> dict[str, object]:
        return {"format": "hostname", "max_length": 253}

    def schema(self) -> dict[str, object]:
        return {"type": "string", "maxLength": 253}


@dataclass(frozen=True)
class Url(Check):
    """An address on the web: ``http`` or ``https``, with a host and without user name and password."""

    json_type = "string"

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > LONGEST_URL or not _is_web_url(value):
            raise InvalidParameterError("Value must be a valid URL that begins with http:// or https://.")
        return value

    def catalog(self) -> dict[str, object]:
        return {"format": "url"}

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "uri", "maxLength": LONGEST_URL}


@dataclass(frozen=True)
class WebhookUrl(Url):
    """Where a webhook goes. Whether the host may be called is found out when its address is looked up."""

    def catalog(self) -> dict[str, object]:
        return {**super().catalog(), "schemes": ["http", "https"], "also": ["public-domain"]}


@dataclass(frozen=True)
class EventPattern(Check):
    """The name of an event, ``*`` for any id."""

    json_type = "string"

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or not is_event_pattern(value):
            raise InvalidParameterError("An event is a name such as buckets.*.files.*.create or users.*.")
        return value

    def catalog(self) -> dict[str, object]:
        return {"format": "event-pattern"}


@dataclass(frozen=True)
class KeyScope(Check):
    """A scope that API keys of projects can carry."""

    json_type = "string"

    def convert(self, value: object) -> str:
        if not isinstance(value, str) or value not in PROJECT_KEY_SCOPES:
            raise InvalidParameterError(f"{str(value)[:64]!r} is no scope of API keys.")
        return value

    def schema(self) -> dict[str, object]:
        return {"type": "string", "enum": sorted(PROJECT_KEY_SCOPES)}


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
