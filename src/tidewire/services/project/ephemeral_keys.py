"""Ephemeral API keys: signed, stored nowhere, and at an end after minutes."""

from __future__ import annotations

from typing import Annotated

import msgspec

from tidewire.core.checks.numbers import Whole
from tidewire.core.ids import unique_id
from tidewire.core.models import EphemeralKey
from tidewire.core.time import format_datetime, now
from tidewire.services.context import Context
from tidewire.services.project import operations
from tidewire.services.project.key_rights import require_own_scopes
from tidewire.services.project.keys import KEY_CREATED, Scopes
from tidewire.services.project.records import managed_project
from tidewire.services.publishing import publish
from tidewire.store.secrets.credentials import encode_key


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
