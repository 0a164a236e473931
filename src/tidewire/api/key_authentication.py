"""Programs that show an API key: its forms, and what each lets them do."""

from __future__ import annotations

from typing import Final

from tidewire.api.requests import Request, sdk_of
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.scopes import ACCOUNT_KEY_SCOPES, ORGANIZATION_KEY_SCOPES, PROJECT_KEY_SCOPES, ROLE_SCOPES
from tidewire.core.time import now
from tidewire.store.instance.platform import CONSOLE_PROJECT_ID, ProjectStore, Stores
from tidewire.store.records.api_keys import ApiKey
from tidewire.store.secrets.credentials import (
    MAX_KEY_LENGTH,
    ExpiredJwtError,
    InvalidJwtError,
    decode_key,
    is_ephemeral,
)

_ROLES: Final = ("any", "keys")


async def identify_key(request: Request, stores: Stores, store: ProjectStore, key: str) -> Caller | None:
    """Who shows this key to the project; None for a key that does not exist, or not here.

    Raises :class:`TidewireError` ``project_key_expired``, ``account_key_expired``, ``user_id_missing`` or
    ``organization_id_missing``.
    """
    if len(key) > MAX_KEY_LENGTH:
        return None
    if is_ephemeral(key):
        return _by_token(stores, store, key)
    if store.project.id == CONSOLE_PROJECT_ID:
        return await _by_console_key(request, stores, store, key)
    found = await stores.keys.of_project(store.project.id, key)
    if found is None:
        return None
    _require_unexpired(found)
    _note_access(request, stores, found)
    return Caller("key", None, _ROLES, found.scopes | ROLE_SCOPES["keys"])


def _by_token(stores: Stores, store: ProjectStore, key: str) -> Caller | None:
    """A key that is not stored, but signed by this server."""
    try:
        claims = decode_key(key, stores.jwt_secret, now())
    except ExpiredJwtError:
        raise _expired("project_key_expired") from None
    except InvalidJwtError:
        return None
    if claims.project_id != store.project.id or claims.project_id == CONSOLE_PROJECT_ID:
        return None
    scopes = PROJECT_KEY_SCOPES.intersection(claims.scopes)
    return Caller("key", None, _ROLES, scopes | ROLE_SCOPES["keys"])


async def _by_console_key(request: Request, stores: Stores, store: ProjectStore, key: str) -> Caller | None:
    """A key of an organisation or of an account; both are for the console project only."""
    found = await stores.keys.find(key)
    if found is None or found.type == "standard":
        return None
    _require_unexpired(found)
    caller = (
        _as_organization(request, found)
        if found.type == "organization"
        else await _as_account(request, store, found)
    )
    if caller is not None:
        _note_access(request, stores, found)
    return caller


def _as_organization(request: Request, key: ApiKey) -> Caller:
    named = request.header(b"x-appwrite-organization")
    if named and named != key.team_id:
        message = (
            "A key of an organisation is for that one only: name it in X-Appwrite-Organization, or none."
        )
        raise TidewireError("organization_id_missing", message)
    scopes = ORGANIZATION_KEY_SCOPES & key.scopes
    return Caller("key", None, _ROLES, scopes | ROLE_SCOPES["keys"], organization_id=key.team_id)


async def _as_account(request: Request, store: ProjectStore, key: ApiKey) -> Caller | None:
    named = request.header(b"x-appwrite-user")
    if not named:
        raise TidewireError(
            "user_id_missing", "A key of an account needs the id of its user in the header X-Appwrite-User."
        )
    identity = await store.identities.by_id(key.user_id) if named == key.user_id else None
    if identity is None:
        return None
    return Caller("user", identity, ("any", *identity.roles), ACCOUNT_KEY_SCOPES & key.scopes)


def _require_unexpired(key: ApiKey) -> None:
    if key.expires and key.expires <= now():
        raise _expired("account_key_expired" if key.type == "account" else "project_key_expired")


def _expired(error_type: str) -> TidewireError:
    return TidewireError(error_type, "The API key has expired.")


def _note_access(request: Request, stores: Stores, key: ApiKey) -> None:
    stores.keys.note_access(key, sdk_of(request))
