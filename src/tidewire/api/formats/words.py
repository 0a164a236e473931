"""The words of earlier versions: what their programs call parameters, and what they leave out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tidewire.api.bodies import RequestParameters

UNIQUE: Final = "unique()"


@dataclass(frozen=True)
class Words:
    """What requests for an operation say differently before a version."""

    names: Mapping[str, str] = field(default_factory=dict)
    """Earlier name of a parameter to the later one, which wins if both are sent."""
    parted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Earlier name of a parameter to the later ones that it became, each of which has its value."""
    values: Mapping[str, tuple[object, object]] = field(default_factory=dict)
    """Values that were said differently, by the later name of their parameter: the value before, and
    after."""
    defaults: Mapping[str, object] = field(default_factory=dict)
    """Values of parameters that are missing or null, by their later names."""
    dropped: tuple[str, ...] = ()
    """Names of parameters without a successor."""


def in_later_words(words: Iterable[Words], given: RequestParameters) -> RequestParameters:
    """What a request says, in the words of today; ``words`` in the order of their versions."""
    values = dict(given.values)
    for each in words:
        _translate(each, values)
    return RequestParameters(values, given.textual)


def path_in_later_words(words: Iterable[Words], values: Mapping[str, str]) -> dict[str, str]:
    """What stands in the placeholders of a path, in the words of today."""
    later = dict(values)
    for each in words:
        for name, (before, after) in each.values.items():
            if later.get(name) == before and isinstance(after, str):
                later[name] = after
    return later


def _translate(words: Words, values: dict[str, Any]) -> None:
    for earlier, later in words.names.items():
        if earlier in values:
            value = values.pop(earlier)
            values.setdefault(later, value)
    for earlier, all_later in words.parted.items():
        if earlier in values:
            value = values.pop(earlier)
            for later in all_later:
                values.setdefault(later, value)
    for name in words.dropped:
        values.pop(name, None)
    for name, (before, after) in words.values.items():
        if name in values and type(values[name]) is type(before) and values[name] == before:
            values[name] = after
    for name, default in words.defaults.items():
        if values.get(name) is None:
            values[name] = default


def _app(identifier: str) -> Words:
    """How platforms that are apps were told of when all platforms had one model."""
    return Words(names={"key": identifier}, dropped=("store", "hostname"))


_NEW_PLATFORM: Final = {"platformId": UNIQUE}
_SITE: Final = Words(dropped=("store",))
_APPS: Final = {
    "Apple": "bundleIdentifier",
    "Android": "applicationId",
    "Windows": "packageIdentifierName",
    "Linux": "packageName",
}
_TOTAL: Final = Words(names={"limit": "total"}, values={"total": (0, None)})
_WEBHOOK: Final = Words(
    names={"security": "tls", "httpUser": "authUsername", "httpPass": "authPassword"},
)
_FUNCTION: Final = Words(parted={"specification": ("buildSpecification", "runtimeSpecification")})
_SCOPES: Final = Words(defaults={"scopes": []})
METADATA: Final = (
    "description", "logo", "url", "legalName", "legalCountry", "legalState", "legalCity", "legalAddress",
    "legalTaxId",
)  # fmt: skip
"""Fields that a project had in earlier versions and that are not kept."""

BEFORE_1_9_5: Final = {"projects.createProject": Words(dropped=METADATA)}

BEFORE_1_9_4: Final = {
    "functions.createVariable": Words(defaults={"variableId": UNIQUE}),
    "project.updateOAuth2Oidc": Words(names={"tokenUrl": "tokenURL", "userInfoUrl": "userInfoURL"}),
}

BEFORE_1_9_3: Final = {"project.createKey": Words(defaults={"keyId": UNIQUE, "scopes": []})}

BEFORE_1_9_2: Final = {
    "project.getEmailTemplate": Words(names={"type": "templateId"}),
    "project.updateEmailTemplate": Words(names={"type": "templateId", "replyTo": "replyToEmail"}),
    "project.updateSMTP": Words(names={"replyTo": "replyToEmail"}),
    "project.updateMembershipPrivacyPolicy": Words(
        names={"mfa": "userMFA"}, defaults={"userId": False, "userPhone": False}
    ),
    "project.updateSessionAlertPolicy": Words(names={"alerts": "enabled"}),
    "project.updateUserLimitPolicy": _TOTAL,
    "project.updatePasswordHistoryPolicy": _TOTAL,
    "project.updateSessionLimitPolicy": _TOTAL,
    "project.updateAuthMethod": Words(names={"method": "methodId", "status": "enabled"}),
}

BEFORE_1_9_1: Final = {
    "project.updateProtocol": Words(
        names={"api": "protocolId", "status": "enabled"}, values={"protocolId": ("realtime", "websocket")}
    ),
    "project.updateService": Words(names={"service": "serviceId", "status": "enabled"}),
    "project.createKey": _SCOPES,
    "project.updateKey": _SCOPES,
    "webhooks.create": _WEBHOOK,
    "webhooks.update": _WEBHOOK,
}

BEFORE_1_9_0: Final = {
    "project.createWebPlatform": Words(defaults=_NEW_PLATFORM, dropped=("store",)),
    "project.updateWebPlatform": _SITE,
    **{f"project.update{kind}Platform": _app(name) for kind, name in _APPS.items()},
    **{
        f"project.create{kind}Platform": Words(
            names={"key": name}, defaults=_NEW_PLATFORM, dropped=("store", "hostname")
        )
        for kind, name in _APPS.items()
    },
    "webhooks.create": Words(defaults={"webhookId": UNIQUE}),
    "project.createKey": Words(defaults={"keyId": UNIQUE}),
    "functions.create": _FUNCTION,
    "functions.update": _FUNCTION,
}

BEFORE_1_7_0: Final = {"functions.createVariable": Words(defaults={"secret": False})}

BEFORE_1_5_0: Final = {"account.updateRecovery": Words(dropped=("passwordAgain",))}
