"""Tokens of providers elsewhere: sealed in sessions and identities, and refreshed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidewire.core.errors import TidewireError
from tidewire.core.oauth_providers import OAUTH_PROVIDERS
from tidewire.core.time import now
from tidewire.oauth.contract import ProviderFailedError, Tokens
from tidewire.oauth.engine import refresh
from tidewire.services.answers import opened
from tidewire.services.context import Context
from tidewire.services.oauth.asking import ask
from tidewire.services.oauth.registrations import (
    is_usable,
    provider_name,
    registration_of,
    settings_of,
)
from tidewire.store.engine.connection import Row


def sealed_tokens(context: Context, tokens: Tokens) -> dict[str, Any]:
    """The columns of an identity that hold tokens."""
    seal = context.encryption.seal
    return {
        "access_token": seal(tokens.access),
        "access_token_expires_at": now() + tokens.seconds * 1000 if tokens.seconds else 0,
        "refresh_token": tokens.refresh and seal(tokens.refresh),
    }


def session_columns(of_identity: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a session that hold the same as these of an identity."""
    return {f"provider_{name}": value for name, value in of_identity.items()}


async def refreshed_tokens(context: Context, session: Row[Any]) -> dict[str, Any]:
    """New tokens for a session that was begun at a provider, as columns of an identity.

    None where the provider gave no refresh token. Raises ``project_provider_unsupported``,
    ``project_provider_disabled`` or ``user_oauth2_provider_failure``.
    """
    token = opened(context.encryption, session.provider_refresh_token)
    if not token:
        return {}
    if session.provider not in OAUTH_PROVIDERS:
        raise TidewireError("project_provider_unsupported", "There is no such provider any more.")
    settings = settings_of(context.project.settings, session.provider)
    if not is_usable(settings):
        raise provider_disabled(session.provider)
    try:
        registration = registration_of(context, session.provider, settings)
        return sealed_tokens(context, await ask(context, refresh(registration, token, now() // 1000)))
    except ProviderFailedError as error:
        raise provider_failed(session.provider, error) from None


def provider_disabled(key: str) -> TidewireError:
    """The error for a provider that the project has not set up, or has switched off."""
    message = f"The provider {provider_name(key)} is switched off, or not set up, in this project."
    return TidewireError("project_provider_disabled", message)


def provider_failed(key: str, error: ProviderFailedError) -> TidewireError:
    """The error for a provider that could not be asked, or refused."""
    message = f"The provider {provider_name(key)} did not let anybody in: {error}."
    return TidewireError("user_oauth2_provider_failure", message)
