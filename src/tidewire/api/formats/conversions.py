"""Conversions of answers into what programs of earlier versions read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tidewire.core import models
from tidewire.services.context import Context

Fields = dict[str, Any]
Conversion = Callable[[Context, Fields], Fields]
"""One resource as a later version answers it, made into what an earlier one answered."""
Conversions = Mapping[type, Conversion]
"""Conversions by the model that they apply to."""


def _changed(names: Mapping[str, str], removed: tuple[str, ...] = ()) -> Conversion:
    """A conversion that renames fields from the later name to the earlier one and removes fields that did not
    exist."""

    def shape(_context: Context, fields: Fields) -> Fields:
        return {names.get(name, name): value for name, value in fields.items() if name not in removed}

    return shape


def _without(*removed: str) -> Conversion:
    return _changed({}, removed)


def _ephemeral_key(context: Context, fields: Fields) -> Fields:
    return {"projectId": context.project.id, "jwt": fields["secret"], "scopes": fields["scopes"]}


_APP_IDENTIFIERS: Final = ("bundleIdentifier", "applicationId", "packageIdentifierName", "packageName")


def _platform(_context: Context, fields: Fields) -> Fields:
    """A platform of any type in the one model that there was."""
    kept = {name: value for name, value in fields.items() if name not in _APP_IDENTIFIERS}
    identifier = next((fields[name] for name in _APP_IDENTIFIERS if fields.get(name)), kept.get("key", ""))
    return {**kept, "key": identifier, "store": "", "hostname": kept.get("hostname", "")}


def _project_with_platforms(context: Context, fields: Fields) -> Fields:
    return {**fields, "platforms": [_platform(context, each) for each in fields["platforms"]]}


def _row(_context: Context, fields: Fields) -> Fields:
    return _with_numbers(fields)


def _with_numbers(fields: Fields) -> Fields:
    """A row, and those related to it, whose place in its table is a number; 0 if it has none yet."""
    shown = dict(fields)
    for name, value in fields.items():
        if isinstance(value, dict | list):
            shown[name] = _related(value)
    if "$sequence" in shown:
        sequence = str(shown["$sequence"])
        shown["$sequence"] = int(sequence) if sequence.isdigit() else 0
    return shown


def _related(value: Any) -> Any:
    if isinstance(value, dict) and "$id" in value:
        return _with_numbers(value)
    if isinstance(value, list) and any(isinstance(each, dict) for each in value):
        return [_related(each) for each in value]
    return value


def _project_with_providers(_context: Context, fields: Fields) -> Fields:
    return {"providers" if name == "oAuthProviders" else name: value for name, value in fields.items()}


def _project_with_domains(_context: Context, fields: Fields) -> Fields:
    named = [
        {"name": each["key"][:1].upper() + each["key"][1:], **_rest(each)} for each in fields["providers"]
    ]
    return {**fields, "providers": named, "domains": []}


def _rest(provider: Fields) -> Fields:
    return {name: value for name, value in provider.items() if name not in {"key", "name"}}


_user: Final = _without("impersonator", "impersonatorUserId")
_user_without_factors: Final = _without("targets", "mfa")
_PLATFORMS: Final = (
    models.PlatformWeb,
    models.PlatformApple,
    models.PlatformAndroid,
    models.PlatformWindows,
    models.PlatformLinux,
    models.LegacyPlatform,
)

BEFORE_2_0_0: Final[Conversions] = {
    models.Execution: _changed({"resourceId": "functionId"}, ("resourceType",)),
}

BEFORE_1_9_4: Final[Conversions] = {
    models.OAuth2Oidc: _changed({"tokenURL": "tokenUrl", "userInfoURL": "userInfoUrl"}),
}
BEFORE_1_9_3: Final[Conversions] = {models.EphemeralKey: _ephemeral_key}

BEFORE_1_9_2: Final[Conversions] = {
    models.Membership: _without("userPhone"),
    models.Project: _changed(
        {"smtpReplyToEmail": "smtpReplyTo"},
        ("smtpReplyToName", "authMembershipsUserId", "authMembershipsUserPhone"),
    ),
    models.MockNumber: _changed({"number": "phone"}, ("$createdAt", "$updatedAt")),
    models.EmailTemplate: _changed({"templateId": "type", "replyToEmail": "replyTo"}, ("replyToName",)),
}

BEFORE_1_9_1: Final[Conversions] = {
    models.Project: _without(
        "protocolStatusForRest", "protocolStatusForGraphql", "protocolStatusForWebsocket"
    ),
    models.Webhook: _changed(
        {
            "tls": "security",
            "authUsername": "httpUser",
            "authPassword": "httpPass",
            "secret": "signatureKey",
        }
    ),
}

BEFORE_1_9_0: Final[Conversions] = {
    **dict.fromkeys(_PLATFORMS, _platform),
    models.Project: _project_with_platforms,
    models.User: _user,
    models.Account: _user,
    models.Row: _row,
    models.Document: _row,
    models.Function: _changed({"buildSpecification": "specification"}, ("runtimeSpecification",)),
}

BEFORE_1_7_0: Final[Conversions] = {
    models.Project: _without("devKeys"),
    models.Function: _changed(
        {"deploymentId": "deployment"},
        ("deploymentCreatedAt", "latestDeploymentId", "latestDeploymentCreatedAt", "latestDeploymentStatus"),
    ),
    models.Deployment: _changed(
        {"sourceSize": "size", "buildDuration": "buildTime"},
        ("totalSize", "screenshotLight", "screenshotDark"),
    ),
    models.Variable: _without("secret"),
}

BEFORE_1_6_0: Final[Conversions] = {
    models.Project: _without("authMockNumbers", "authSessionAlerts"),
    models.Function: _without("scopes", "specification"),
    models.Execution: _without("scheduledAt"),
    models.Runtime: _without("key"),
}

BEFORE_1_5_0: Final[Conversions] = {
    models.Project: _project_with_providers,
    models.User: _user_without_factors,
    models.Account: _user_without_factors,
    models.Session: _without("factors", "secret"),
    models.Webhook: _without("enabled", "logs", "attempts"),
    models.Token: _without("phrase"),
    models.Membership: _without("mfa"),
}

BEFORE_1_4_0: Final[Conversions] = {models.Project: _project_with_domains}
