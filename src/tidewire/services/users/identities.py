"""Identities: accounts that users have at other providers and sign in with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Search
from tidewire.core.models import IdentityList
from tidewire.services.account.events import IDENTITY_DELETED
from tidewire.services.account.identities import identity_of, publish_removed
from tidewire.services.context import Context
from tidewire.services.users import operations
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records.user_identities import IDENTITIES, remove_identity


@operations.read("listIdentities", "GET", "/users/identities", scopes=("users.read",))
def list_identities(
    connection: Connection,
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(IDENTITIES.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> IdentityList:
    """List the identities of all users."""
    count, rows = list_rows(connection, IDENTITIES, queries, search, (), total)
    encryption = context.encryption if context.caller.bypasses_permissions else None
    return IdentityList(total=count, identities=[identity_of(row, encryption) for row in rows])


@operations.write(
    "deleteIdentity",
    "DELETE",
    "/users/identities/{identityId}",
    scopes=("users.write",),
    event=IDENTITY_DELETED,
)
def delete_identity(transaction: Transaction, context: Context, identity_id: ResourceId) -> None:
    """Delete an identity: the user can no longer sign in with it."""
    publish_removed(transaction, context, remove_identity(transaction.connection, identity_id))
