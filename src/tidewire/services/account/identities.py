"""Identities of the own account: accounts elsewhere that the user signs in with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.models import Identity, IdentityList
from tidewire.services.account import operations, signed_in
from tidewire.services.account.events import IDENTITY_DELETED
from tidewire.services.answers import datetime_or_empty, opened, shown
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.publishing import publish
from tidewire.services.visits import Visit
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records.user_identities import OWN_IDENTITIES, remove_identity
from tidewire.store.secrets.encryption import Encryption


@operations.read("listIdentities", "GET", "/account/identities", scopes=("account",))
def list_identities(
    connection: Connection,
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(OWN_IDENTITIES.attributes))] = (),
    total: Boolean = True,
) -> IdentityList:
    """List the identities of the signed-in user."""
    user_id = signed_in(context).user_id
    count, rows = list_rows(connection, OWN_IDENTITIES, queries, "", (), total, user_id=user_id)
    return IdentityList(total=count, identities=[identity_of(row, context.encryption) for row in rows])


@operations.audited(
    "deleteIdentity",
    "DELETE",
    "/account/identities/{identityId}",
    scopes=("account",),
    event=IDENTITY_DELETED,
)
def delete_identity(
    transaction: Transaction, context: Context, visit: Visit, identity_id: ResourceId
) -> None:
    """Delete an identity of the signed-in user, who can no longer sign in with it."""
    user_id = signed_in(context).user_id
    row = remove_identity(transaction.connection, identity_id, user_id=user_id)
    publish_removed(transaction, context, row)
    record(transaction, user_id, "identity.delete", visit)


def publish_removed(transaction: Transaction, context: Context, row: Row[Any]) -> None:
    """Write the event of a deleted identity."""
    parameters = {"userId": row.user_id, "identityId": row.id}
    publish(transaction, context, IDENTITY_DELETED, parameters, identity_of(row))


def identity_of(row: Row[Any], encryption: Encryption | None = None) -> Identity:
    """The identity as the API shows it; its tokens, which only its user and servers may see, are opened with
    ``encryption``."""
    return shown(
        Identity,
        row,
        provider_access_token=opened(encryption, row.access_token),
        provider_access_token_expiry=datetime_or_empty(row.access_token_expires_at),
        provider_refresh_token=opened(encryption, row.refresh_token),
    )
