"""API keys: their forms, and whose a secret is."""

from __future__ import annotations

from tidewire.core.errors import TidewireError
from tidewire.core.identities import Identity
from tidewire.core.scopes import PROJECT_KEY_SCOPES
from tidewire.core.time import now
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Instance, ProjectStore
from tidewire.store.records.api_keys import ApiKey
from tidewire.store.secrets.credentials import (
    MAX_KEY_LENGTH,
    ExpiredJwtError,
    InvalidJwtError,
    decode_key,
    is_ephemeral,
)


async def find_project_key(instance: Instance, project_id: str, secret: str) -> ApiKey | None:
    """The key of a project with this secret; None for a secret that is not known, or belongs elsewhere.

    A key is stored, or signed by this server and stored nowhere: then it has no id. Raises
    :class:`TidewireError` ``project_key_expired``.
    """
    if len(secret) > MAX_KEY_LENGTH:
        return None
    if is_ephemeral(secret):
        return _ephemeral(instance, project_id, secret)
    key = await instance.keys.of_project(project_id, secret)
    if key is not None:
        _require_unexpired(key)
    return key


async def find_console_key(instance: Instance, secret: str) -> ApiKey | None:
    """The key of an organisation or of an account with this secret; None if there is none.

    Raises :class:`TidewireError` ``project_key_expired`` or ``account_key_expired``.
    """
    key = await instance.keys.find(secret) if len(secret) <= MAX_KEY_LENGTH else None
    if key is None or key.type == "standard":
        return None
    _require_unexpired(key)
    return key


async def find_owner(console: ProjectStore, key: ApiKey, named: str) -> Identity | None:
    """The user of an account's key, who must be named beside it; None if another one is ``named``."""
    return await console.identities.by_id(key.user_id) if named == key.user_id else None


def _ephemeral(instance: Instance, project_id: str, secret: str) -> ApiKey | None:
    try:
        claims = decode_key(secret, instance.jwt_secret, now())
    except ExpiredJwtError:
        raise _expired("project_key_expired") from None
    except InvalidJwtError:
        return None
    if claims.project_id != project_id or project_id == CONSOLE_PROJECT_ID:
        return None
    return ApiKey("", project_id, "", PROJECT_KEY_SCOPES.intersection(claims.scopes), claims.expires)


def _require_unexpired(key: ApiKey) -> None:
    if key.expires and key.expires <= now():
        raise _expired("account_key_expired" if key.type == "account" else "project_key_expired")


def _expired(error_type: str) -> TidewireError:
    return TidewireError(error_type, "The API key has expired.")
