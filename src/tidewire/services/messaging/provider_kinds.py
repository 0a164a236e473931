"""The kinds of providers: what each carries, and which credentials and options it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tidewire.core.checks.addresses import Email, Phone
from tidewire.core.checks.lists import JsonOrText
from tidewire.core.checks.numbers import TrueOrFalse, Whole
from tidewire.core.checks.texts import AnyCaseChoice, Secret, Text
from tidewire.core.parameters import Check

Type = Literal["email", "sms", "push"]


@dataclass(frozen=True)
class Value:
    """A credential or an option."""

    check: Check
    changed: Check | None = None
    """What is asked of it in an update, where that differs."""
    default: object = ""
    changed_default: object = ""
    needed: bool = False
    """A provider without it cannot be enabled."""
    required: bool = False
    """Nothing is made without it."""


@dataclass(frozen=True)
class ProviderKind:
    """One kind of provider."""

    name: str
    type: Type
    spelling: str
    """The word in the names of its operations."""
    credentials: Mapping[str, Value]
    options: Mapping[str, Value] = field(default_factory=dict)

    @property
    def values(self) -> Mapping[str, Value]:
        """Credentials and options, by their names on the wire."""
        return {**self.credentials, **self.options}


_NEEDED: Final = Value(Text(1), needed=True)
_TEXT: Final = Value(Text(1))
_SWITCH: Final[dict[str, Any]] = {"check": TrueOrFalse(), "default": None, "changed_default": None}
_NAME: Final = Value(Text(0, 128), Text(1, 128))
_MAIL: Final[Mapping[str, Value]] = {
    "fromName": _NAME,
    "fromEmail": Value(Email(), needed=True),
    "replyToName": _NAME,
    "replyToEmail": Value(Email(), Text(1, 128)),
}
_FROM: Final[Mapping[str, Value]] = {"from": Value(Phone(), Text(1, 256), needed=True)}
_SMTP_OPTIONS: Final[Mapping[str, Value]] = {
    "encryption": Value(AnyCaseChoice(("none", "ssl", "tls"))),
    "autoTLS": Value(TrueOrFalse(), default=True, changed_default=None),
    "mailer": _TEXT,
    "fromName": _NAME,
    "fromEmail": Value(Email(), needed=True),
    "replyToName": _NAME,
    "replyToEmail": Value(Email(), Text(1, 128)),
}


def _needed(*names: str) -> Mapping[str, Value]:
    return dict.fromkeys(names, _NEEDED)


KINDS: Final[Mapping[str, ProviderKind]] = {
    kind.name: kind
    for kind in (
        ProviderKind(
            "smtp",
            "email",
            "SMTP",
            {
                "host": Value(Text(1), needed=True, required=True),
                "port": Value(Whole(1, 65535), default=587, changed_default=None),
                "username": _TEXT,
                "password": Value(Secret(1)),
            },
            _SMTP_OPTIONS,
        ),
        ProviderKind(
            "mailgun",
            "email",
            "Mailgun",
            {**_needed("apiKey", "domain"), "isEuRegion": Value(**_SWITCH, needed=True)},
            _MAIL,
        ),
        ProviderKind("sendgrid", "email", "Sendgrid", _needed("apiKey"), _MAIL),
        ProviderKind("resend", "email", "Resend", _needed("apiKey"), _MAIL),
        ProviderKind(
            "ses",
            "email",
            "Ses",
            {**_needed("accessKey", "secretKey"), "region": Value(Text(1, 128), needed=True)},
            _MAIL,
        ),
        ProviderKind("msg91", "sms", "Msg91", {"templateId": _TEXT, **_needed("senderId", "authKey")}),
        ProviderKind("twilio", "sms", "Twilio", _needed("accountSid", "authToken"), _FROM),
        ProviderKind("telesign", "sms", "Telesign", _needed("customerId", "apiKey"), _FROM),
        ProviderKind("textmagic", "sms", "Textmagic", _needed("username", "apiKey"), _FROM),
        ProviderKind("vonage", "sms", "Vonage", _needed("apiKey", "apiSecret"), _FROM),
        ProviderKind(
            "fcm",
            "push",
            "FCM",
            {"serviceAccountJSON": Value(JsonOrText(), default=None, changed_default=None, needed=True)},
        ),
        ProviderKind(
            "apns",
            "push",
            "APNS",
            _needed("authKey", "authKeyId", "teamId", "bundleId"),
            {"sandbox": Value(TrueOrFalse(), default=False, changed_default=None)},
        ),
    )
}
"""The kinds by name, as providers are stored with it."""


def is_complete(kind: ProviderKind, credentials: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Whether a provider has what it needs to carry anything."""
    given = {**credentials, **options}
    return all(given.get(name) not in (None, "", {}) for name, value in kind.values.items() if value.needed)
