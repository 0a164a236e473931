"""API keys of the project, and who may make them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import msgspec

from tidewire.core.checks.lists import Items, QueryList
from tidewire.core.checks.names import CustomId, KeyScope, ResourceId
from tidewire.core.checks.numbers import Boolean, Datetime, Whole
from tidewire.core.checks.texts import Text
from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.core.identities import Caller
from tidewire.core.ids import chosen_id, unique_id
from tidewire.core.models import EphemeralKey, Key, KeyList
from tidewire.core.time import format_datetime, now
from tidewire.services.answers import datetime_or_empty, shown
from tidewire.services.context import Context
from tidewire.services.project import operations
from tidewire.services.project.records import change_in_instance, managed_project
from tidewire.services.publishing import event_of, publish
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records.api_keys import (
    KEYS,
    ApiKey,
    KeyOwner,
    api_key_of,
    delete_api_key,
    find_key,
    insert_api_key,
    update_api_key,
)
from tidewire.store.secrets.credentials import encode_key

KEY_CREATED: Final = "keys.[keyId].create"
KEY_UPDATED: Final = "keys.[keyId].update"
KEY_DELETED: Final = "keys.[keyId].delete"

Name = Annotated[str, Text(1, 128)]
Scopes = Annotated[Sequence[str], Items(KeyScope(), 200)]
Expire = Annotated[int, Datetime()] | None


@operations.declare(
    "createKey",
    "POST",
    "/project/keys",
    aliases=("/projects/{projectId}/keys",),
    scopes=("keys.write",),
    status=201,
    event=KEY_CREATED,
)
async def create_key(
    context: Context, key_id: CustomId, name: Name, scopes: Scopes, expire: Expire = None
) -> Key:
    """Create an API key; its secret is in this answer only."""
    owner = KeyOwner(project_id=managed_project(context).id)
    require_person(context.caller)
    new_id = chosen_id(key_id)
    created, secret = await change_in_instance(
        context,
        lambda connection: insert_api_key(connection, owner, name, scopes, expire or 0, new_id),
        lambda made: _event(context, KEY_CREATED, made[0]),
    )
    return msgspec.structs.replace(key_of(created), secret=secret)


@operations.declare(
    "listKeys", "GET", "/project/keys", aliases=("/projects/{projectId}/keys",), scopes=("keys.read",)
)
async def list_keys(
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(KEYS.attributes))] = (),
    total: Boolean = True,
) -> KeyList:
    """List the API keys of the project, without their secrets."""
    owner = KeyOwner(project_id=managed_project(context).id)
    count, rows = await context.instance.database.read(
        lambda connection: list_rows(connection, KEYS, queries, "", [owner.condition()], total)
    )
    return KeyList(total=count, keys=[key_of(api_key_of(row)) for row in rows])


@operations.declare(
    "getKey",
    "GET",
    "/project/keys/{keyId}",
    aliases=("/projects/{projectId}/keys/{keyId}",),
    scopes=("keys.read",),
)
async def get_key(context: Context, key_id: ResourceId) -> Key:
    """Get an API key, without its secret."""
    owner = KeyOwner(project_id=managed_project(context).id)
    return key_of(
        await context.instance.database.read(lambda connection: find_key(connection, owner, key_id))
    )


@operations.declare(
    "updateKey",
    "PUT",
    "/project/keys/{keyId}",
    aliases=("/projects/{projectId}/keys/{keyId}",),
    scopes=("keys.write",),
    event=KEY_UPDATED,
)
async def update_key(
    context: Context, key_id: ResourceId, name: Name, scopes: Scopes, expire: Expire = None
) -> Key:
    """Replace name, scopes and end of an API key; its secret stays."""
    owner = KeyOwner(project_id=managed_project(context).id)
    require_own_scopes(context.caller, scopes)
    updated = await change_in_instance(
        context,
        lambda connection: update_api_key(connection, owner, key_id, name, scopes, expire or 0),
        lambda updated: _event(context, KEY_UPDATED, updated),
    )
    return key_of(updated)


@operations.declare(
    "deleteKey",
    "DELETE",
    "/project/keys/{keyId}",
    aliases=("/projects/{projectId}/keys/{keyId}",),
    scopes=("keys.write",),
    event=KEY_DELETED,
)
async def delete_key(context: Context, key_id: ResourceId) -> None:
    """Delete an API key, which no longer works."""
    owner = KeyOwner(project_id=managed_project(context).id)
    await change_in_instance(
        context,
        lambda connection: delete_api_key(connection, owner, key_id),
        lambda deleted: _event(context, KEY_DELETED, deleted),
    )


def _event(context: Context, pattern: str, key: ApiKey) -> Event:
    return event_of(context, pattern, {"keyId": key.id}, key_of(key))


def key_of(key: ApiKey) -> Key:
    """The key as the API shows it, without its secret."""
    return shown(
        Key,
        key,
        expire=datetime_or_empty(key.expires),
        scopes=list(key.listed_scopes),
        secret="",
    )


def require_person(caller: Caller) -> None:
    """Let only people make keys that last; raises ``key_creation_denied``.

    A key that could make others would outlive its own deletion.
    """
    if caller.kind == "key":
        raise TidewireError(
            "key_creation_denied", "An API key cannot create API keys: create an ephemeral key instead."
        )


def require_own_scopes(caller: Caller, scopes: Iterable[str]) -> None:
    """Let programs give a key only scopes that they have; raises ``key_creation_denied``."""
    if caller.kind != "key":
        return
    lacking = sorted(set(scopes) - caller.scopes)
    if lacking:
        raise TidewireError(
            "key_creation_denied",
            f"An API key can give away only scopes that it has, not {', '.join(lacking)}.",
        )


@operations.declare(
    "createEphemeralKey",
    "POST",
    "/project/keys/ephemeral",
    aliases=("/projects/{projectId}/jwts",),
    scopes=("keys.write",),
    status=201,
    event=KEY_CREATED,
)
async def create_ephemeral_key(
    context: Context, scopes: Scopes, duration: Annotated[int, Whole(1, 3600)]
) -> EphemeralKey:
    """Create an API key that lasts ``duration`` seconds; it cannot be revoked."""
    project = managed_project(context)
    require_own_scopes(context.caller, scopes)
    moment = now()
    expires = moment + duration * 1000
    key = EphemeralKey(
        id=unique_id(),
        created_at=format_datetime(moment),
        updated_at=format_datetime(moment),
        name="",
        expire=format_datetime(expires),
        scopes=list(dict.fromkeys(scopes)),
        secret="",
        accessed_at="",
        sdks=[],
    )
    await context.database.write(
        lambda transaction: publish(transaction, context, KEY_CREATED, {"keyId": key.id}, key)
    )
    secret = encode_key(project.id, key.scopes, expires, context.jwt_secret)
    return msgspec.structs.replace(key, secret=secret)
