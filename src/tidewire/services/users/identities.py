"""Identities: accounts that users have at other providers and sign in with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final

import msgspec
from sqlalchemy import delete, select

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Search
from tidewire.core.errors import TidewireError
from tidewire.core.models import Identity, IdentityList
from tidewire.services.account.identities import IDENTITIES, identity_of
from tidewire.services.context import Context
from tidewire.services.publishing import publish
from tidewire.services.users import operations
from tidewire.services.users.events import IDENTITY_DELETED
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.schema import user_identities

_LIST: Final = replace(
    IDENTITIES,
    searchable=(
        user_identities.c.id,
        user_identities.c.user_id,
        user_identities.c.provider,
        user_identities.c.provider_uid,
        user_identities.c.provider_email,
    ),
)


@operations.declare("listIdentities", "GET", "/users/identities", scopes=("users.read",))
async def list_identities(
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(_LIST.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> IdentityList:
    """List the identities of all users."""
    count, rows = await context.database.read(
        lambda connection: list_rows(connection, _LIST, queries, search, (), total)
    )
    identities = [identity_of(row) for row in rows]
    if not context.caller.bypasses_permissions:
        identities = [_without_tokens(identity) for identity in identities]
    return IdentityList(total=count, identities=identities)


@operations.declare(
    "deleteIdentity",
    "DELETE",
    "/users/identities/{identityId}",
    scopes=("users.write",),
    event=IDENTITY_DELETED,
)
async def delete_identity(context: Context, identity_id: ResourceId) -> None:
    """Delete an identity: the user can no longer sign in with it."""

    def unit(transaction: Transaction) -> None:
        of_id = user_identities.c.id == identity_id
        row = transaction.connection.execute(select(user_identities).where(of_id)).one_or_none()
        if row is None:
            raise TidewireError("user_identity_not_found", "There is no identity with this id.")
        transaction.connection.execute(delete(user_identities).where(of_id))
        parameters = {"userId": row.user_id, "identityId": row.id}
        publish(transaction, context, IDENTITY_DELETED, parameters, _without_tokens(identity_of(row)))

    await context.database.write(unit)


def _without_tokens(identity: Identity) -> Identity:
    """The identity as others than servers may see it."""
    return msgspec.structs.replace(identity, provider_access_token="", provider_refresh_token="")
