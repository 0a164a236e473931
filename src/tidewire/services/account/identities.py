"""Accounts elsewhere that the user signs in with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from sqlalchemy import Row, delete, select

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.errors import TidewireError
from tidewire.core.models import Identity, IdentityList
from tidewire.services.account import operations
from tidewire.services.account.records import signed_in
from tidewire.services.answers import datetime_or_empty, shown
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.publishing import publish
from tidewire.services.visits import visit_of
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.schema import user_identities

IDENTITY_DELETED: Final = "users.[userId].identities.[identityId].delete"

IDENTITIES: Final = resource_list(
    user_identities,
    "userId",
    "provider",
    "providerUid",
    "providerEmail",
    "providerAccessTokenExpiry",
    columns={"providerAccessTokenExpiry": user_identities.c.access_token_expires_at},
)


@operations.declare("listIdentities", "GET", "/account/identities", scopes=("account",))
async def list_identities(
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(IDENTITIES.attributes))] = (),
    total: Boolean = True,
) -> IdentityList:
    """List the accounts elsewhere of the signed-in user."""
    own = user_identities.c.user_id == signed_in(context).user_id
    count, rows = await context.database.read(
        lambda connection: list_rows(connection, IDENTITIES, queries, "", [own], total)
    )
    return IdentityList(total=count, identities=[identity_of(row) for row in rows])


@operations.declare(
    "deleteIdentity",
    "DELETE",
    "/account/identities/{identityId}",
    scopes=("account",),
    event=IDENTITY_DELETED,
)
async def delete_identity(context: Context, identity_id: ResourceId) -> None:
    """Part from an account elsewhere: it signs in to this one no longer."""
    user_id = signed_in(context).user_id
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> None:
        row = transaction.connection.execute(
            select(user_identities).where(
                user_identities.c.id == identity_id, user_identities.c.user_id == user_id
            )
        ).one_or_none()
        if row is None:
            raise TidewireError("user_identity_not_found", "This identity does not exist.")
        transaction.connection.execute(
            delete(user_identities).where(user_identities.c.sequence == row.sequence)
        )
        parameters = {"userId": user_id, "identityId": identity_id}
        publish(transaction, context, IDENTITY_DELETED, parameters, _without_tokens(row))
        record(transaction, user_id, "identity.delete", visit)

    await context.database.write(unit)


def identity_of(row: Row[Any]) -> Identity:
    """The identity as the API shows it."""
    return shown(
        Identity,
        row,
        provider_access_token=row.access_token,
        provider_access_token_expiry=datetime_or_empty(row.access_token_expires_at),
        provider_refresh_token=row.refresh_token,
    )


def _without_tokens(row: Row[Any]) -> Identity:
    """For events: the tokens are secrets of the user and the provider."""
    return msgspec.structs.replace(identity_of(row), provider_access_token="", provider_refresh_token="")
