"""The apps that a project has registered at providers, with their secrets opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tidewire.core.oauth_providers import OAUTH_PROVIDERS
from tidewire.core.project_settings import OAuthSettings, ProjectSettings
from tidewire.oauth.contract import ProviderFailedError, Registration
from tidewire.oauth.fields import ProviderFields
from tidewire.oauth.table import PROVIDERS
from tidewire.services.context import Context
from tidewire.store.secrets.encryption import SealError

NONE = OAuthSettings()


def settings_of(settings: ProjectSettings, key: str) -> OAuthSettings:
    """What a project has set up for a provider."""
    return settings.oauth.get(key, NONE)


def with_settings(settings: ProjectSettings, key: str, changed: OAuthSettings) -> ProjectSettings:
    """The settings of a project with others for one provider."""
    return msgspec.structs.replace(settings, oauth={**settings.oauth, key: changed})


def registration_of(context: Context, key: str, settings: OAuthSettings) -> Registration:
    """The app of a project at a provider. Raises :class:`ProviderFailedError` if its secret is lost."""
    stand_ins = dict(named.split("=", 1) for named in context.settings.oauth2_endpoints)
    try:
        secret = context.encryption.open(settings.secret) if settings.secret else ""
    except SealError:
        raise ProviderFailedError("the secret of the app cannot be read any more; set it anew") from None
    return Registration(PROVIDERS[key], settings.client_id, secret, settings.options, stand_ins.get(key, ""))


def missing_fields(fields: ProviderFields, settings: OAuthSettings) -> list[str]:
    """Names of what the provider cannot be used without, and what is not set up."""
    values: Mapping[str, Any] = {
        **settings.options,
        fields.client_id.name: settings.client_id,
        fields.secret.name: settings.secret,
    }
    missing = [each.name for each in fields.shown if each.needed and not values.get(each.name)]
    if fields.key == "oidc" and not values.get("wellKnownURL"):
        missing += [name for name in ("authorizationURL", "tokenURL", "userInfoURL") if not values.get(name)]
    return missing


def is_usable(settings: OAuthSettings) -> bool:
    """Whether users can be sent to the provider. A client of OpenID Connect may have no secret."""
    return settings.enabled and bool(settings.client_id and (settings.secret or settings.options))


def provider_name(key: str) -> str:
    """What people call the provider."""
    return OAUTH_PROVIDERS[key]
